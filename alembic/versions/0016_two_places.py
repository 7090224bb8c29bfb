"""A migrant's two places: what either side says, what a person agreed to, what another place asks, and what goes to other counties."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

RECORD = """
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
"""
OF_PERSON = """
    CONSTRAINT {0}_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT {0}_person_fkey FOREIGN KEY(county_id, person_id, place_id) REFERENCES person (county_id, id, place_id)
        DEFERRABLE INITIALLY DEFERRED
"""
TABLES = (
    f"""
CREATE TABLE consent ({RECORD}
    person_id uuid NOT NULL,
    purpose text NOT NULL,
    act text NOT NULL,
    acted_at timestamptz NOT NULL,
    text_version text NOT NULL,
    through text NOT NULL,
    {OF_PERSON.format("consent")}
)
""",
    f"""
CREATE TABLE residence_proposal ({RECORD}
    side text NOT NULL,
    name text,
    sex integer,
    born_on date,
    registered_in text,
    living_in text,
    since_on date,
    until_on date,
    cause text,
    declined_because text,
    status text NOT NULL,
    proposed_on date NOT NULL,
    reminded_on date,
    theirs jsonb,
    CONSTRAINT residence_proposal_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT residence_proposal_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    f"""
CREATE TABLE residence ({RECORD}
    residence_id uuid NOT NULL,
    side text NOT NULL,
    person_id uuid NOT NULL,
    registered_in text,
    living_in text,
    since_on date NOT NULL,
    until_on date,
    cause text NOT NULL,
    services jsonb NOT NULL,
    wishes text,
    asks text[] NOT NULL,
    declined_because text,
    comes_home_on date,
    state text NOT NULL,
    other jsonb,
    claimed_elsewhere boolean NOT NULL,
    waiting_since date,
    reminded_on date,
    theirs jsonb,
    consented jsonb NOT NULL,
    {OF_PERSON.format("residence")}
)
""",
    """
CREATE TABLE outbox (
    county_id integer NOT NULL,
    residence_id uuid NOT NULL,
    side text NOT NULL,
    to_code text NOT NULL,
    part jsonb NOT NULL,
    version integer NOT NULL,
    made_at timestamptz NOT NULL,
    delivered_version integer NOT NULL,
    tries integer NOT NULL,
    try_at timestamptz NOT NULL,
    dead boolean NOT NULL,
    receipt text,
    problem text,
    CONSTRAINT outbox_pkey PRIMARY KEY (county_id, residence_id, side)
)
""",
    "CREATE INDEX consent_place_purpose_idx ON consent (county_id, place_id, purpose, id)",
    "CREATE INDEX consent_township_purpose_idx ON consent (county_id, township_id, purpose, id)",
    "CREATE INDEX consent_person_idx ON consent (county_id, person_id)",
    "CREATE INDEX residence_proposal_place_day_idx ON residence_proposal (county_id, place_id, proposed_on, id)",
    "CREATE INDEX residence_proposal_township_day_idx ON residence_proposal (county_id, township_id, proposed_on, id)",
    "CREATE INDEX residence_place_since_idx ON residence (county_id, place_id, since_on, id)",
    "CREATE INDEX residence_township_since_idx ON residence (county_id, township_id, since_on, id)",
    "CREATE INDEX residence_person_idx ON residence (county_id, person_id)",
    "CREATE INDEX residence_pair_idx ON residence (county_id, residence_id)",
    "CREATE INDEX outbox_due_idx ON outbox (county_id, try_at, residence_id) WHERE NOT dead AND delivered_version < version",
)
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[])), false)"
)
# No place of its own: the service and the county's desk
OF_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND current_setting('app.wide', true) = '*', false)"
POLICIES = {"consent": IN_SCOPE, "residence_proposal": IN_SCOPE, "residence": IN_SCOPE, "outbox": OF_COUNTY}


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table, scope in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({scope}) WITH CHECK ({scope})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO jiafang_app")


def downgrade() -> None:
    for table in ("outbox", "residence", "residence_proposal", "consent"):
        op.execute(f"DROP TABLE {table}")

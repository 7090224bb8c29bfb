"""The house and the road: places, people who sign in, households and visits, revisions and the feed.

The app's role owns nothing here and gets what it needs, table by table: it never deletes a record, and the trail is append-only for it.
Row security is the net under the WHERE of every statement (decision 0003): enabled, not forced; one filter without sub-selects, each part
of which can be evaluated alone, so that it never becomes an index condition of somebody else's plan.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
CREATE TABLE county (
    county_id integer NOT NULL,
    code text NOT NULL,
    CONSTRAINT county_pkey PRIMARY KEY (county_id),
    CONSTRAINT county_code_key UNIQUE (code)
)
""",
    """
CREATE TABLE clock (
    county_id integer NOT NULL,
    tick bigint NOT NULL,
    floor_tick bigint NOT NULL,
    CONSTRAINT clock_pkey PRIMARY KEY (county_id),
    CONSTRAINT clock_county_fkey FOREIGN KEY(county_id) REFERENCES county (county_id)
) WITH (fillfactor = 10)
""",
    """
CREATE TABLE login (
    username text NOT NULL,
    county_id integer NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT login_pkey PRIMARY KEY (username)
)
""",
    """
CREATE TABLE sign_in_attempts (
    subject bytea NOT NULL,
    tries integer NOT NULL,
    until timestamptz NOT NULL,
    CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (subject)
)
""",
    """
CREATE TABLE place (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    code text,
    name text NOT NULL,
    level text NOT NULL,
    group_number integer,
    parent_id integer,
    successor_ids integer[] NOT NULL,
    valid_from date,
    valid_to date,
    valid_to_provisional boolean NOT NULL,
    former_names text[] NOT NULL,
    CONSTRAINT place_pkey PRIMARY KEY (county_id, place_id),
    CONSTRAINT place_id_key UNIQUE (county_id, id),
    CONSTRAINT place_code_key UNIQUE (county_id, code),
    CONSTRAINT place_parent_fkey FOREIGN KEY(county_id, parent_id) REFERENCES place (county_id, place_id),
    CONSTRAINT place_county_fkey FOREIGN KEY(county_id) REFERENCES county (county_id)
)
""",
    "CREATE INDEX place_parent_idx ON place (county_id, parent_id)",
    """
CREATE TABLE app_user (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    username text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    language text NOT NULL,
    password_hash text NOT NULL,
    password_temporary boolean NOT NULL,
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT app_user_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT app_user_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    """
CREATE TABLE device (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    started_tick bigint NOT NULL,
    registered_at timestamptz NOT NULL,
    signed_in_at timestamptz NOT NULL,
    state text NOT NULL,
    state_at timestamptz NOT NULL,
    CONSTRAINT device_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT device_user_fkey FOREIGN KEY(county_id, user_id) REFERENCES app_user (county_id, id)
)
""",
    "CREATE INDEX device_user_idx ON device (county_id, user_id)",
    """
CREATE TABLE membership (
    county_id integer NOT NULL,
    user_id uuid NOT NULL,
    place_id integer NOT NULL,
    granted_tick bigint NOT NULL,
    revoked_tick bigint,
    reach text NOT NULL,
    role text NOT NULL,
    granted_by uuid,
    revoked_by uuid,
    granted_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT membership_pkey PRIMARY KEY (county_id, user_id, place_id, granted_tick),
    CONSTRAINT membership_user_fkey FOREIGN KEY(county_id, user_id) REFERENCES app_user (county_id, id),
    CONSTRAINT membership_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    "CREATE UNIQUE INDEX membership_held_key ON membership (county_id, user_id, place_id) WHERE revoked_tick IS NULL",
    "CREATE INDEX membership_place_idx ON membership (county_id, place_id)",
    """
CREATE TABLE refresh_token (
    county_id integer NOT NULL,
    hash bytea NOT NULL,
    device_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT refresh_token_pkey PRIMARY KEY (county_id, hash),
    CONSTRAINT refresh_token_device_fkey FOREIGN KEY(county_id, device_id) REFERENCES device (county_id, id)
)
""",
    "CREATE INDEX refresh_token_device_idx ON refresh_token (county_id, device_id)",
    """
CREATE TABLE account_event (
    county_id integer NOT NULL,
    event_id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL,
    act text NOT NULL,
    by_user_id uuid,
    by_device_id uuid,
    at timestamptz NOT NULL,
    facts jsonb NOT NULL,
    CONSTRAINT account_event_pkey PRIMARY KEY (county_id, event_id)
)
""",
    """
CREATE TABLE catalogue_entry (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    catalogue text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    name_en text NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT catalogue_entry_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT catalogue_entry_code_key UNIQUE (county_id, catalogue, code),
    CONSTRAINT catalogue_entry_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    """
CREATE TABLE household (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    number text NOT NULL,
    address text,
    phones text[] NOT NULL,
    status text NOT NULL,
    last_visited_on date,
    CONSTRAINT household_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT household_place_key UNIQUE (county_id, id, place_id),
    CONSTRAINT household_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    "CREATE INDEX household_place_number_idx ON household (county_id, place_id, number, id)",
    "CREATE INDEX household_township_number_idx ON household (county_id, township_id, number, id)",
    """
CREATE TABLE visit (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    rev integer NOT NULL,
    voided boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    created_by uuid,
    household_id uuid NOT NULL,
    visited_on date NOT NULL,
    manner text NOT NULL,
    outcome text NOT NULL,
    purposes text[] NOT NULL,
    agreed text,
    notes text,
    worker_id uuid,
    with_worker_ids uuid[] NOT NULL,
    CONSTRAINT visit_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT visit_household_fkey FOREIGN KEY(county_id, household_id, place_id) REFERENCES household (county_id, id, place_id)
        DEFERRABLE INITIALLY DEFERRED
)
""",
    "CREATE INDEX visit_household_day_idx ON visit (county_id, household_id, visited_on, id)",
    "CREATE INDEX visit_place_day_idx ON visit (county_id, place_id, visited_on, id)",
    "CREATE INDEX visit_township_day_idx ON visit (county_id, township_id, visited_on, id)",
    """
CREATE TABLE revision (
    county_id integer NOT NULL,
    kind text NOT NULL,
    id uuid NOT NULL,
    rev integer NOT NULL,
    by_user_id uuid,
    device_id uuid,
    made_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    mark bytea NOT NULL,
    changes jsonb,
    void_reason text,
    CONSTRAINT revision_pkey PRIMARY KEY (county_id, kind, id, rev)
)
""",
    """
CREATE TABLE change (
    county_id integer NOT NULL,
    kind text NOT NULL,
    id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    tick bigint NOT NULL,
    op text NOT NULL,
    reason text,
    successor_id uuid,
    rev integer NOT NULL,
    mark bigint GENERATED ALWAYS AS
        (('x' || substr(encode(sha256((id::text || ':' || rev::text)::bytea), 'hex'), 1, 12))::bit(48)::bigint) STORED NOT NULL,
    CONSTRAINT change_pkey PRIMARY KEY (county_id, kind, id, place_id)
)
""",
    "CREATE INDEX change_place_tick_idx ON change (county_id, place_id, tick, kind, id)",
    "CREATE INDEX change_township_tick_idx ON change (county_id, township_id, tick, kind, id)",
)

IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[]){above}), false)"
)
ABOVE = " OR place_id = ANY (nullif(current_setting('app.above', true), '')::int[])"
IN_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int, false)"
POLICIES = {
    "household": IN_SCOPE.format(above=""),
    "visit": IN_SCOPE.format(above=""),
    "catalogue_entry": IN_SCOPE.format(above=ABOVE),
    "revision": IN_COUNTY,  # no place of its own: read only beside its record
    "change": IN_COUNTY,
}
GRANTS = {
    "SELECT": "alembic_version",
    "SELECT, INSERT": "county, login, account_event, revision",
    "SELECT, INSERT, UPDATE": "clock, place, app_user, device, membership, catalogue_entry, household, visit, change",
    "SELECT, INSERT, UPDATE, DELETE": "refresh_token, sign_in_attempts",
}


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table, allowed in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({allowed}) WITH CHECK ({allowed.replace(ABOVE, '')})")
    for rights, tables in GRANTS.items():
        op.execute(f"GRANT {rights} ON {tables} TO jiafang_app")


def downgrade() -> None:
    tables = "change, revision, visit, household, catalogue_entry, account_event, refresh_token, membership, device, app_user, place, clock"
    for table in f"{tables}, sign_in_attempts, login, county".split(", "):
        op.execute(f"DROP TABLE {table}")

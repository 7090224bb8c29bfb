"""Check-ups: programmes, their sessions, and who came.

A person's key takes in the place, as a household's does, since attendances lie below people and move along.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
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
TABLES = (
    f"""
CREATE TABLE checkup_programme ({RECORD}
    name text NOT NULL,
    basis text NOT NULL,
    who jsonb NOT NULL,
    rounds jsonb NOT NULL,
    active boolean NOT NULL,
    CONSTRAINT checkup_programme_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT checkup_programme_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    f"""
CREATE TABLE checkup_session ({RECORD}
    programme_id uuid NOT NULL,
    round integer NOT NULL,
    held_on date NOT NULL,
    from_time text,
    to_time text,
    venue text NOT NULL,
    capacity integer,
    make_up_for_id uuid,
    status text NOT NULL,
    "full" boolean NOT NULL,
    over_by integer NOT NULL,
    arranged_at timestamptz,
    CONSTRAINT checkup_session_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT checkup_session_place_fkey FOREIGN KEY(county_id, place_id) REFERENCES place (county_id, place_id)
)
""",
    f"""
CREATE TABLE attendance ({RECORD}
    programme_id uuid NOT NULL,
    round integer NOT NULL,
    person_id uuid NOT NULL,
    session_id uuid,
    state text NOT NULL,
    attended_at timestamptz,
    walk_in boolean NOT NULL,
    undone_at timestamptz,
    waiting_since timestamptz,
    make_up_used boolean NOT NULL,
    joined_into_id uuid,
    said text[] NOT NULL,
    seat_at timestamptz,
    informed_at timestamptz,
    reminders integer NOT NULL,
    CONSTRAINT attendance_pkey PRIMARY KEY (county_id, id),
    CONSTRAINT attendance_person_fkey FOREIGN KEY(county_id, person_id, place_id) REFERENCES person (county_id, id, place_id)
        DEFERRABLE INITIALLY DEFERRED
)
""",
    "CREATE INDEX checkup_session_place_day_idx ON checkup_session (county_id, place_id, held_on, id)",
    "CREATE INDEX checkup_session_township_day_idx ON checkup_session (county_id, township_id, held_on, id)",
    "CREATE INDEX attendance_place_round_idx ON attendance (county_id, place_id, round, id)",
    "CREATE INDEX attendance_township_round_idx ON attendance (county_id, township_id, round, id)",
    "CREATE INDEX attendance_person_idx ON attendance (county_id, person_id)",
    "CREATE INDEX attendance_session_idx ON attendance (county_id, session_id)",
)
IN_SCOPE = (
    "coalesce(county_id = nullif(current_setting('app.county', true), '')::int AND (current_setting('app.wide', true) = '*'"
    " OR township_id = ANY (nullif(current_setting('app.townships', true), '')::int[])"
    " OR place_id = ANY (nullif(current_setting('app.places', true), '')::int[]){above}), false)"
)
ABOVE = " OR place_id = ANY (nullif(current_setting('app.above', true), '')::int[])"
POLICIES = {"checkup_programme": ABOVE, "checkup_session": ABOVE, "attendance": ""}


def upgrade() -> None:
    op.execute("ALTER TABLE person ADD CONSTRAINT person_place_key UNIQUE (county_id, id, place_id)")
    for statement in TABLES:
        op.execute(statement)
    for table, above in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        using, check = IN_SCOPE.format(above=above), IN_SCOPE.format(above="")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({using}) WITH CHECK ({check})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO jiafang_app")


def downgrade() -> None:
    for table in ("attendance", "checkup_session", "checkup_programme"):
        op.execute(f"DROP TABLE {table}")
    op.execute("ALTER TABLE person DROP CONSTRAINT person_place_key")

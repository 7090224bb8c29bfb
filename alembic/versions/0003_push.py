"""Push: what phones sent and what did not become a revision as it was.

Their rows are read by who sent them, whatever places are held now, and by the officer of the township, by the WHERE of each statement; so,
like the trail's, their policy is the county.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = {
    "kept_op": """
CREATE TABLE kept_op (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    state text NOT NULL,
    reason text,
    kind text NOT NULL,
    record_id uuid NOT NULL,
    user_id uuid NOT NULL,
    device_id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    op json NOT NULL,
    problem json,
    waits_for uuid,
    received_at timestamptz NOT NULL,
    settled text,
    settled_at timestamptz,
    settled_by uuid,
    CONSTRAINT kept_op_pkey PRIMARY KEY (county_id, id)
)
""",
    "conflict": """
CREATE TABLE conflict (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    record_id uuid NOT NULL,
    field text NOT NULL,
    yours json,
    theirs json,
    mark bytea NOT NULL,
    user_id uuid NOT NULL,
    device_id uuid NOT NULL,
    place_id integer NOT NULL,
    township_id integer NOT NULL,
    made_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    settled text,
    settled_at timestamptz,
    settled_by uuid,
    CONSTRAINT conflict_pkey PRIMARY KEY (county_id, id)
)
""",
}
IN_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int, false)"


def upgrade() -> None:
    for table, create in TABLES.items():
        op.execute(create)
        op.execute(f"CREATE INDEX {table}_record_idx ON {table} (county_id, record_id)")
        listed = "state, seq" if table == "kept_op" else "seq"
        op.execute(f"CREATE INDEX {table}_user_idx ON {table} (county_id, user_id, {listed})")
        op.execute(f"CREATE INDEX {table}_township_idx ON {table} (county_id, township_id, {listed})")
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({IN_COUNTY}) WITH CHECK ({IN_COUNTY})")
        op.execute(f"GRANT SELECT, INSERT, UPDATE ON {table} TO jiafang_app")
    op.execute("CREATE INDEX kept_op_waits_idx ON kept_op (county_id, waits_for) WHERE state = 'held' AND settled IS NULL")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")

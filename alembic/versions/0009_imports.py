"""Imports of registers, and the rows of their files until a day after the end.

Their statements name the townships that are held; so, like the lists of what phones sent, their policy is the county.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = {
    "import": """
CREATE TABLE import (
    county_id integer NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    file_name text NOT NULL,
    state text NOT NULL,
    townships integer[] NOT NULL,
    by_user_id uuid,
    user_id uuid,
    device_id uuid,
    file bytea,
    at_row integer NOT NULL,
    rows integer NOT NULL,
    done integer NOT NULL,
    created integer NOT NULL,
    unchanged integer NOT NULL,
    refused integer NOT NULL,
    undone integer NOT NULL,
    problem_count integer NOT NULL,
    problems json NOT NULL,
    note_count integer NOT NULL,
    notes json NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT import_pkey PRIMARY KEY (county_id, id)
)
""",
    "import_row": """
CREATE TABLE import_row (
    county_id integer NOT NULL,
    import_id uuid NOT NULL,
    row integer NOT NULL,
    id uuid NOT NULL,
    doc json NOT NULL,
    outcome text,
    CONSTRAINT import_row_pkey PRIMARY KEY (county_id, import_id, row)
)
""",
}
RIGHTS = {"import": "SELECT, INSERT, UPDATE", "import_row": "SELECT, INSERT, UPDATE, DELETE"}
IN_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int, false)"


def upgrade() -> None:
    for table, create in TABLES.items():
        op.execute(create)
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({IN_COUNTY}) WITH CHECK ({IN_COUNTY})")
        op.execute(f"GRANT {RIGHTS[table]} ON {table} TO jiafang_app")
    op.execute("CREATE INDEX import_seq_idx ON import (county_id, seq)")
    op.execute("CREATE INDEX import_open_idx ON import (county_id, seq) WHERE state IN ('reading', 'running', 'undoing')")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TABLE {table}")

"""Records that look alike and are two. Read and written beside records in scope, so its policy is the county, like the trail's."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NOT_DOUBLE = """
CREATE TABLE not_double (
    county_id integer NOT NULL,
    kind text NOT NULL,
    one uuid NOT NULL,
    other uuid NOT NULL,
    by_user_id uuid,
    at timestamptz NOT NULL,
    CONSTRAINT not_double_pkey PRIMARY KEY (county_id, kind, one, other)
)
"""
IN_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int, false)"


def upgrade() -> None:
    op.execute(NOT_DOUBLE)
    op.execute("ALTER TABLE not_double ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY not_double_scope ON not_double USING ({IN_COUNTY}) WITH CHECK ({IN_COUNTY})")
    op.execute("GRANT SELECT, INSERT ON not_double TO jiafang_app")


def downgrade() -> None:
    op.execute("DROP TABLE not_double")

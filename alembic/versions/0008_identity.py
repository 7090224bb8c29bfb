"""Identity numbers, sealed, and the log of who read them.

The log's policy is the county, like the trail's: statements join it to the person, who may move.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ACCESS_LOG = """
CREATE TABLE access_log (
    county_id integer NOT NULL,
    person_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    by_user_id uuid NOT NULL,
    by_device_id uuid NOT NULL,
    what text NOT NULL,
    purpose text NOT NULL,
    CONSTRAINT access_log_pkey PRIMARY KEY (county_id, person_id, seq)
)
"""
COLUMNS = {"identity_sealed": "bytea", "identity_blind": "bytea", "identity_last4": "text"}
IN_COUNTY = "coalesce(county_id = nullif(current_setting('app.county', true), '')::int, false)"


def upgrade() -> None:
    for name, of in COLUMNS.items():
        op.execute(f"ALTER TABLE person ADD COLUMN {name} {of}")
    op.execute("CREATE INDEX person_identity_idx ON person (county_id, identity_blind) WHERE identity_blind IS NOT NULL")
    op.execute(ACCESS_LOG)
    op.execute("ALTER TABLE access_log ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY access_log_scope ON access_log USING ({IN_COUNTY}) WITH CHECK ({IN_COUNTY})")
    op.execute("GRANT SELECT, INSERT ON access_log TO jiafang_app")


def downgrade() -> None:
    op.execute("DROP TABLE access_log")
    for name in COLUMNS:
        op.execute(f"ALTER TABLE person DROP COLUMN {name}")

"""The family's seat: who reads the household that they head."""

from alembic import op

revision = "0022"
down_revision = "0017"
branch_labels = None
depends_on = None

SEAT = """
CREATE TABLE seat (
    county_id integer NOT NULL,
    user_id uuid NOT NULL,
    household_id uuid NOT NULL,
    person_id uuid NOT NULL,
    granted_tick bigint NOT NULL,
    revoked_tick bigint,
    CONSTRAINT seat_pkey PRIMARY KEY (county_id, user_id, granted_tick),
    CONSTRAINT seat_user_fkey FOREIGN KEY(county_id, user_id) REFERENCES app_user (county_id, id)
)
"""


def upgrade() -> None:
    op.execute(SEAT)
    op.execute("CREATE UNIQUE INDEX seat_held_key ON seat (county_id, user_id) WHERE revoked_tick IS NULL")
    op.execute("CREATE UNIQUE INDEX seat_person_key ON seat (county_id, person_id) WHERE revoked_tick IS NULL")
    op.execute("GRANT SELECT, INSERT, UPDATE ON seat TO jiafang_app")


def downgrade() -> None:
    op.execute("DROP TABLE seat")

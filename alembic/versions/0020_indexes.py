"""A worker's visits are found by an index also in a county of a million; consents are listed of one person, and need none by place.

Without the first a county's list of one worker's visits read all visits of all townships: 650 times as long as in the demonstration county.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX visit_worker_day_idx ON visit (county_id, worker_id, township_id, visited_on, id)")
    op.execute("DROP INDEX consent_place_purpose_idx")
    op.execute("DROP INDEX consent_township_purpose_idx")


def downgrade() -> None:
    op.execute("CREATE INDEX consent_township_purpose_idx ON consent (county_id, township_id, purpose, id)")
    op.execute("CREATE INDEX consent_place_purpose_idx ON consent (county_id, place_id, purpose, id)")
    op.execute("DROP INDEX visit_worker_day_idx")

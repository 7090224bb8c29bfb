"""What was joined into a record is found when that record is to be voided."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("household", "person"):
        op.execute(f"CREATE INDEX {table}_joined_idx ON {table} (county_id, joined_into_id) WHERE joined_into_id IS NOT NULL")


def downgrade() -> None:
    for table in ("household", "person"):
        op.execute(f"DROP INDEX {table}_joined_idx")

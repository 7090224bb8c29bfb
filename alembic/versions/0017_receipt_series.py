"""The series of a receipt is found by its book and number."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX receipt_number_book_idx ON receipt_number (county_id, book_id, number)")


def downgrade() -> None:
    op.execute("DROP INDEX receipt_number_book_idx")

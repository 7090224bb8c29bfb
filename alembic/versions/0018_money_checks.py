"""A number of a receipt is found by its book."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX receipt_number_book_idx ON receipt_number (county_id, book_id, number)")


def downgrade() -> None:
    op.execute("DROP INDEX receipt_number_book_idx")

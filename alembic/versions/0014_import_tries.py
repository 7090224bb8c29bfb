"""How often the reading of a file was begun: one that ends the process is not read for ever."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE import ADD COLUMN tries integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE import DROP COLUMN tries")

"""A device no longer says when it started: a phone's cursor carries what is needed (decision 0008)."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # squawk: clients read columns by name, and the service starts only at the schema that it needs
    op.execute("-- squawk-ignore ban-drop-column\nALTER TABLE device DROP COLUMN started_tick")


def downgrade() -> None:
    op.execute("ALTER TABLE device ADD COLUMN started_tick bigint NOT NULL DEFAULT 0")

"""What charges and payments say of the ledger is checked by the database too.

The checks hold for all that the service ever wrote. Where they don't, books were changed past it: the migration stops and nothing is
changed, since no rule can say which of the two is true. A charge that was voided after it was waived, or that was recorded only, says now
that it is cancelled; phones dropped it when it was voided.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

CHECKS = (
    ("charge", "charge_paid_check", "paid_fen BETWEEN 0 AND amount_fen"),
    ("payment", "payment_left_check", "left_fen BETWEEN 0 AND amount_fen"),
)


def upgrade() -> None:
    op.execute("UPDATE charge SET status = 'cancelled' WHERE voided AND status <> 'cancelled'")
    for table, name, check in CHECKS:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({check})")


def downgrade() -> None:
    for table, name, _ in CHECKS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")

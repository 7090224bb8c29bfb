from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, CheckConstraint, Index, Text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow, below_household


class Refund(RecordRow, table=True):
    __tablename__ = "refund"
    __table_args__ = (
        *below_household("refund", "status", "status"),
        Index("refund_payment_idx", "county_id", "payment_id"),
        CheckConstraint("amount_fen > 0", name="refund_amount_check"),
        CheckConstraint("status <> 'approved' OR coalesce(decided_by <> created_by, false)", name="refund_approver_check"),
    )
    household_id: UUID
    payment_id: UUID
    amount_fen: int = Field(sa_type=BigInteger)
    manner: str = Field(sa_type=Text)
    paid_from: str = Field(sa_type=Text)
    because: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    collected_by: UUID | None
    decided_by: UUID | None
    decided_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


ORDER = {"status": ("text", "asc")}
FILTERS = {
    "household_id": "t.household_id = {}::uuid",
    "payment_id": "t.payment_id = {}::uuid",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
}
# Payments by id, with what was given back of them
REFUNDED = """
SELECT t.*, (SELECT coalesce(sum(r.amount_fen), 0)::bigint FROM refund r
    WHERE r.county_id = $1 AND r.payment_id = t.id AND r.status = 'approved') AS refunded_fen
FROM payment t WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[]))
  AND $5::date IS NOT NULL"""

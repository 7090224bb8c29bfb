from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow, below_household


class Charge(RecordRow, table=True):
    __tablename__ = "charge"
    __table_args__ = (
        *below_household("charge", "due_on", "day"),
        Index("charge_open_idx", "county_id", "household_id", postgresql_where=text("status = 'open'")),
        CheckConstraint("paid_fen BETWEEN 0 AND amount_fen", name="charge_paid_check"),
        CheckConstraint("status <> 'waived' OR coalesce(waiver_approved_by <> waiver_by, false)", name="charge_waiver_check"),
    )
    fee_item_id: UUID
    household_id: UUID
    person_id: UUID | None
    amount_fen: int = Field(sa_type=BigInteger)
    due_on: date
    proof_number: str | None = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    paid_fen: int = Field(sa_type=BigInteger)
    waived_because: str | None = Field(sa_type=Text)
    waiver_by: UUID | None
    waiver_approved_by: UUID | None


ORDER = {"due_on": ("date", "asc")}
FILTERS = {
    "household_id": "t.household_id = {}::uuid",
    "person_id": "t.person_id = {}::uuid",
    "fee_item_id": "t.fee_item_id = {}::uuid",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
    "due_to": "t.due_on <= {}::date",
    "waiver_asked": "(t.waiver_by IS NOT NULL AND t.waiver_approved_by IS NULL) = {}::bool",
}

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow, below_household


class Payment(RecordRow, table=True):
    __tablename__ = "payment"
    __table_args__ = (
        *below_household("payment", "paid_on", "day"),
        Index("payment_left_idx", "county_id", "household_id", "paid_on", "created_at", "id", postgresql_where=text("left_fen > 0")),
        Index("payment_receipt_idx", "county_id", "receipt_book_id", "receipt_number"),
        CheckConstraint("amount_fen > 0", name="payment_amount_check"),
        CheckConstraint("left_fen BETWEEN 0 AND amount_fen", name="payment_left_check"),
    )
    household_id: UUID
    amount_fen: int = Field(sa_type=BigInteger)
    means: str = Field(sa_type=Text)
    paid_on: date
    receipt_book_id: UUID | None
    receipt_number: int | None
    payer_name: str | None = Field(sa_type=Text)
    for_charge_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    received_by: UUID | None
    left_fen: int = Field(sa_type=BigInteger)
    fiscal_code: str | None = Field(sa_type=Text)
    fiscal_number: str | None = Field(sa_type=Text)
    fiscal_check_code: str | None = Field(sa_type=Text)


ORDER = {"paid_on": ("date", "desc")}
FILTERS = {
    "household_id": "t.household_id = {}::uuid",
    "place_id": IN_PLACE,
    "received_by": "t.received_by = {}::uuid",
    "means": "t.means = {}::text",
    "receipt_book_id": "t.receipt_book_id = {}::uuid",
    "receipt_number": "t.receipt_number = {}::int",
    "paid_from": "t.paid_on >= {}::date",
    "paid_to": "t.paid_on <= {}::date",
    "has_credit": "(t.left_fen > 0) = {}::bool",
}

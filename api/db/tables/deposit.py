from datetime import date

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class Deposit(RecordRow, table=True):
    __tablename__ = "deposit"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="deposit_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="deposit_place_fkey"),
        Index("deposit_place_day_idx", "county_id", "place_id", "deposited_on", "id"),
        Index("deposit_township_day_idx", "county_id", "township_id", "deposited_on", "id"),
        CheckConstraint("amount_fen > 0", name="deposit_amount_check"),
    )
    amount_fen: int = Field(sa_type=BigInteger)
    deposited_on: date
    bank_reference: str = Field(sa_type=Text)


ORDER = {"deposited_on": ("date", "desc")}
FILTERS = {"place_id": IN_PLACE, "deposited_from": "t.deposited_on >= {}::date"}

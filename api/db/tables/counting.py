from datetime import date, datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class Counting(RecordRow, table=True):
    __tablename__ = "counting"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="counting_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="counting_place_fkey"),
        Index("counting_place_day_idx", "county_id", "place_id", "counted_on", "id"),
        Index("counting_township_day_idx", "county_id", "township_id", "counted_on", "id"),
        CheckConstraint("amount_fen > 0", name="counting_amount_check"),
        CheckConstraint("status <> 'confirmed' OR coalesce(confirmed_by <> created_by, false)", name="counting_both_check"),
    )
    worker_id: UUID
    amount_fen: int = Field(sa_type=BigInteger)
    counted_on: date
    status: str = Field(sa_type=Text)
    confirmed_by: UUID | None
    confirmed_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


OWN = "worker_id"  # whose cash it is
ORDER = {"counted_on": ("date", "desc")}
FILTERS = {"worker_id": "t.worker_id = {}::uuid", "place_id": IN_PLACE, "status": "t.status = {}::text"}

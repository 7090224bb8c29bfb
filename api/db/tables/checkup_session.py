from datetime import date, datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class CheckupSession(RecordRow, table=True):
    """`arranged_at`: when its day, hours or venue last changed, or it was called off; null: it is as it was made."""

    __tablename__ = "checkup_session"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="checkup_session_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="checkup_session_place_fkey"),
        Index("checkup_session_place_day_idx", "county_id", "place_id", "held_on", "id"),
        Index("checkup_session_township_day_idx", "county_id", "township_id", "held_on", "id"),
    )
    programme_id: UUID
    round: int
    held_on: date
    from_time: str | None = Field(sa_type=Text)
    to_time: str | None = Field(sa_type=Text)
    venue: str = Field(sa_type=Text)
    capacity: int | None
    make_up_for_id: UUID | None
    status: str = Field(sa_type=Text)
    full: bool
    over_by: int
    arranged_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


ORDER = {"held_on": ("date", "asc")}
FILTERS = {
    "programme_id": "t.programme_id = {}::uuid",
    "round": "t.round = {}::int",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
    "held_from": "t.held_on >= {}::date",
    "held_to": "t.held_on <= {}::date",
}

from datetime import date
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow
from api.db.tables.search import begins


class Household(RecordRow, table=True):
    __tablename__ = "household"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="household_pkey"),
        # what lies below a household names its place too, so that a child can never be in another place than its household
        UniqueConstraint("county_id", "id", "place_id", name="household_place_key"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="household_place_fkey"),
        Index("household_place_number_idx", "county_id", "place_id", "number", "id"),
        Index("household_township_number_idx", "county_id", "township_id", "number", "id"),
        Index("household_joined_idx", "county_id", "joined_into_id", postgresql_where=text("joined_into_id IS NOT NULL")),
    )
    number: str = Field(sa_type=Text)
    address: str | None = Field(sa_type=Text)
    head_id: UUID | None
    phones: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    status: str = Field(sa_type=Text)
    joined_into_id: UUID | None
    last_visited_on: date | None


ORDER = {"number": ("text", "asc")}
FILTERS = {
    "q": begins("household"),
    "place_id": IN_PLACE,
    "number": "t.number = {}::text",
    "status": "t.status = {}::text",
    "not_visited_since": "(t.last_visited_on IS NULL OR t.last_visited_on < {}::date)",
}

from datetime import date
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow
from api.db.tables.search import begins


class Person(RecordRow, table=True):
    """`alike`: equal in two records that look like one person (rules/person.py)."""

    __tablename__ = "person"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="person_pkey"),
        ForeignKeyConstraint(
            ["county_id", "household_id", "place_id"],
            ["household.county_id", "household.id", "household.place_id"],
            name="person_household_fkey",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("person_place_name_idx", "county_id", "place_id", "name", "id"),
        Index("person_township_name_idx", "county_id", "township_id", "name", "id"),
        Index("person_household_idx", "county_id", "household_id", "name", "id"),
        Index("person_alike_idx", "county_id", "alike"),
    )
    household_id: UUID
    name: str = Field(sa_type=Text)
    sex: int = Field(sa_type=SmallInteger)
    born_on: date | None
    relation: str = Field(sa_type=Text)
    phones: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    status: str = Field(sa_type=Text)
    joined_into_id: UUID | None
    alike: str = Field(sa_type=Text)


ORDER = {"name": ("text", "asc")}
FILTERS = {
    # a lead household, which reads no phone numbers of people, finds nobody by one
    "q": begins("person") + " AND (s.role <> 'household_head' OR {0}::text !~ '^[0-9]')",
    "household_id": "t.household_id = {}::uuid",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
}

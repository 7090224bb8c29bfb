from datetime import date
from uuid import UUID

from sqlalchemy import Column, Index, LargeBinary, SmallInteger, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow, below_household
from api.db.tables.search import begins


class Person(RecordRow, table=True):
    """`alike`: equal in two records that look like one person (rules/person.py). `identity_sealed`: the identity number, sealed;
    `identity_blind`: its blind index, by which the same number is found again (sealed.py)."""

    __tablename__ = "person"
    __table_args__ = (
        *below_household("person", "name", "name"),
        UniqueConstraint("county_id", "id", "place_id", name="person_place_key"),  # of what lies below a person
        Index("person_alike_idx", "county_id", "alike"),
        Index("person_joined_idx", "county_id", "joined_into_id", postgresql_where=text("joined_into_id IS NOT NULL")),
        Index("person_identity_idx", "county_id", "identity_blind", postgresql_where=text("identity_blind IS NOT NULL")),
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
    identity_sealed: bytes | None = Field(sa_type=LargeBinary)
    identity_blind: bytes | None = Field(sa_type=LargeBinary)
    identity_last4: str | None = Field(sa_type=Text)


NO_IDENTITY = dict.fromkeys(("identity_sealed", "identity_blind", "identity_last4"))
ORDER = {"name": ("text", "asc")}
FILTERS = {
    # a lead household, which reads no phone numbers of people, finds nobody by one
    "q": begins("person") + " AND (s.role <> 'household_head' OR {0}::text !~ '^[0-9]')",
    "household_id": "t.household_id = {}::uuid",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
}
# Who lives in these households
PEOPLE = """
SELECT t.* FROM person t WHERE t.county_id = $1 AND t.household_id = ANY ($2::uuid[])
  AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[])) AND NOT t.voided
ORDER BY t.id"""

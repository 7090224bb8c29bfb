from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, PrimaryKeyConstraint, Text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class ActivationCard(RecordRow, table=True):
    """`code_mac`: the code, hashed under the server's key. `tries`: how often it was tried."""

    __tablename__ = "activation_card"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="activation_card_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="activation_card_place_fkey"),
        Index("activation_card_number_idx", "county_id", "number"),
        Index("activation_card_place_number_idx", "county_id", "place_id", "number", "id"),
        Index("activation_card_township_number_idx", "county_id", "township_id", "number", "id"),
    )
    number: str = Field(sa_type=Text)
    person_id: UUID | None
    status: str = Field(sa_type=Text)
    bound_on: date | None
    code_mac: bytes = Field(sa_type=LargeBinary)
    tries: int


ORDER = {"number": ("text", "asc")}
FILTERS = {
    "number": "t.number = {}::text",
    "person_id": "t.person_id = {}::uuid",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
}
# People by id, and whether they head their household
HEADS = """
SELECT t.id, NOT t.voided AND t.status IN ('present', 'away') AND EXISTS (SELECT FROM household h
    WHERE h.county_id = $1 AND h.id = t.household_id AND h.head_id = t.id AND NOT h.voided) AS heads
FROM person t WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[]))
  AND $5::date IS NOT NULL"""

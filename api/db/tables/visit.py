from datetime import date
from uuid import UUID

from sqlalchemy import Column, Index, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow, below_household


class Visit(RecordRow, table=True):
    __tablename__ = "visit"
    __table_args__ = (
        *below_household("visit", "visited_on", "day"),
        Index("visit_worker_day_idx", "county_id", "worker_id", "township_id", "visited_on", "id"),
    )
    household_id: UUID
    visited_on: date
    manner: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    met_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))
    purposes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    agreed: str | None = Field(sa_type=Text)
    notes: str | None = Field(sa_type=Text)
    worker_id: UUID | None
    with_worker_ids: list[UUID] = Field(sa_column=Column(ARRAY(Uuid), nullable=False))


OWN = "worker_id"  # whose visit it is
ORDER = {"visited_on": ("date", "desc")}
FILTERS = {
    "household_id": "t.household_id = {}::uuid",
    "place_id": IN_PLACE,
    "worker_id": "t.worker_id = {}::uuid",
    "visited_from": "t.visited_on >= {}::date",
    "visited_to": "t.visited_on <= {}::date",
}

# The last day at which somebody of these households was met
LAST_VISIT = """
SELECT h.id, (SELECT max(x.visited_on) FROM visit x
    WHERE x.county_id = $1 AND x.household_id = h.id AND x.outcome = 'met' AND NOT x.voided) AS last_visited_on
FROM household h WHERE h.county_id = $1 AND h.id = ANY ($2::uuid[])"""

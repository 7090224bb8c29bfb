from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class Residence(RecordRow, table=True):
    """`theirs`: the other side's part, as it came; `consented`: what the person last said of what passes, on either side
    (rules/residence.py)."""

    __tablename__ = "residence"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="residence_pkey"),
        ForeignKeyConstraint(
            ["county_id", "person_id", "place_id"],
            ["person.county_id", "person.id", "person.place_id"],
            name="residence_person_fkey",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("residence_place_since_idx", "county_id", "place_id", "since_on", "id"),
        Index("residence_township_since_idx", "county_id", "township_id", "since_on", "id"),
        Index("residence_person_idx", "county_id", "person_id"),
        Index("residence_pair_idx", "county_id", "residence_id"),
    )
    residence_id: UUID
    side: str = Field(sa_type=Text)
    person_id: UUID
    registered_in: str | None = Field(sa_type=Text)
    living_in: str | None = Field(sa_type=Text)
    since_on: date
    until_on: date | None
    cause: str = Field(sa_type=Text)
    services: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    wishes: str | None = Field(sa_type=Text)
    asks: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    declined_because: str | None = Field(sa_type=Text)
    comes_home_on: date | None
    state: str = Field(sa_type=Text)
    other: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    claimed_elsewhere: bool
    waiting_since: date | None
    reminded_on: date | None
    theirs: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    consented: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


ORDER = {"since_on": ("date", "desc")}
FILTERS = {
    "person_id": "t.person_id = {}::uuid",
    "residence_id": "t.residence_id = {}::uuid",
    "place_id": IN_PLACE,
    "side": "t.side = {}::text",
    "state": "t.state = {}::text",
    "comes_home": "(coalesce(t.comes_home_on::text, t.other ->> 'comes_home_on') IS NOT NULL) = {}::bool",
    "claimed_elsewhere": "t.claimed_elsewhere = {}::bool",
}

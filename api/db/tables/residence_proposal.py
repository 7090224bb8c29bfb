from datetime import date
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow


class ResidenceProposal(RecordRow, table=True):
    """`theirs`: the other side's part, as it came, where it came from another county."""

    __tablename__ = "residence_proposal"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="residence_proposal_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="residence_proposal_place_fkey"),
        Index("residence_proposal_place_day_idx", "county_id", "place_id", "proposed_on", "id"),
        Index("residence_proposal_township_day_idx", "county_id", "township_id", "proposed_on", "id"),
    )
    side: str = Field(sa_type=Text)
    name: str | None = Field(sa_type=Text)
    sex: int | None
    born_on: date | None
    registered_in: str | None = Field(sa_type=Text)
    living_in: str | None = Field(sa_type=Text)
    since_on: date | None
    until_on: date | None
    cause: str | None = Field(sa_type=Text)
    declined_because: str | None = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    proposed_on: date
    reminded_on: date | None
    theirs: dict[str, Any] | None = Field(sa_column=Column(JSONB))


ORDER = {"proposed_on": ("date", "desc")}
FILTERS = {"place_id": IN_PLACE, "status": "t.status = {}::text"}

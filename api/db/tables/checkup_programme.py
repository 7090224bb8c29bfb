from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from api.db.tables.base import RecordRow


class CheckupProgramme(RecordRow, table=True):
    __tablename__ = "checkup_programme"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="checkup_programme_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="checkup_programme_place_fkey"),
    )
    name: str = Field(sa_type=Text)
    basis: str = Field(sa_type=Text)
    who: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    rounds: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    active: bool


ORDER = {"name": ("text", "asc")}
FILTERS = {"active": "t.active = {}::bool"}

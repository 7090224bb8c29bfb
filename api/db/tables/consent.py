from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlmodel import Field

from api.db.tables.base import RecordRow


class Consent(RecordRow, table=True):
    __tablename__ = "consent"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="consent_pkey"),
        ForeignKeyConstraint(
            ["county_id", "person_id", "place_id"],
            ["person.county_id", "person.id", "person.place_id"],
            name="consent_person_fkey",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("consent_person_idx", "county_id", "person_id"),
    )
    person_id: UUID
    purpose: str = Field(sa_type=Text)
    act: str = Field(sa_type=Text)
    acted_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    text_version: str = Field(sa_type=Text)
    through: str = Field(sa_type=Text)


ORDER = {"purpose": ("text", "asc")}
FILTERS = {"person_id": "t.person_id = {}::uuid", "purpose": "t.purpose = {}::text"}

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, Column, Index, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class Outbox(SQLModel, table=True):
    """What another county is to hear of a residence: one row each, the whole of it, so a newer one overtakes what has not been delivered.
    Retention: as long as the residence; it holds what that county was told."""

    __tablename__ = "outbox"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "residence_id", "side", name="outbox_pkey"),
        Index("outbox_due_idx", "county_id", "try_at", "residence_id", postgresql_where=text("NOT dead AND delivered_version < version")),
    )
    county_id: int
    residence_id: UUID
    side: str = Field(sa_type=Text)
    to_code: str = Field(sa_type=Text)
    part: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    version: int
    made_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    delivered_version: int
    tries: int
    try_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    dead: bool
    receipt: str | None = Field(sa_type=Text)
    problem: str | None = Field(sa_type=Text)

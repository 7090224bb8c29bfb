from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, PrimaryKeyConstraint, Text
from sqlmodel import Field, SQLModel


class NotDouble(SQLModel, table=True):
    """Somebody looked at two records that look alike and said that they are two. `one` is the smaller id."""

    __tablename__ = "not_double"
    __table_args__ = (PrimaryKeyConstraint("county_id", "kind", "one", "other", name="not_double_pkey"),)
    county_id: int
    kind: str = Field(sa_type=Text)
    one: UUID
    other: UUID
    by_user_id: UUID | None
    at: datetime = Field(sa_type=TIMESTAMP(timezone=True))

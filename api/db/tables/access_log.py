from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, Column, Identity, PrimaryKeyConstraint, Text
from sqlmodel import Field, SQLModel


class AccessLog(SQLModel, table=True):
    """Each reading of a sealed value: of whom, when, by whom, on which device, what and for what purpose. Append-only for the service.
    Kept for three years from the reading, and as long as the value itself is there if that is longer; then the operator's retention deletes
    it. The person that it is about may read it."""

    __tablename__ = "access_log"
    __table_args__ = (PrimaryKeyConstraint("county_id", "person_id", "seq", name="access_log_pkey"),)
    county_id: int
    person_id: UUID
    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    by_user_id: UUID
    by_device_id: UUID
    what: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)

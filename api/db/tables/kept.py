"""What phones sent and what did not become a revision as it was: kept for people, never erased by the service."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, TIMESTAMP, BigInteger, Column, Identity, Index, LargeBinary, PrimaryKeyConstraint, Text, text
from sqlmodel import Field, SQLModel


class KeptOp(SQLModel, table=True):
    """`id`: the mark of the op, so that a repeat is known by it. `state`: held (waits for the record `waits_for`), inbox (for the officer
    of the place), rejected, unchanged (it changed nothing, or not all that it said: for repeats, and
    for older edits that come later). `settled`: applied or dismissed. `op`: what was sent, without texts
    that are not recorded; JSON as it came, with NUL replaced. `place_id`, `township_id`: whose list it is on."""

    __tablename__ = "kept_op"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="kept_op_pkey"),
        Index("kept_op_record_idx", "county_id", "record_id"),
        Index("kept_op_user_idx", "county_id", "user_id", "state", "seq"),
        Index("kept_op_township_idx", "county_id", "township_id", "state", "seq"),
        Index("kept_op_waits_idx", "county_id", "waits_for", postgresql_where=text("state = 'held' AND settled IS NULL")),
    )
    county_id: int
    id: UUID
    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    state: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    record_id: UUID
    user_id: UUID
    device_id: UUID
    place_id: int
    township_id: int
    op: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    problem: dict[str, Any] | None = Field(sa_column=Column(JSON))
    waits_for: UUID | None
    received_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    settled: str | None = Field(sa_type=Text)
    settled_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    settled_by: UUID | None


class Conflict(SQLModel, table=True):
    """One member that a phone and somebody else changed differently. `yours`: the phone's value; `theirs`: the record's, which it kept.
    `settled`: what was chosen: mine, theirs, value."""

    __tablename__ = "conflict"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="conflict_pkey"),
        Index("conflict_record_idx", "county_id", "record_id"),
        Index("conflict_user_idx", "county_id", "user_id", "seq"),
        Index("conflict_township_idx", "county_id", "township_id", "seq"),
    )
    county_id: int
    id: UUID
    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    kind: str = Field(sa_type=Text)
    record_id: UUID
    field: str = Field(sa_type=Text)
    yours: Any = Field(sa_column=Column(JSON))
    theirs: Any = Field(sa_column=Column(JSON))
    mark: bytes = Field(sa_type=LargeBinary)
    user_id: UUID
    device_id: UUID
    place_id: int
    township_id: int
    made_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    received_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    settled: str | None = Field(sa_type=Text)
    settled_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    settled_by: UUID | None

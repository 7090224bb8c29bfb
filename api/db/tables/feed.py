"""What every write leaves beside the record: its revision (who changed what) and its change row (what a phone pulls)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Computed,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.tables import place as _place  # noqa: F401 - the key below refers to it


class Revision(SQLModel, table=True):
    """Append-only. `changes` is {member: [from, to]}, null in revision 1, whose values follow from the record."""

    __tablename__ = "revision"
    __table_args__ = (PrimaryKeyConstraint("county_id", "kind", "id", "rev", name="revision_pkey"),)
    county_id: int
    kind: str = Field(sa_type=Text)
    id: UUID
    rev: int
    by_user_id: UUID | None
    device_id: UUID | None
    made_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    received_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    mark: bytes = Field(sa_type=LargeBinary)
    changes: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    void_reason: str | None = Field(sa_type=Text)


# The digest of a record on a phone: the first 12 hexadecimal digits of sha256 of "{id}:{rev}"
MARK = "('x' || substr(encode(sha256((id::text || ':' || rev::text)::bytea), 'hex'), 1, 12))::bit(48)::bigint"


class Change(SQLModel, table=True):
    """One row per record and place: `upsert` where the record is, `remove` where it was. No third index by tick: each costs every write.
    The digest is summed from an index of its own, so that it reads no rows (decision 0008)."""

    __tablename__ = "change"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "kind", "id", "place_id", name="change_pkey"),
        Index("change_place_tick_idx", "county_id", "place_id", "tick", "kind", "id"),
        Index("change_township_tick_idx", "county_id", "township_id", "tick", "kind", "id"),
        Index(
            "change_digest_idx",
            "county_id",
            "place_id",
            "kind",
            postgresql_include=["mark"],
            postgresql_where=text("op = 'upsert'"),
        ),
    )
    county_id: int
    kind: str = Field(sa_type=Text)
    id: UUID
    place_id: int
    township_id: int
    tick: int = Field(sa_type=BigInteger)
    op: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    successor_id: UUID | None
    rev: int
    mark: int = Field(sa_column=Column(BigInteger, Computed(MARK, persisted=True), nullable=False))


class TickGap(SQLModel, table=True):
    """What a restore leaves: ticks between the restored one and the first new one were given out in a history that is gone."""

    __tablename__ = "tick_gap"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "new_tick", name="tick_gap_pkey"),
        ForeignKeyConstraint(["county_id"], ["county.county_id"], name="tick_gap_county_fkey"),
    )
    county_id: int
    restored_tick: int = Field(sa_type=BigInteger)
    new_tick: int = Field(sa_type=BigInteger)

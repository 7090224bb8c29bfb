"""The county and its places: divisions of every level and villagers' groups."""

from datetime import date

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from api.db.tables.base import RecordRow


class County(SQLModel, table=True):
    __tablename__ = "county"
    __table_args__ = (PrimaryKeyConstraint("county_id", name="county_pkey"), UniqueConstraint("code", name="county_code_key"))
    county_id: int = Field(sa_column=Column(Integer, autoincrement=False))
    code: str = Field(sa_type=Text)


class Clock(SQLModel, table=True):
    """One row per county: every accepted write takes the next tick and holds the row until it commits, so ticks become visible in order."""

    __tablename__ = "clock"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", name="clock_pkey"),
        ForeignKeyConstraint(["county_id"], ["county.county_id"], name="clock_county_fkey"),
    )
    county_id: int = Field(sa_column=Column(Integer, autoincrement=False))
    tick: int = Field(sa_type=BigInteger)
    floor_tick: int = Field(sa_type=BigInteger)


class Place(RecordRow, table=True):
    """Its own `place_id` is its number, 1 the county itself. `township_id` of a township is its own number."""

    __tablename__ = "place"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "place_id", name="place_pkey"),
        UniqueConstraint("county_id", "id", name="place_id_key"),
        UniqueConstraint("county_id", "code", name="place_code_key"),
        ForeignKeyConstraint(["county_id", "parent_id"], ["place.county_id", "place.place_id"], name="place_parent_fkey"),
        ForeignKeyConstraint(["county_id"], ["county.county_id"], name="place_county_fkey"),
        Index("place_parent_idx", "county_id", "parent_id"),
        Index("place_township_idx", "county_id", "township_id"),
    )
    code: str | None = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    level: str = Field(sa_type=Text)
    group_number: int | None
    parent_id: int | None
    successor_ids: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    valid_from: date | None
    valid_to: date | None
    valid_to_provisional: bool
    former_names: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))


ORDER = {"place_id": ("int", "asc")}
FILTERS = {"level": "t.level = {}::text", "parent_id": "t.parent_id = {}::int", "code": "t.code = {}::text"}

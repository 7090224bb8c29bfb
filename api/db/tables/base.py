"""Columns that every record's table has. Each table names its keys itself, `county_id` first: a county can be lifted out whole."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, ForeignKeyConstraint, Index, PrimaryKeyConstraint
from sqlmodel import Field, SQLModel


class RecordRow(SQLModel):
    """`township_id` is the township that `place_id` lies in, 0 above the townships: officers read by it (decision 0003)."""

    county_id: int
    id: UUID
    place_id: int
    township_id: int
    rev: int
    voided: bool
    created_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    updated_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    created_by: UUID | None


# A filter by place, with what lies below it
IN_PLACE = (
    "h.held IN (SELECT p.{reads}_id FROM place p WHERE p.county_id = $1 AND {0}::int IN (p.place_id, p.parent_id, p.township_id, 1))"
    " AND t.place_id IN (SELECT p.place_id FROM place p WHERE p.county_id = $1 AND {0}::int IN (p.place_id, p.parent_id, p.township_id, 1))"
)


def below_household(table: str, order: str, called: str) -> tuple[Any, ...]:
    """Keys and indexes of what hangs on a household: the key to it is deferred, since a household that moves takes all along. Lists are
    read by place, by township and by household in this `order`, as which the indexes are `called`."""
    return (
        PrimaryKeyConstraint("county_id", "id", name=f"{table}_pkey"),
        ForeignKeyConstraint(
            ["county_id", "household_id", "place_id"],
            ["household.county_id", "household.id", "household.place_id"],
            name=f"{table}_household_fkey",
            deferrable=True,
            initially="DEFERRED",
        ),
        *(
            Index(f"{table}_{by}_{called}_idx", "county_id", column, order, "id")
            for by, column in {"place": "place_id", "township": "township_id", "household": "household_id"}.items()
        ),
    )

"""What was published of a round. No raw count is stored; nothing is ever changed (decision 0017)."""

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint
from sqlmodel import SQLModel

from api.db.tables import place as _place  # noqa: F401 - the key below refers to it


class PublishedCount(SQLModel, table=True):
    """Append-only: a round's row of one place. `…_from` and `…_to`: first and last of the class, empty where it is suppressed.
    `places`: in sessions, exact; empty where one has no limit."""

    __tablename__ = "published_count"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "programme_id", "round", "place_id", name="published_count_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="published_count_place_fkey"),
        Index("published_count_township_idx", "county_id", "programme_id", "round", "township_id"),
    )
    county_id: int
    programme_id: UUID
    round: int
    place_id: int
    township_id: int
    places: int | None
    offered_from: int | None
    offered_to: int | None
    attended_from: int | None
    attended_to: int | None
    published_on: date

from datetime import datetime
from uuid import UUID

from sqlalchemy import TIMESTAMP, Column, ForeignKeyConstraint, Index, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from api.db.tables.base import RecordRow


class Attendance(RecordRow, table=True):
    """`said`: the last that each device said (rules/attendance.py). `seat_at`: when it came to ask for its seat. `informed_at`: when the
    person last heard of the session, by the clock of whoever told them; `reminders`: how many follow-ups it raised."""

    __tablename__ = "attendance"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="attendance_pkey"),
        ForeignKeyConstraint(
            ["county_id", "person_id", "place_id"],
            ["person.county_id", "person.id", "person.place_id"],
            name="attendance_person_fkey",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("attendance_place_round_idx", "county_id", "place_id", "round", "id"),
        Index("attendance_township_round_idx", "county_id", "township_id", "round", "id"),
        Index("attendance_person_idx", "county_id", "person_id"),
        Index("attendance_session_idx", "county_id", "session_id"),
    )
    programme_id: UUID
    round: int
    person_id: UUID
    session_id: UUID | None
    state: str = Field(sa_type=Text)
    attended_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    walk_in: bool
    undone_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    waiting_since: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    make_up_used: bool
    joined_into_id: UUID | None
    said: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    seat_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    informed_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    reminders: int


ORDER = {"round": ("int", "asc")}
FILTERS = {"session_id": "t.session_id = {}::uuid", "person_id": "t.person_id = {}::uuid"}
# No list names who declined or missed it
LISTED = "t.state NOT IN ('none', 'missed', 'declined')"

"""Imports of registers. What a file says is erased a day after its import has ended; what the import was stays."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, TIMESTAMP, BigInteger, Column, Identity, Index, Integer, LargeBinary, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel


class Import(SQLModel, table=True):
    """One file. `townships`: what its sender held; whoever holds all of them sees it. `by_user_id`: who sent it; `user_id`, `device_id`: in
    whose name it is read, run or undone (None: the command line). `file`: what was sent, until it is read; `tries`: how often that
    was begun. `at_row`: the last row that was
    taken in hand. `problems`, `notes`: the first 500 of them. Retention: this row is kept, since it says where records came from; it holds
    no cell of the file."""

    __tablename__ = "import"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="import_pkey"),
        Index("import_seq_idx", "county_id", "seq"),
        Index("import_open_idx", "county_id", "seq", postgresql_where=text("state IN ('reading', 'running', 'undoing')")),
    )
    county_id: int
    id: UUID
    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    kind: str = Field(sa_type=Text)
    file_name: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    townships: list[int] = Field(sa_column=Column(ARRAY(Integer), nullable=False))
    by_user_id: UUID | None
    user_id: UUID | None
    device_id: UUID | None
    file: bytes | None = Field(sa_type=LargeBinary)
    tries: int = Field(sa_column=Column(Integer, nullable=False, server_default=text("0")))
    at_row: int
    rows: int
    done: int
    created: int
    unchanged: int
    refused: int
    undone: int
    problem_count: int
    problems: Any = Field(sa_column=Column(JSON, nullable=False))
    note_count: int
    notes: Any = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    ended_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


class ImportRow(SQLModel, table=True):
    """One row of a file as the record that it makes. `outcome`: created, unchanged, refused, undone, stayed; None: not yet.
    Retention: erased a day after the import has ended, at once where the file has a problem."""

    __tablename__ = "import_row"
    __table_args__ = (PrimaryKeyConstraint("county_id", "import_id", "row", name="import_row_pkey"),)
    county_id: int
    import_id: UUID
    row: int
    id: UUID
    doc: Any = Field(sa_column=Column(JSON, nullable=False))
    outcome: str | None = Field(sa_type=Text)

"""People who sign in, their devices, and which places they hold, now and on any day before."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import TIMESTAMP, BigInteger, Column, ForeignKeyConstraint, Identity, Index, LargeBinary, PrimaryKeyConstraint, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from api.db.tables import place as _place  # noqa: F401 - the keys below refer to it


class Login(SQLModel, table=True):
    """User names are unique over all counties; nothing but this table is asked before the county is known."""

    __tablename__ = "login"
    __table_args__ = (PrimaryKeyConstraint("username", name="login_pkey"),)
    username: str = Field(sa_type=Text)
    county_id: int
    user_id: UUID


class AppUser(SQLModel, table=True):
    """`place_id`: where the user belongs, so who looks after the account. The places held are memberships."""

    __tablename__ = "app_user"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="app_user_pkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="app_user_place_fkey"),
    )
    county_id: int
    id: UUID
    username: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    place_id: int
    township_id: int
    language: str = Field(sa_type=Text)
    password_hash: str = Field(sa_type=Text)
    password_temporary: bool
    created_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    closed_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


class Device(SQLModel, table=True):
    """One installation signed in as one user. `state`: active, signed_out (the next sign-in makes it active again), revoked or lost."""

    __tablename__ = "device"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "id", name="device_pkey"),
        ForeignKeyConstraint(["county_id", "user_id"], ["app_user.county_id", "app_user.id"], name="device_user_fkey"),
        Index("device_user_idx", "county_id", "user_id"),
    )
    county_id: int
    id: UUID
    user_id: UUID
    name: str = Field(sa_type=Text)
    registered_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    signed_in_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    state: str = Field(sa_type=Text)
    state_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))


class Membership(SQLModel, table=True):
    """A place held by a user, from one tick to another. Taking a place away and giving it again makes a second row."""

    __tablename__ = "membership"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "user_id", "place_id", "granted_tick", name="membership_pkey"),
        ForeignKeyConstraint(["county_id", "user_id"], ["app_user.county_id", "app_user.id"], name="membership_user_fkey"),
        ForeignKeyConstraint(["county_id", "place_id"], ["place.county_id", "place.place_id"], name="membership_place_fkey"),
        Index("membership_held_key", "county_id", "user_id", "place_id", unique=True, postgresql_where=text("revoked_tick IS NULL")),
        Index("membership_place_idx", "county_id", "place_id"),
    )
    county_id: int
    user_id: UUID
    place_id: int
    granted_tick: int = Field(sa_type=BigInteger)
    revoked_tick: int | None = Field(sa_type=BigInteger)
    reach: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    granted_by: UUID | None
    revoked_by: UUID | None
    granted_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    revoked_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


class Seat(SQLModel, table=True):
    """A family's seat: whom a household is read by as its head, from one tick to another. It is no membership, and opens nothing but
    `/v1/me…`. Whether the person heads that household still is asked at each read (access.py)."""

    __tablename__ = "seat"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "user_id", "granted_tick", name="seat_pkey"),
        ForeignKeyConstraint(["county_id", "user_id"], ["app_user.county_id", "app_user.id"], name="seat_user_fkey"),
        Index("seat_held_key", "county_id", "user_id", unique=True, postgresql_where=text("revoked_tick IS NULL")),
        Index("seat_person_key", "county_id", "person_id", unique=True, postgresql_where=text("revoked_tick IS NULL")),
    )
    county_id: int
    user_id: UUID
    household_id: UUID
    person_id: UUID
    granted_tick: int = Field(sa_type=BigInteger)
    revoked_tick: int | None = Field(sa_type=BigInteger)


class RefreshToken(SQLModel, table=True):
    """Only the hash is stored. A child is derived from its parent, so a repeat on a bad line gets the same one."""

    __tablename__ = "refresh_token"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "hash", name="refresh_token_pkey"),
        ForeignKeyConstraint(["county_id", "device_id"], ["device.county_id", "device.id"], name="refresh_token_device_fkey"),
        Index("refresh_token_device_idx", "county_id", "device_id"),
    )
    county_id: int
    hash: bytes = Field(sa_type=LargeBinary)
    device_id: UUID
    expires_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    used_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))
    revoked_at: datetime | None = Field(sa_type=TIMESTAMP(timezone=True))


class SignInAttempts(SQLModel, table=True):
    """How often a sign-in was tried for an account, from a network or on a device within the present quarter of an hour."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (PrimaryKeyConstraint("subject", name="sign_in_attempts_pkey"),)
    subject: bytes = Field(sa_type=LargeBinary)
    tries: int
    until: datetime = Field(sa_type=TIMESTAMP(timezone=True))


class AccountEvent(SQLModel, table=True):
    """Append-only: who made, changed, closed or reset whose account or device (GB/T 22239: audit per user)."""

    __tablename__ = "account_event"
    __table_args__ = (PrimaryKeyConstraint("county_id", "event_id", name="account_event_pkey"),)
    county_id: int
    event_id: int = Field(sa_column=Column(BigInteger, Identity(always=True)))
    user_id: UUID
    act: str = Field(sa_type=Text)
    by_user_id: UUID | None
    by_device_id: UUID | None
    at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    facts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))

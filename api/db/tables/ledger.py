"""The ledger. `transfer` is only ever added to; a balance is kept of accounts alone that are guarded, all others are sums.

`posting_rule` says who may pay whom: each transfer has a foreign key to it, so the database itself knows no other way for money to go.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlmodel import Field, SQLModel


class AccountType(SQLModel, table=True):
    """`side`: 1 a balance of at least zero, -1 of at most zero, 0 either and none is kept."""

    __tablename__ = "account_type"
    __table_args__ = (PrimaryKeyConstraint("type", name="account_type_pkey"),)
    type: str = Field(sa_type=Text)
    side: int


class PostingRule(SQLModel, table=True):
    __tablename__ = "posting_rule"
    __table_args__ = (
        PrimaryKeyConstraint("event", "from_type", "to_type", name="posting_rule_pkey"),
        ForeignKeyConstraint(["from_type"], ["account_type.type"], name="posting_rule_from_fkey"),
        ForeignKeyConstraint(["to_type"], ["account_type.type"], name="posting_rule_to_fkey"),
    )
    event: str = Field(sa_type=Text)
    from_type: str = Field(sa_type=Text)
    to_type: str = Field(sa_type=Text)


class Account(SQLModel, table=True):
    """The checks are those of `TYPES` in rules/ledger.py."""

    __tablename__ = "account"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "type", "owner", name="account_pkey"),
        ForeignKeyConstraint(["type"], ["account_type.type"], name="account_type_fkey"),
        CheckConstraint("type <> ALL ('{cash,till}'::text[]) OR balance_fen >= 0", name="account_debit_check"),
        CheckConstraint("type <> ALL ('{credit,unexplained}'::text[]) OR balance_fen <= 0", name="account_credit_check"),
    )
    county_id: int
    type: str = Field(sa_type=Text)
    owner: str = Field(sa_type=Text)
    balance_fen: int | None = Field(sa_type=BigInteger)


class Transfer(SQLModel, table=True):
    """`record_id` of `kind` caused it. `on_day`: when it happened; `booked_on`: the day in the books, later where its month was closed.
    `place_id`: where it happened, which stays, wherever the household goes."""

    __tablename__ = "transfer"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "seq", name="transfer_pkey"),
        CheckConstraint("amount_fen > 0", name="transfer_amount_check"),
        ForeignKeyConstraint(
            ["event", "from_type", "to_type"],
            ["posting_rule.event", "posting_rule.from_type", "posting_rule.to_type"],
            name="transfer_rule_fkey",
        ),
        ForeignKeyConstraint(
            ["county_id", "from_type", "from_owner"], ["account.county_id", "account.type", "account.owner"], name="transfer_from_fkey"
        ),
        ForeignKeyConstraint(
            ["county_id", "to_type", "to_owner"], ["account.county_id", "account.type", "account.owner"], name="transfer_to_fkey"
        ),
        # what a record posts, it posts once
        Index(
            "transfer_once_key",
            "county_id",
            "record_id",
            "event",
            "from_type",
            unique=True,
            postgresql_where=text("event <> ALL ('{allocation,release,explained}'::text[])"),
        ),
        Index("transfer_from_idx", "county_id", "from_type", "from_owner", "seq"),
        Index("transfer_to_idx", "county_id", "to_type", "to_owner", "seq"),
        Index("transfer_place_day_idx", "county_id", "place_id", "booked_on", "seq"),
        Index("transfer_township_day_idx", "county_id", "township_id", "booked_on", "seq"),
        Index("transfer_charge_idx", "county_id", "charge_id", postgresql_where=text("event = ANY ('{allocation,release}'::text[])")),
        Index("transfer_payment_idx", "county_id", "payment_id", postgresql_where=text("event = ANY ('{allocation,release}'::text[])")),
    )
    county_id: int
    seq: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    event: str = Field(sa_type=Text)
    from_type: str = Field(sa_type=Text)
    from_owner: str = Field(sa_type=Text)
    to_type: str = Field(sa_type=Text)
    to_owner: str = Field(sa_type=Text)
    amount_fen: int = Field(sa_type=BigInteger)
    kind: str = Field(sa_type=Text)
    record_id: UUID
    payment_id: UUID | None
    charge_id: UUID | None
    place_id: int
    township_id: int
    on_day: date
    booked_on: date
    by_user_id: UUID | None
    posted_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))


class ClosedMonth(SQLModel, table=True):
    """`month`: its first day. Months are closed in their order."""

    __tablename__ = "closed_month"
    __table_args__ = (PrimaryKeyConstraint("county_id", "month", name="closed_month_pkey"),)
    county_id: int
    month: date
    closed_at: datetime = Field(sa_type=TIMESTAMP(timezone=True))
    closed_by: UUID | None


class ReceiptNumber(SQLModel, table=True):
    """A row for each number that was ever allotted: so two books of one series can't share one, whatever happens at the same time."""

    __tablename__ = "receipt_number"
    __table_args__ = (
        PrimaryKeyConstraint("county_id", "series", "number", name="receipt_number_pkey"),
        Index("receipt_number_book_idx", "county_id", "book_id", "number"),
    )
    county_id: int
    series: str = Field(sa_type=Text)
    number: int
    book_id: UUID

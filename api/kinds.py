"""One entry per kind of record. Their order is the order of locking: parents before what lies below them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlmodel import SQLModel

from api.db.documents import Documents
from api.db.feed import Feed
from api.db.store import Row, Store
from api.db.tables import activation_card as activation_cards
from api.db.tables import attendance as attendances
from api.db.tables import catalogue_entry as catalogue_entries
from api.db.tables import charge as charges
from api.db.tables import checkup_programme as checkup_programmes
from api.db.tables import checkup_session as checkup_sessions
from api.db.tables import consent as consents
from api.db.tables import counting as countings
from api.db.tables import deposit as deposits
from api.db.tables import fee_item as fee_items
from api.db.tables import follow_up as follow_ups
from api.db.tables import household as households
from api.db.tables import payment as payments
from api.db.tables import person as people
from api.db.tables import place as places
from api.db.tables import receipt_book as receipt_books
from api.db.tables import refund as refunds
from api.db.tables import residence as residences
from api.db.tables import residence_proposal as residence_proposals
from api.db.tables import visit as visits
from api.problems import Problem
from api.rules import activation_card as activation_card_rule
from api.rules import attendance as attendance_rule
from api.rules import charge as charge_rule
from api.rules import checkup_programme as checkup_programme_rule
from api.rules import checkup_session as checkup_session_rule
from api.rules import consent as consent_rule
from api.rules import counting as counting_rule
from api.rules import deposit as deposit_rule
from api.rules import fee_item as fee_item_rule
from api.rules import follow_up as follow_up_rule
from api.rules import household as household_rule
from api.rules import ledger
from api.rules import payment as payment_rule
from api.rules import person as person_rule
from api.rules import receipt_book as receipt_book_rule
from api.rules import refund as refund_rule
from api.rules import residence as residence_rule
from api.rules import visit as visit_rule
from api.rules.caller import OFFICES, ROLES, Caller, Role, Turn
from api.rules.merge import Step
from api.schemas.activation_card import ActivationCard
from api.schemas.attendance import Attendance
from api.schemas.base import (
    COLLEAGUES,
    GUARDED,
    ONCE,
    PLACES,
    SERVED,
    Coded,
    Distinct,
    EndOf,
    Names,
    Record,
    at_most,
    mark_of,
    marked,
    sent,
    synced,
)
from api.schemas.catalogue_entry import CatalogueEntry
from api.schemas.charge import Charge
from api.schemas.checkup_programme import CheckupProgramme
from api.schemas.checkup_session import CheckupSession
from api.schemas.consent import Consent
from api.schemas.counting import Counting
from api.schemas.deposit import Deposit
from api.schemas.fee_item import FeeItem
from api.schemas.follow_up import FollowUp
from api.schemas.household import Household
from api.schemas.payment import Payment
from api.schemas.person import Person
from api.schemas.place import Place
from api.schemas.receipt_book import ReceiptBook
from api.schemas.refund import Refund
from api.schemas.residence import Residence
from api.schemas.residence_proposal import ResidenceProposal
from api.schemas.visit import Visit

Rule = Callable[[Mapping[str, Any], Mapping[str, Any], date], Problem | None]  # (the record as it would be, its parent, today)
# (the record before, {} in a creation; as it would be; whose turn it is) -> as it is to be stored, or why not
Becomes = Callable[[Mapping[str, Any], Row, Turn], Row | Problem]
# (what was sent, the record as it is, base_rev, its trail, whose turn) -> what that changes, and why nothing does
Merges = Callable[[Mapping[str, Any], Mapping[str, Any], int | None, Sequence[Step], Turn], tuple[Row, Problem | None]]


class Follows(NamedTuple):
    """Members of the parent that follow from its children: a SELECT of them for parents by id, and the rule that says when to ask."""

    select: str
    when: Callable[[Mapping[str, Any] | None, Mapping[str, Any], Mapping[str, Any]], bool]  # (before, after, parent)


class Parent(NamedTuple):
    """The kind of record that another hangs on, the member that names it there, and what in it follows from its children."""

    kind: str
    member: str
    follows: Follows | None = None


class Looks(NamedTuple):
    """What is read of a record that another comes to name by `member`: a SELECT by id (county, ids, places, townships, today), what is
    allowed in its view, and what the other takes over from it. Names nothing that is there: not found. Offline edits pass."""

    member: str
    select: str
    rule: Callable[[Mapping[str, Any], Mapping[str, Any], date], Problem | None]  # (the record as it would be, what it names, today)
    gives: Callable[[Mapping[str, Any], Mapping[str, Any]], Row] = lambda after, named: {}


class Posts(NamedTuple):
    """What a record posts in the ledger as it comes to be, or changes (db/ledger.py). `day`: the member that says when; None: today."""

    entries: Callable[[Mapping[str, Any] | None, Mapping[str, Any]], list[ledger.Entry]]
    day: str | None = None


@dataclass(eq=False)
class Kind:
    """`parent`: what a record hangs on and gets its place from; without one it belongs to the county itself.
    `writers`: who may write all, or only their own. `own`: the member that names whose record it is. `rule`: what is allowed besides the
    shape. `born`: what the service sets in a new record. `derived`: what follows from the record by itself.
    `doubles`: records equal in these columns look like the same thing. `keys`: what a search finds the record by.
    `readers`: which roles see anything of it; for the others no record of the kind is there. `listed`: SQL of what a list may name.
    `of_people`: to a lead household, what the service itself raised (`created_by` is nobody) is not there either.
    `public_below`: callers in places below can read it. `moved`: what a record becomes that its parent takes to another place. `id_of`: the
    id follows from what the record says, and creating it again changes it. `becomes`: what a change makes of it, besides what it says.
    `merges`: what an edit made offline makes of it, where none ever conflicts. `settles`: sessions whose seats are to be settled after the
    commit (checkups.py). `voids`: whether people void it. `may_void`: who of those who write it, and until when. `append_only`: no client
    changes or voids one. `besides`: a statement over new records that writes what else they make. `passes`: whether the other side of a
    residence may hear something else by a change (residences.py)."""

    name: str
    plural: str
    schema: type[Record]
    table: type[SQLModel]
    order: Mapping[str, tuple[str, str]]
    filters: Mapping[str, str]
    writers: Mapping[Role, Literal["all", "own"]]
    parent: Parent | None = None
    rule: Rule | None = None
    born: Callable[[Caller], Row] = lambda caller: {}
    derived: Callable[[Mapping[str, Any]], Row] = lambda row: {}
    keys: Callable[[Mapping[str, Any]], set[str]] = lambda row: set()
    own: str | None = None
    doubles: tuple[str, ...] = ()
    readers: tuple[Role, ...] = ROLES
    public_below: bool = False
    moved: Row = field(default_factory=dict)
    listed: str = ""
    of_people: bool = False
    id_of: Callable[[Mapping[str, Any]], UUID] | None = None
    becomes: Becomes | None = None
    merges: Merges | None = None
    settles: Callable[[Mapping[str, Any] | None, Mapping[str, Any]], set[UUID]] = lambda before, after: set()
    voids: bool = True
    may_void: Callable[[Mapping[str, Any], Caller, datetime], Problem | None] = lambda record, caller, now: None
    append_only: bool = False
    looks: Looks | None = None
    posts: Posts | None = None
    besides: str | None = None
    passes: bool = False
    documents: Documents = field(init=False)
    store: Store = field(init=False)
    # members by their marks (schemas/base.py)
    once: tuple[str, ...] = field(init=False)
    guarded: tuple[str, ...] = field(init=False)
    coded: Mapping[str, str] = field(init=False)
    colleagues: Mapping[str, bool] = field(init=False)  # and whether who served once counts too
    places: tuple[str, ...] = field(init=False)
    names: Mapping[str, str] = field(init=False)  # members that hold ids of other records, and their kinds
    sets: Mapping[str, int] = field(init=False)  # lists without order, and how many they may hold
    required: tuple[str, ...] = field(init=False)
    sent: frozenset[str] = field(init=False)  # what a client may say
    defaults: Row = field(init=False)  # of members that it need not say
    trailed: tuple[str, ...] = field(init=False)  # what the trail says from what to what
    end: EndOf | None = field(init=False)  # of a sealed value

    def __post_init__(self) -> None:
        self.documents = Documents(
            self.name, self.schema, self.table, own=self.own, order=self.order, filters=self.filters, readers=self.readers,
            public_below=self.public_below, listed=self.listed, of_people=self.of_people,
        )  # fmt: skip
        if not set(self.writers) <= set(self.readers):
            raise ValueError(f"who writes a {self.name} reads it")
        self.trailed = tuple(n for n in synced(self.schema) if n not in ("rev", "updated_at"))  # which follow from the edit of others
        self.end = next((end for f in self.schema.model_fields.values() if (end := mark_of(f, EndOf))), None)
        self.store = Store(self.table, self.doubles, self.parent.member if self.parent else None, self.end.blind if self.end else None,
                           public_below=self.public_below, of_people=self.of_people)  # fmt: skip
        self.once = tuple(n for n, f in sent(self.schema) if marked(f, ONCE))
        self.guarded = tuple(n for n, f in sent(self.schema) if marked(f, GUARDED))
        self.coded = {n: c.catalogue for n, f in sent(self.schema) if (c := mark_of(f, Coded))}
        self.colleagues = {n: ever for n, f in sent(self.schema) if (ever := marked(f, SERVED)) or marked(f, COLLEAGUES)}
        self.places = tuple(n for n, f in sent(self.schema) if marked(f, PLACES))
        self.names = {n: m.kind for n, f in sent(self.schema) if (m := mark_of(f, Names))}
        self.sets = {n: at_most(f) for n, f in sent(self.schema) if marked(f, Distinct)}
        self.sent = frozenset(n for n, _ in sent(self.schema))
        self.defaults = {n: f.default for n, f in sent(self.schema) if not f.is_required()}
        self.required = tuple(n for n, f in sent(self.schema) if f.is_required())


PLACE = Kind(
    name="place",
    plural="places",
    schema=Place,
    table=places.Place,
    order=places.ORDER,
    filters=places.FILTERS,
    writers={"county": "all", "township": "all"},
    public_below=True,
)
CATALOGUE_ENTRY = Kind(
    name="catalogue_entry",
    plural="catalogue-entries",
    schema=CatalogueEntry,
    table=catalogue_entries.CatalogueEntry,
    order=catalogue_entries.ORDER,
    filters=catalogue_entries.FILTERS,
    writers={"county": "all"},
    public_below=True,
)
HOUSEHOLD = Kind(
    name="household",
    plural="households",
    schema=Household,
    table=households.Household,
    order=households.ORDER,
    filters=households.FILTERS,
    writers={"township": "all", "village": "all"},
    parent=Parent("place", "place_id"),
    rule=household_rule.check,
    derived=household_rule.derived,
    born=lambda caller: {"last_visited_on": None, "joined_into_id": None},
    keys=household_rule.keys,
    doubles=("place_id", "number"),
)
PERSON = Kind(
    name="person",
    plural="people",
    schema=Person,
    table=people.Person,
    order=people.ORDER,
    filters=people.FILTERS,
    writers={"township": "all", "village": "all"},
    parent=Parent("household", "household_id"),
    rule=person_rule.check,
    born=lambda caller: {"joined_into_id": None, **people.NO_IDENTITY},
    derived=person_rule.derived,
    keys=person_rule.keys,
    doubles=("alike",),
    passes=True,
)
CHECKUP_PROGRAMME = Kind(
    name="checkup_programme",
    plural="checkup-programmes",
    schema=CheckupProgramme,
    table=checkup_programmes.CheckupProgramme,
    order=checkup_programmes.ORDER,
    filters=checkup_programmes.FILTERS,
    writers={"county": "all"},
    becomes=checkup_programme_rule.becomes,
    public_below=True,
)
CHECKUP_SESSION = Kind(
    name="checkup_session",
    plural="checkup-sessions",
    schema=CheckupSession,
    table=checkup_sessions.CheckupSession,
    order=checkup_sessions.ORDER,
    filters=checkup_sessions.FILTERS,
    writers={"township": "all", "village": "all"},
    parent=Parent("place", "place_id"),
    rule=checkup_session_rule.check,
    born=lambda caller: {"full": False, "over_by": 0, "arranged_at": None},
    becomes=checkup_session_rule.becomes,
    settles=checkup_session_rule.settles,
    public_below=True,
)
ATTENDANCE = Kind(
    name="attendance",
    plural="attendances",
    schema=Attendance,
    table=attendances.Attendance,
    order=attendances.ORDER,
    filters=attendances.FILTERS,
    writers={"township": "all", "village": "all"},
    parent=Parent("person", "person_id"),
    born=lambda caller: {
        "waiting_since": None,
        "make_up_used": False,
        "joined_into_id": None,
        "said": [],
        "seat_at": None,
        "informed_at": None,
        "reminders": 0,
    },
    readers=OFFICES,
    listed=attendances.LISTED,
    id_of=attendance_rule.id_of,
    becomes=attendance_rule.becomes,
    merges=attendance_rule.merges,
    settles=attendance_rule.settles,
    passes=True,
    voids=False,
)
VISIT = Kind(
    name="visit",
    plural="visits",
    schema=Visit,
    table=visits.Visit,
    order=visits.ORDER,
    filters=visits.FILTERS,
    writers={"township": "all", "village": "all", "household_head": "own"},
    parent=Parent("household", "household_id", Follows(visits.LAST_VISIT, visit_rule.moves_last_visit)),
    rule=visit_rule.check,
    born=lambda caller: {"worker_id": caller.user_id},
    own=visits.OWN,
    doubles=("household_id", "visited_on"),
)
FOLLOW_UP = Kind(
    name="follow_up",
    plural="follow-ups",
    schema=FollowUp,
    table=follow_ups.FollowUp,
    order=follow_ups.ORDER,
    filters=follow_ups.FILTERS,
    writers={"township": "all", "village": "all", "household_head": "own"},
    parent=Parent("household", "household_id"),
    rule=follow_up_rule.check,
    own=follow_ups.OWN,
    of_people=True,
    doubles=("household_id", "reason", "due_on"),
    moved={"assignee_id": None, "assignee_place_id": None},
)
# What two places say of one person: not for the lead household of a group
CONSENT = Kind(
    name="consent",
    plural="consents",
    schema=Consent,
    table=consents.Consent,
    order=consents.ORDER,
    filters=consents.FILTERS,
    writers={"township": "all", "village": "all"},
    readers=OFFICES,
    parent=Parent("person", "person_id"),
    rule=consent_rule.check,
    passes=True,
    append_only=True,
)
RESIDENCE_PROPOSAL = Kind(
    name="residence_proposal",
    plural="residence-proposals",
    schema=ResidenceProposal,
    table=residence_proposals.ResidenceProposal,
    order=residence_proposals.ORDER,
    filters=residence_proposals.FILTERS,
    writers={"county": "all", "township": "all", "village": "all"},  # the county hands on what came to no village
    readers=OFFICES,
    parent=Parent("place", "place_id"),
    becomes=residence_rule.answers,
    passes=True,
    voids=False,
)
RESIDENCE = Kind(
    name="residence",
    plural="residences",
    schema=Residence,
    table=residences.Residence,
    order=residences.ORDER,
    filters=residences.FILTERS,
    writers={"township": "all", "village": "all"},
    readers=OFFICES,
    parent=Parent("person", "person_id"),
    born=lambda caller: residence_rule.NEW,
    id_of=residence_rule.id_of,
    becomes=residence_rule.becomes,
    passes=True,
)
# Made by the township's press (activation.py); who it is for is all that people say of it
ACTIVATION_CARD = Kind(
    name="activation_card",
    plural="activation-cards",
    schema=ActivationCard,
    table=activation_cards.ActivationCard,
    order=activation_cards.ORDER,
    filters=activation_cards.FILTERS,
    writers={"county": "all", "township": "all", "village": "all"},
    readers=OFFICES,
    parent=Parent("place", "place_id"),
    rule=activation_card_rule.check,
    born=lambda caller: {"number": None, "status": "printed", "bound_on": None, "tries": 0},
    becomes=activation_card_rule.becomes,
    looks=Looks("person_id", activation_cards.HEADS, activation_card_rule.of_person),
)
# Money: not for the lead household of a group
FEE_ITEM = Kind(
    name="fee_item",
    plural="fee-items",
    schema=FeeItem,
    table=fee_items.FeeItem,
    order=fee_items.ORDER,
    filters=fee_items.FILTERS,
    writers={"county": "all"},
    readers=OFFICES,
    rule=fee_item_rule.check,
    public_below=True,
    append_only=True,
)
RECEIPT_BOOK = Kind(
    name="receipt_book",
    plural="receipt-books",
    schema=ReceiptBook,
    table=receipt_books.ReceiptBook,
    order=receipt_books.ORDER,
    filters=receipt_books.FILTERS,
    writers={"county": "all", "township": "all"},
    readers=OFFICES,
    parent=Parent("place", "place_id"),
    rule=receipt_book_rule.check,
    born=lambda caller: {"spoiled": []},
    besides=receipt_books.NUMBERS,
)
CHARGE = Kind(
    name="charge",
    plural="charges",
    schema=Charge,
    table=charges.Charge,
    order=charges.ORDER,
    filters=charges.FILTERS,
    writers={"township": "all", "village": "all"},
    readers=OFFICES,
    parent=Parent("household", "household_id"),
    looks=Looks("fee_item_id", fee_items.CHARGED, charge_rule.of_item),
    born=lambda caller: charge_rule.NEW,
    may_void=charge_rule.may_void,
    derived=lambda charge: {"status": ledger.status_of(charge, charge["paid_fen"])},
    doubles=("household_id", "person_id", "fee_item_id", "due_on"),
    posts=Posts(ledger.of_charge),
)
PAYMENT = Kind(
    name="payment",
    plural="payments",
    schema=Payment,
    table=payments.Payment,
    order=payments.ORDER,
    filters=payments.FILTERS,
    writers={"township": "all", "village": "all"},
    readers=OFFICES,
    parent=Parent("household", "household_id"),
    rule=payment_rule.check,
    born=lambda caller: {"received_by": caller.user_id, "left_fen": 0, **payment_rule.NO_FISCAL_RECEIPT},
    doubles=("household_id", "amount_fen", "paid_on"),
    append_only=True,
    posts=Posts(ledger.of_payment, "paid_on"),
)
REFUND = Kind(
    name="refund",
    plural="refunds",
    schema=Refund,
    table=refunds.Refund,
    order=refunds.ORDER,
    filters=refunds.FILTERS,
    writers={"township": "all", "village": "all"},
    readers=OFFICES,
    parent=Parent("household", "household_id"),
    looks=Looks("payment_id", refunds.REFUNDED, refund_rule.of_payment, refund_rule.given),
    born=lambda caller: refund_rule.NEW,
    append_only=True,
    posts=Posts(ledger.of_refund),
)
COUNTING = Kind(
    name="counting",
    plural="countings",
    schema=Counting,
    table=countings.Counting,
    order=countings.ORDER,
    filters=countings.FILTERS,
    writers={"township": "all", "village": "own"},
    readers=OFFICES,
    parent=Parent("place", "place_id"),
    rule=counting_rule.check,
    born=lambda caller: counting_rule.NEW,
    own=countings.OWN,
    append_only=True,
    posts=Posts(ledger.of_counting, "counted_on"),
)
DEPOSIT = Kind(
    name="deposit",
    plural="deposits",
    schema=Deposit,
    table=deposits.Deposit,
    order=deposits.ORDER,
    filters=deposits.FILTERS,
    writers={"township": "all"},
    readers=OFFICES,
    parent=Parent("place", "place_id"),
    rule=deposit_rule.check,
    doubles=("township_id", "bank_reference"),
    append_only=True,
    posts=Posts(ledger.of_deposit, "deposited_on"),
)
KINDS = {
    kind.name: kind
    for kind in (
        *(PLACE, CATALOGUE_ENTRY, FEE_ITEM, HOUSEHOLD, PERSON, CHECKUP_PROGRAMME, CHECKUP_SESSION, ATTENDANCE, VISIT, FOLLOW_UP),
        *(CONSENT, RESIDENCE_PROPOSAL, RESIDENCE, ACTIVATION_CARD),
        *(RECEIPT_BOOK, CHARGE, PAYMENT, REFUND, COUNTING, DEPOSIT),
    )
}
CHILDREN = {kind.name: tuple(k for k in KINDS.values() if k.parent and k.parent.kind == kind.name) for kind in KINDS.values()}
# What phones bring may have to wait for records of these: for what it hangs on, and for what it names that is public below (offline.py)
WAITED_FOR = {name for name, kind in KINDS.items() if CHILDREN[name]} | {
    name for kind in KINDS.values() for name in kind.names.values() if KINDS[name].public_below
}
FEED = Feed([kind.documents for kind in KINDS.values()])

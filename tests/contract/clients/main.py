"""The main job with the client that openapi-python-client makes of the document: what mypy accepts here, the service does."""

import sys
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from uuid import UUID, uuid4

from jiafang_client import AuthenticatedClient, Client
from jiafang_client.api.account_and_devices import get_me
from jiafang_client.api.households import list_households
from jiafang_client.api.signing_in import sign_in
from jiafang_client.api.visits import change_visit, create_visit, get_visit
from jiafang_client.models import (
    Household,
    HouseholdPage,
    Me,
    NewVisit,
    NewVisitOutcome,
    PasswordForm,
    PasswordFormGrantType,
    Problem,
    TokenReply,
    Visit,
    VisitChanges,
)
from jiafang_client.types import UNSET, Unset

base, password = sys.argv[1:]


def signed_in(username: str) -> AuthenticatedClient:
    form = PasswordForm(PasswordFormGrantType.PASSWORD, username=username, password=password, device_id=uuid4())
    tokens = sign_in.sync(client=Client(base, headers={"Accept-Language": "en"}), body=form)
    assert isinstance(tokens, TokenReply)
    return AuthenticatedClient(base, token=tokens.access_token, headers={"Accept-Language": "en"})


worker = signed_in("worker-1")
me = get_me.sync(client=worker)
assert isinstance(me, Me)

# Page by page
households: list[Household] = []
cursor: str | Unset | None = UNSET
while cursor is not None:
    page = list_households.sync(client=worker, limit=20, cursor=cursor)
    assert isinstance(page, HouseholdPage)
    households += page.items
    cursor = page.next_
assert len(households) > 20

# Log a visit, and once more because the reply was lost
household, head = next((one, one.head_id) for one in households if one.head_id is not None)
visit = NewVisit(
    id=uuid4(),
    household_id=household.id,
    visited_on=date(2020, 2, 3),
    outcome=NewVisitOutcome.MET,
    met_ids=[head],
    purposes=["elder_care"],
    notes="老人精神好",
)
assert isinstance(visit.id, UUID)
first = create_visit.sync_detailed(client=worker, body=visit)
assert first.status_code == HTTPStatus.CREATED
assert first.headers["Location"] == f"/v1/visits/{visit.id}"
again = create_visit.sync_detailed(client=worker, body=visit)
assert again.status_code == HTTPStatus.OK
assert again.parsed == first.parsed

# Change it as it was read, and then as it is no more
changed = change_visit.sync(visit.id, client=worker, if_match=first.headers["ETag"], body=VisitChanges(agreed="下周再来"))
assert isinstance(changed, Visit)
assert changed.rev == 2
stale = change_visit.sync(visit.id, client=worker, if_match=first.headers["ETag"], body=VisitChanges(agreed=None))
assert isinstance(stale, Problem)
assert (stale.type_, stale.status, stale.rev) == ("/problems/stale", 412, 2)

# A day to come is refused, and the problem says where
day = datetime.now(UTC).date() + timedelta(days=3)
refused = create_visit.sync(client=worker, body=NewVisit(household_id=household.id, visited_on=day, outcome=NewVisitOutcome.ABSENT))
assert isinstance(refused, Problem)
assert refused.type_ == "/problems/day-to-come"
assert not isinstance(refused.errors, Unset)
assert [fault.pointer for fault in refused.errors] == ["/visited_on"]

# The township reads it
read = get_visit.sync(visit.id, client=signed_in("township-1"))
assert isinstance(read, Visit)
assert (read.agreed, read.notes, read.worker_id) == ("下周再来", visit.notes, me.id)

# Somebody else's village does not
other = get_visit.sync(visit.id, client=signed_in("worker-3"))
assert isinstance(other, Problem)
assert other.type_ == "/problems/not-found"

"""Who is calling, as the rules see it: read from the database at each request (access.py); and whose turn it is in a write (road.py)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from api.schemas.base import View

Role = Literal["county", "township", "village", "household_head"]
ROLES: tuple[Role, ...] = get_args(Role)
OFFICES = ROLES[:3]
COUNTY_PLACE = 1  # place 1 of every county is the county itself


@dataclass(frozen=True, slots=True)
class Caller:
    """`places`: numbers held by a field worker, groups included. `townships`: whole townships held (county: all, and 0 for what lies above
    them). `above`: places above those held, whose catalogues can be read. `user_id` None: the command line of the server."""

    county_id: int
    user_id: UUID | None
    device_id: UUID | None
    role: Role
    places: tuple[int, ...]
    townships: tuple[int, ...]
    above: tuple[int, ...]

    @property
    def view(self) -> View:
        return view_of(self.role)


def view_of(role: Role) -> View:
    return "group" if role == "household_head" else "office"


def as_officer(caller: Caller) -> Caller:
    """The county's desk, where it acts as the officer of one of its townships would."""
    return replace(caller, role="township") if caller.role == "county" else caller


def command_line(county_id: int, townships: Sequence[int] = ()) -> Caller:
    """The server itself, which acts for the county's desk."""
    return Caller(county_id, None, None, "county", (), tuple(townships), ())


class Turn(NamedTuple):
    """Who writes and when, and the records that the record names, by member, as far as they are known. `by`: the device, by whose clock
    `made_at` is; None: somebody online, who knows all that was said. `now` grows with each record of a batch. `online`: it can be
    refused, for somebody is there to choose otherwise."""

    by: UUID | None
    made_at: datetime
    now: datetime
    named: Mapping[str, Mapping[str, Any]]
    today: date
    online: bool

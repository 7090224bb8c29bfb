"""What an edit that was made offline changes, and where it clashes with what others did meanwhile. Pure.

An edit is what was sent, held against what its device last knew: the record at the revision that was edited, with that device's own later
edits laid over it. So a phone that always sends whole records changes only what it changed, and has no conflict with itself.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

_NOTHING = object()  # what a device knew of a record that it never had


class Step(NamedTuple):
    """One accepted revision of a record. `own`: made on the device whose edit is merged. `changes`: {member: [from, to]} in JSON; None: the
    creation, which set all. `mark`: of the op that it came from."""

    rev: int
    own: bool
    made_at: datetime
    changes: Mapping[str, Any] | None
    mark: bytes


@dataclass(slots=True)
class Merged:
    """`edits`: what is to be written. `clashes`: members that keep the value that somebody else gave them. `met_others`: others changed
    the record meanwhile, this or another member."""

    edits: dict[str, Any] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)
    met_others: bool = False


def merge(
    sent: Mapping[str, Any],
    present: Mapping[str, Any],
    base_rev: int | None,
    made_at: datetime,
    trail: Sequence[Step],
    sets: Mapping[str, int],
) -> Merged:
    """`trail`: all revisions, ascending. `sets`: members whose lists are sets, merged by what was added and removed; how many they hold.
    `base_rev` None: the device made the record; one above the present revision is of a history that a restore undid, so the present one."""
    known_rev = base_rev if base_rev is not None else 1 if trail and trail[0].own else 0
    since = [step for step in trail if step.rev > known_rev]
    later = [step for step in (trail if base_rev is None else since) if step.own and step.made_at > made_at]
    merged = Merged(met_others=any(not step.own for step in since))
    for member, wanted in sent.items():
        touched = [step for step in since if step.changes is None or member in step.changes]
        known = _known_set(touched, member, present) if member in sets else _known(touched, member, present)
        same = set(plain(wanted)) == set(known) if member in sets else plain(wanted) == known
        if same or any(step.changes is None or member in step.changes for step in later):
            continue  # not changed on the device, or changed there again later: that edit was here first
        value = wanted
        if member in sets:
            value = _with_what_was_added_and_removed(wanted, present[member], known)
        if plain(value) == plain(present[member]):
            continue  # somebody else did just that
        if len(value) > sets[member] if member in sets else bool(touched) and not touched[-1].own:
            merged.clashes.append(member)
        else:
            merged.edits[member] = value
    return merged


def _known(touched: Sequence[Step], member: str, present: Mapping[str, Any]) -> Any:
    own = [step.changes[member][1] for step in touched if step.own and step.changes is not None]
    if own:
        return own[-1]
    if not touched:
        return plain(present[member])
    return _NOTHING if touched[0].changes is None else touched[0].changes[member][0]


def _known_set(touched: Sequence[Step], member: str, present: Mapping[str, Any]) -> Collection[Any]:
    """What the device's own edits added and removed, laid over the set that they were made on: a revision's own list also holds what others
    added meanwhile, of which the device never heard."""
    if not touched:
        return list(plain(present[member]))
    known = [] if touched[0].changes is None else list(touched[0].changes[member][0])
    for was, became in (step.changes[member] for step in touched if step.own and step.changes is not None):
        known = [value for value in known if value in became or value not in was] + [v for v in became if v not in was and v not in known]
    return known


def _with_what_was_added_and_removed(wanted: Collection[Any], present: Collection[Any], known: Collection[Any]) -> list[Any]:
    removed = set(known) - {plain(value) for value in wanted}
    kept = [value for value in present if plain(value) not in removed]
    return kept + [value for value in wanted if plain(value) not in known and value not in kept]


def plain(value: Any) -> Any:
    """As JSON has it: revisions are stored so."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value

"""Who reads which member of which record: docs/privacy.md, made from KINDS and `Seen`. A test compares it with what the service answers."""

from pathlib import Path

from api.db.family import READS
from api.kinds import KINDS, Kind
from api.rules.caller import OFFICES, Role
from api.schemas.base import EndOf, Record, Seen, in_family, mark_of

PAGE = Path("docs/privacy.md")
HEADING = "## Who reads which member"
READERS = {"county": "county", "township": "township", "village": "village", "household_head": "lead household", "family": "family"}
NO = "–"


def sealed(kind: Kind, member: str) -> bool:
    return mark_of(kind.schema.model_fields[member], EndOf) is not None


def of_office(kind: Kind, member: str, role: Role) -> str:
    if role not in kind.readers:
        return NO
    return "by id" if sealed(kind, member) else "yes"


def of_lead(kind: Kind, member: str) -> str:
    seen = (mark_of(kind.schema.model_fields[member], Seen) or Seen()).group
    if "household_head" not in kind.readers or seen == "none" or sealed(kind, member):
        return NO
    return "own" if seen == "own" else "yes"


def of_family(kind: Kind, member: str) -> str:
    if sealed(kind, member):
        return READS.get(f"{kind.name}.{member}", NO)
    return READS.get(kind.name, NO) if member in in_family(kind.schema) else NO


def row(kind: Kind, member: str) -> tuple[str, ...]:
    """What each of READERS sees of the member."""
    return (*(of_office(kind, member, role) for role in OFFICES), of_lead(kind, member), of_family(kind, member))


def as_markdown() -> str:
    lines = [
        HEADING,
        "",
        "Made from `KINDS` and `Seen` by `.venv/bin/python -m api.routers.openapi`; a test asks the service for each of it. The offices",
        "and the lead household within their places, the family of its own household. *common*: what every record has (`id`, `rev`, its",
        "place, who created it and when, whether it was voided). *own*: in records that it wrote itself. *by id*: where that one record is",
        "asked for, in no list. *head*, *minors*: of the head, of the household's minors. *consent*: also of adults who agreed to that.",
        "",
        f"| record | members | {' | '.join(READERS.values())} |",
        f"|---|---|{'---|' * len(READERS)}",
    ]
    for kind in KINDS.values():
        rows: dict[tuple[str, ...], list[str]] = {}
        for member in kind.schema.model_fields:
            rows.setdefault(row(kind, member), []).append("*common*" if member in Record.model_fields else f"`{member}`")
        lines += [f"| {kind.name} | {', '.join(dict.fromkeys(members))} | {' | '.join(seen)} |" for seen, members in rows.items()]
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/privacy.md with the table as it is now, at its end."""
    written = PAGE.read_text("utf-8").partition(HEADING)[0].rstrip()
    return f"{written}\n\n{as_markdown()}"

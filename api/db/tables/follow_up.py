from datetime import date
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field

from api.db.tables.base import IN_PLACE, RecordRow, below_household
from api.db.tables.search import SOUGHT


class FollowUp(RecordRow, table=True):
    __tablename__ = "follow_up"
    __table_args__ = (
        *below_household("follow_up", "due_on", "day"),
        Index("follow_up_assignee_idx", "county_id", "assignee_id", postgresql_where=text("status = 'open'")),
    )
    household_id: UUID
    person_id: UUID | None
    reason: str = Field(sa_type=Text)
    words: str | None = Field(sa_type=Text)
    due_on: date
    priority: str = Field(sa_type=Text)
    assignee_id: UUID | None
    assignee_place_id: int | None
    status: str = Field(sa_type=Text)
    raised_by_visit_id: UUID | None
    done_by_visit_id: UUID | None
    dropped_because: str | None = Field(sa_type=Text)


# Whoever was to do it serves the place no more: closed accounts and the like, until they are taken off (accounts.py, jobs/hourly.py)
_NOBODYS = """NOT EXISTS (SELECT FROM membership m JOIN place p ON p.county_id = $1 AND p.place_id = t.place_id
  WHERE m.county_id = $1 AND m.user_id = t.assignee_id AND m.revoked_tick IS NULL
    AND (m.place_id = p.place_id OR m.reach = 'below' AND m.place_id IN (p.parent_id, p.township_id, 1)))"""
OWN = "created_by"
ORDER = {"due_on": ("date", "asc")}
FILTERS = {
    # by the number of the household, or by the name of somebody in it
    "q": (
        "t.household_id IN (SELECT k.id FROM search_key k WHERE k.county_id = $1 AND k.{reads}_id = h.held AND k.kind = 'household'"
        f" AND {SOUGHT} UNION ALL SELECT p.household_id FROM search_key k JOIN person p ON p.county_id = $1 AND p.id = k.id"
        f" WHERE k.county_id = $1 AND k.{{reads}}_id = h.held AND k.kind = 'person' AND k.key !~ '^[0-9]' AND {SOUGHT})"
    ),
    "household_id": "t.household_id = {}::uuid",
    "person_id": "t.person_id = {}::uuid",
    "place_id": IN_PLACE,
    "status": "t.status = {}::text",
    "priority": "t.priority = {}::text",
    "reason": "t.reason = {}::text",
    "due_from": "t.due_on >= {}::date",
    "due_to": "t.due_on <= {}::date",
    # the caller's own; and what is nobody's, but of the place, or of a place, that the caller holds
    "mine": (
        f"(t.assignee_id IS NOT DISTINCT FROM s.user_id OR ((t.assignee_id IS NULL OR {_NOBODYS})"
        " AND coalesce(t.assignee_place_id, t.place_id) = ANY (s.places || s.townships))) = {}::bool"
    ),
    # nobody is there to be followed up
    "silenced": "((SELECT q.status FROM household q WHERE q.county_id = $1 AND q.id = t.household_id) <> 'living_here') = {}::bool",
}
# Open ones of a user, in places that lie outside those that are kept
HELD_BY = """
SELECT t.id, t.rev FROM follow_up t JOIN place p ON p.county_id = $1 AND p.place_id = t.place_id
WHERE t.county_id = $1 AND t.assignee_id = $2::uuid AND t.status = 'open' AND NOT t.voided AND t.township_id = ANY ($5::int[])
  AND NOT EXISTS (SELECT FROM unnest($3::int[], $4::text[]) m (place_id, reach)
    WHERE m.place_id = p.place_id OR m.reach = 'below' AND m.place_id IN (p.parent_id, p.township_id, 1))
ORDER BY t.id FOR NO KEY UPDATE OF t"""
# Open ones that are to be done by somebody who serves the place no more
NOBODYS = f"""
SELECT t.id, t.rev FROM follow_up t
WHERE t.county_id = $1 AND t.assignee_id IS NOT NULL AND t.status = 'open' AND NOT t.voided AND {_NOBODYS} ORDER BY t.id LIMIT 500"""
# What is open in these households
OPEN = """
SELECT t.* FROM follow_up t WHERE t.county_id = $1 AND t.household_id = ANY ($2::uuid[])
  AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[])) AND NOT t.voided AND t.status = 'open'
ORDER BY t.id"""

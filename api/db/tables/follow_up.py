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


OWN = "created_by"
ORDER = {"due_on": ("date", "asc")}
FILTERS = {
    # by the number of the household, or by the name of somebody in it
    "q": (
        "t.household_id IN (SELECT k.id FROM search_key k WHERE k.county_id = $1 AND k.{level}_id = h.held AND k.kind = 'household'"
        f" AND {SOUGHT} UNION ALL SELECT p.household_id FROM search_key k JOIN person p ON p.county_id = $1 AND p.id = k.id"
        f" WHERE k.county_id = $1 AND k.{{level}}_id = h.held AND k.kind = 'person' AND k.key !~ '^[0-9]' AND {SOUGHT})"
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
        "(t.assignee_id IS NOT DISTINCT FROM s.user_id OR (t.assignee_id IS NULL"
        " AND coalesce(t.assignee_place_id, t.place_id) = ANY (s.places || s.townships))) = {}::bool"
    ),
    # nobody is there to be followed up
    "silenced": "((SELECT q.status FROM household q WHERE q.county_id = $1 AND q.id = t.household_id) <> 'living_here') = {}::bool",
}
# Open ones of a user who loses places, in these places and below them
HELD_BY = """
SELECT t.id, t.rev FROM follow_up t JOIN place p ON p.county_id = $1 AND p.place_id = t.place_id
WHERE t.county_id = $1 AND t.assignee_id = $2::uuid AND t.status = 'open' AND NOT t.voided
  AND ARRAY[p.place_id, p.parent_id, p.township_id, 1] && $3::int[]
ORDER BY t.id FOR NO KEY UPDATE OF t"""
# What is open in these households
OPEN = """
SELECT t.* FROM follow_up t WHERE t.county_id = $1 AND t.household_id = ANY ($2::uuid[])
  AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[])) AND NOT t.voided AND t.status = 'open'
ORDER BY t.id"""

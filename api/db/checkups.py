"""Statements on sessions and on who may be asked to them."""

from api.db.documents import FIRST, Documents

TOWNSHIPS = "SELECT DISTINCT p.township_id FROM place p WHERE p.county_id = $1"
# Who was ever asked to the session, or came, in the order in which they arrived at the service
ATTENDANCES = """
SELECT a.id, a.rev, a.state, a.waiting_since, a.seat_at, a.informed_at, a.reminders, a.person_id, p.household_id,
  p.voided OR p.status IN ('died', 'moved') AS person_gone
FROM attendance a JOIN person p ON p.county_id = $1 AND p.id = a.person_id
WHERE a.county_id = $1 AND a.session_id = $2::uuid AND NOT a.voided ORDER BY a.seat_at, a.id"""
# Those of these follow-ups that are open
REMINDING = """
SELECT f.id, f.rev, f.created_at FROM follow_up f
WHERE f.county_id = $1 AND f.status = 'open' AND NOT f.voided AND f.id = ANY ($2::uuid[])"""
TO_COME = "SELECT t.id FROM checkup_session t WHERE t.county_id = $1 AND t.held_on >= $2::date"
# Attendances of people, whole, those included that were joined into others
OF_PEOPLE = """
SELECT t.* FROM attendance t WHERE t.county_id = $1 AND t.person_id = ANY ($2::uuid[])
  AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[])) ORDER BY t.id"""


def eligible(programmes: Documents, people: Documents) -> str:
    """The programme as far as the caller may see it, and people who may be asked: of an age and sex that it is for, here, and nobody has
    asked them in this round. Computed at each call; nothing of it is stored. Parameters: the programme, limit, the name and id that the
    page begins after, a place, a round, today."""
    programme, limit, name, last, place, number, today = (f"${FIRST + n}" for n in range(7))
    return f"""
SELECT g.who, g.rounds, x.sort, x.id, x.doc FROM s
LEFT JOIN LATERAL (SELECT t.who, t.rounds, t.id FROM checkup_programme t WHERE t.county_id = $1 AND t.id = {programme}::uuid
  AND NOT t.voided AND {programmes.in_scope()}) g ON true
LEFT JOIN LATERAL (SELECT e.name AS sort, e.id, {people.one("office", "e.id")} AS doc FROM (
  SELECT t.name, t.id FROM person t WHERE t.county_id = $1 AND {people.in_scope()}
    AND NOT t.voided AND t.status IN ('present', 'away') AND (t.name, t.id) > ({name}::text, {last}::uuid)
    AND t.place_id IN (SELECT p.place_id FROM place p WHERE p.county_id = $1
      AND {place}::int IN (p.place_id, p.parent_id, p.township_id, 1))
    AND (g.who ->> 'born_from' IS NULL OR t.born_on >= (g.who ->> 'born_from')::date)
    AND (g.who ->> 'born_to' IS NULL OR t.born_on <= (g.who ->> 'born_to')::date)
    AND (g.who ->> 'sex' IS NULL OR t.sex = (g.who ->> 'sex')::int)
    AND EXISTS (SELECT FROM jsonb_to_recordset(g.rounds) AS r (number int, to_on date)
      WHERE r.number = {number}::int AND r.to_on >= {today}::date)
    AND NOT EXISTS (SELECT FROM attendance a WHERE a.county_id = $1 AND a.person_id = t.id AND a.programme_id = g.id
      AND a.round = {number}::int AND a.state <> 'none' AND NOT a.voided)
  ORDER BY t.name, t.id LIMIT {limit}::int) e) x ON true
ORDER BY x.sort, x.id"""

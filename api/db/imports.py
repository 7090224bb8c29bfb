"""Statements on imports of registers and the rows of their files."""

# What a file is read by: places within reach, and what may stand for a purpose
PLACES = """
SELECT p.place_id, p.id, p.code, p.name, p.level, p.group_number, p.parent_id, p.valid_to FROM place p
WHERE p.county_id = $1 AND p.township_id = ANY ($2::int[])"""
PURPOSES = """
SELECT e.code, e.name FROM catalogue_entry e
WHERE e.county_id = $1 AND e.catalogue = 'visit_purpose' AND e.active AND NOT e.voided ORDER BY e.code"""
HOUSEHOLDS = """
SELECT DISTINCT h.id, h.place_id, h.number, h.joined_into_id IS NOT NULL AS joined FROM household h
JOIN json_to_recordset($2::json) AS x (place_id int, number text) ON x.place_id = h.place_id AND x.number = h.number
WHERE h.county_id = $1 AND NOT h.voided AND h.township_id = ANY ($3::int[])"""
# Records by id wherever they are now, by their trail: what made them, and whether they are voided. One that was joined into another is not:
# it is there under another name, and may be parted again
THERE = """
SELECT r.id, (array_agg(r.mark ORDER BY r.rev))[1] AS mark,
  coalesce((array_agg(r.void_reason IS NOT NULL AND r.changes #>> '{joined_into_id,1}' IS NULL ORDER BY r.rev DESC)
    FILTER (WHERE r.void_reason IS NOT NULL OR r.changes ? 'joined_into_id'))[1], false) AS voided
FROM revision r
WHERE r.county_id = $1 AND r.kind = $2::text AND r.id = ANY ($3::uuid[]) GROUP BY r.id"""

NEW = """
INSERT INTO import (county_id, id, kind, file_name, state, townships, by_user_id, user_id, device_id, file, at_row, rows, done, created,
    unchanged, refused, undone, problem_count, problems, note_count, notes, created_at)
VALUES ($1, $2::uuid, $3::text, $4::text, 'reading', $5::int[], $6::uuid, $6::uuid, $7::uuid, $8::bytea, 0, 0, 0, 0,
    0, 0, 0, 0, '[]', 0, '[]', $9::timestamptz)"""
ROWS = """
INSERT INTO import_row (county_id, import_id, row, id, doc, outcome)
SELECT k.county_id, x.import_id, x.row, x.id, x.doc, x.outcome
FROM clock k, json_to_recordset($2::json) AS x (import_id uuid, row int, id uuid, doc json, outcome text) WHERE k.county_id = $1"""
READ = """
UPDATE import t SET state = $3::text, file = NULL, rows = $4::int, done = $5::int, unchanged = $5::int, problem_count = $6::int,
    problems = $7::json, note_count = $8::int, notes = $9::json, ended_at = $10::timestamptz
WHERE t.county_id = $1 AND t.id = $2::uuid"""

# Whose turn it is: of several processes one gets the lock, and the others go on to something else
TURN = "SELECT i.* FROM import i WHERE i.county_id = $1 AND i.id = $2::uuid FOR NO KEY UPDATE SKIP LOCKED"
TRY = "UPDATE import t SET tries = t.tries + 1 WHERE t.county_id = $1 AND t.id = $2::uuid"
LOCKED = "SELECT i.* FROM import i WHERE i.county_id = $1 AND i.id = $2::uuid AND i.townships <@ $3::int[] FOR NO KEY UPDATE"
OPEN = """
SELECT i.id, i.state, i.user_id, i.device_id FROM import i
WHERE i.county_id = $1 AND i.state IN ('reading', 'running', 'undoing') ORDER BY i.seq"""
ENTER = """
UPDATE import t SET state = $3::text, user_id = $4::uuid, device_id = $5::uuid WHERE t.county_id = $1 AND t.id = $2::uuid"""
TO_CREATE = """
SELECT r.row, r.id, r.doc FROM import_row r
WHERE r.county_id = $1 AND r.import_id = $2::uuid AND r.row > $3::int AND r.outcome IS NULL ORDER BY r.row LIMIT $4::int"""
TO_UNDO = """
SELECT r.row, r.id, r.doc FROM import_row r
WHERE r.county_id = $1 AND r.import_id = $2::uuid AND r.outcome = 'created' ORDER BY r.row DESC LIMIT $3::int"""
# Of these people, those whom a visit or a follow-up names, or who head a household by another's hand than the import's
NAMED = """
SELECT x.id FROM json_to_recordset($2::json) AS x (id uuid, household_id uuid, relation text)
WHERE EXISTS (SELECT FROM visit v WHERE v.county_id = $1 AND v.household_id = x.household_id AND NOT v.voided AND x.id = ANY (v.met_ids))
  OR EXISTS (SELECT FROM follow_up f WHERE f.county_id = $1 AND f.household_id = x.household_id AND NOT f.voided AND f.person_id = x.id)
UNION SELECT x.id FROM json_to_recordset($2::json) AS x (id uuid, household_id uuid, relation text)
JOIN household h ON h.head_id = x.id AND (h.id <> x.household_id OR x.relation IS DISTINCT FROM 'head')
WHERE h.county_id = $1 AND NOT h.voided AND h.township_id = ANY ($3::int[])"""
OUTCOMES = """
UPDATE import_row t SET outcome = x.outcome, id = x.id
FROM json_to_recordset($2::json) AS x (import_id uuid, row int, id uuid, outcome text)
WHERE t.county_id = $1 AND t.import_id = x.import_id AND t.row = x.row"""
WENT_ON = """
UPDATE import t SET at_row = $3::int, done = t.done + $4::int, created = t.created + $5::int, unchanged = t.unchanged + $6::int,
    refused = t.refused + $7::int, undone = t.undone + $8::int, note_count = t.note_count + $9::int, notes = $10::json
WHERE t.county_id = $1 AND t.id = $2::uuid"""
END = "UPDATE import t SET state = $3::text, file = NULL, ended_at = $4::timestamptz WHERE t.county_id = $1 AND t.id = $2::uuid"

# By the hour. An import that was read and that nobody has confirmed within a day is withdrawn
WITHDRAW = """
UPDATE import t SET state = 'undone' WHERE t.county_id = $1 AND t.state = 'ready' AND t.ended_at < $2::timestamptz"""
ERASE = """
DELETE FROM import_row t USING import i WHERE t.county_id = $1 AND i.county_id = $1 AND i.id = t.import_id
  AND i.state IN ('done', 'undone', 'faulty') AND i.ended_at < $2::timestamptz"""
ERASE_ONE = "DELETE FROM import_row WHERE county_id = $1 AND import_id = $2::uuid"

# What is said of an import: all but the file itself, which may be 20 MB
_SUMMARY = """i.id, i.seq, i.kind, i.file_name, i.state, i.rows, i.done, i.created, i.unchanged, i.refused, i.undone, i.problem_count,
    i.note_count, i.by_user_id, i.created_at, i.ended_at"""
_WHOLE = f"{_SUMMARY}, i.problems, i.notes, i.townships"
BY_ID = f"SELECT {_WHOLE} FROM import i WHERE i.county_id = $1 AND i.id = $2::uuid"
# For people, in front of which stands the caller
_SEEN = "i.county_id = $1 AND i.townships <@ s.townships AND s.role IN ('county', 'township')"
LIST = f"""
SELECT x.*, s.role FROM s LEFT JOIN LATERAL (SELECT {_SUMMARY} FROM import i
  WHERE {_SEEN} AND i.seq < $6::bigint ORDER BY i.seq DESC LIMIT $7::int) x ON true ORDER BY x.seq DESC"""
ONE = f"SELECT x.*, s.role FROM s LEFT JOIN LATERAL (SELECT {_WHOLE} FROM import i WHERE {_SEEN} AND i.id = $6::uuid) x ON true"

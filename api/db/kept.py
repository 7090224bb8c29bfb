"""Statements on what was sent and did not become a revision as it was: held, rejected, in the inbox, in conflict."""

# Whose turn it is: batches of one device are taken one after the other. And where its user belongs, whose officer sees what has no place
TURN = """
SELECT d.state, u.place_id, u.township_id FROM device d JOIN app_user u ON u.county_id = $1 AND u.id = d.user_id
WHERE d.county_id = $1 AND d.id = $2::uuid FOR NO KEY UPDATE OF d"""
KEPT = """
SELECT k.id, k.seq, k.kind, k.record_id, k.state, k.settled, k.device_id, k.reason, k.place_id, k.township_id,
  k.op, k.problem FROM kept_op k
WHERE k.county_id = $1 AND k.record_id = ANY ($2::uuid[]) ORDER BY k.seq"""
CONFLICTS = """
SELECT c.id, c.kind, c.record_id, c.field, c.yours, c.theirs, c.mark, c.settled FROM conflict c
WHERE c.county_id = $1 AND c.record_id = ANY ($2::uuid[]) AND c.device_id = $3::uuid ORDER BY c.seq"""
# Records of the county by id, and where they are now; `once`: a place where they are or were was the user's ($4) after they came to be,
# or they were made on the device ($5). `made`: by the user.
# A right of reach `below` takes in what lies below its place: a village's groups, a township, the county.
_COVERED = "(m.place_id = p.place_id OR (m.reach = 'below' AND m.place_id IN (p.parent_id, p.township_id, 1)))"
ELSEWHERE = f"""
SELECT c.id, bool_or(o.once) AS once, bool_or(r.by_user_id = $4::uuid) AS made,
  max(c.place_id) FILTER (WHERE c.reason IS DISTINCT FROM 'moved') AS place_id,
  max(c.township_id) FILTER (WHERE c.reason IS DISTINCT FROM 'moved') AS township_id
FROM change c JOIN place p ON p.county_id = $1 AND p.place_id = c.place_id
JOIN revision r ON r.county_id = $1 AND r.kind = $2::text AND r.id = ANY ($3::uuid[]) AND r.id = c.id AND r.rev = 1
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM membership m WHERE m.county_id = $1 AND m.user_id = $4::uuid AND {_COVERED}
  AND (m.revoked_at IS NULL OR m.revoked_at >= r.received_at)) OR r.device_id = $5::uuid AS once) o
WHERE c.county_id = $1 AND c.kind = $2::text AND c.id = ANY ($3::uuid[])
GROUP BY c.id"""
PLACES_ONCE = f"""
SELECT p.place_id, p.township_id FROM place p WHERE p.county_id = $1 AND p.place_id = ANY ($2::int[])
AND EXISTS (SELECT FROM membership m WHERE m.county_id = $1 AND m.user_id = $3::uuid AND {_COVERED})"""
KEEP = """
INSERT INTO kept_op (county_id, id, state, reason, kind, record_id, user_id, device_id, place_id, township_id, op, problem,
    waits_for, received_at)
SELECT k.county_id, x.id, x.state, x.reason, x.kind, x.record_id, x.user_id, x.device_id, x.place_id, x.township_id, x.op,
    x.problem, x.waits_for, x.received_at
FROM clock k, json_to_recordset($2::json) AS x (id uuid, state text, reason text, kind text, record_id uuid, user_id uuid,
    device_id uuid, place_id int, township_id int, op json, problem json, waits_for uuid, received_at timestamptz)
WHERE k.county_id = $1"""
KEEP_CONFLICT = """
INSERT INTO conflict (county_id, id, kind, record_id, field, yours, theirs, mark, user_id, device_id, place_id, township_id,
    made_at, received_at)
SELECT k.county_id, x.id, x.kind, x.record_id, x.field, coalesce(x.yours, 'null'), coalesce(x.theirs, 'null'), x.mark,
    x.user_id, x.device_id, x.place_id, x.township_id, x.made_at, x.received_at
FROM clock k, json_to_recordset($2::json) AS x (id uuid, kind text, record_id uuid, field text, yours json, theirs json, mark bytea,
    user_id uuid, device_id uuid, place_id int, township_id int, made_at timestamptz, received_at timestamptz)
WHERE k.county_id = $1"""
# A kept op is tried again and goes to another list; or it settles
MOVE_ON = """
UPDATE kept_op t SET state = x.state, reason = x.reason, problem = x.problem, place_id = x.place_id, township_id = x.township_id
FROM json_to_recordset($2::json) AS x (id uuid, state text, reason text, problem json, place_id int, township_id int)
WHERE t.county_id = $1 AND t.id = x.id"""
SETTLE = """
UPDATE kept_op t SET settled = $3::text, settled_at = $4::timestamptz, settled_by = $5::uuid
WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[])"""
SETTLE_CONFLICT = """
UPDATE conflict t SET settled = x.settled, settled_at = x.settled_at, settled_by = x.settled_by
FROM json_to_recordset($2::json) AS x (id uuid, settled text, settled_at timestamptz, settled_by uuid)
WHERE t.county_id = $1 AND t.id = x.id"""
# The lists go along with a record that moves
MOVE_KEPT = """
UPDATE kept_op t SET place_id = x.place_id, township_id = x.township_id
FROM json_to_recordset($2::json) AS x (kind text, id uuid, place_id int, township_id int)
WHERE t.county_id = $1 AND t.record_id = x.id AND t.kind = x.kind"""
# … and what was to be created below it
MOVE_KEPT_BELOW = """
UPDATE kept_op t SET place_id = x.place_id, township_id = x.township_id
FROM json_to_recordset($2::json) AS x (kind text, member text, id uuid, place_id int, township_id int)
WHERE t.county_id = $1 AND t.settled IS NULL AND t.kind = x.kind AND t.op -> 'doc' ->> x.member = x.id::text"""
MOVE_CONFLICTS = """
UPDATE conflict t SET place_id = x.place_id, township_id = x.township_id
FROM json_to_recordset($2::json) AS x (kind text, id uuid, place_id int, township_id int)
WHERE t.county_id = $1 AND t.record_id = x.id AND t.kind = x.kind"""

# Held ops, and whose they are
WAITING = """
SELECT DISTINCT k.user_id, k.device_id FROM kept_op k
WHERE k.county_id = $1 AND k.state = 'held' AND k.settled IS NULL AND k.waits_for = ANY ($2::uuid[])"""
HELD = """
SELECT k.* FROM kept_op k
WHERE k.county_id = $1 AND k.state = 'held' AND k.settled IS NULL AND k.device_id = $2::uuid AND k.waits_for = ANY ($3::uuid[])
ORDER BY k.seq"""
WAITED_FOR = "SELECT DISTINCT k.waits_for FROM kept_op k WHERE k.county_id = $1 AND k.state = 'held' AND k.settled IS NULL"
WAITED_TOO_LONG = """
UPDATE kept_op t SET state = 'inbox', reason = 'waited' WHERE t.county_id = $1 AND t.state = 'held' AND t.settled IS NULL
  AND t.received_at < $2::timestamptz"""

# One of the lists, for whom it is: who sent it, or the officer of the place. What settles a conflict holds its record's lock, what settles
# an op that of its device: locks of their own would be taken in another order than a push takes them
_ONE = "AND ({0}.user_id = $3::uuid OR {0}.township_id = ANY ($4::int[]))"
ONE_KEPT = f"SELECT k.* FROM kept_op k WHERE k.county_id = $1 AND k.id = $2::uuid {_ONE.format('k')}"
ONE_CONFLICT = f"SELECT c.* FROM conflict c WHERE c.county_id = $1 AND c.id = $2::uuid {_ONE.format('c')}"

# The lists themselves, in front of which stands the caller. $6: which list; $7: what is settled; $8: after; $9: how many
_LIST = """
SELECT x.*, s.role, x.place_id = ANY (s.places) OR x.township_id = ANY (s.townships) AS within{2}
FROM s LEFT JOIN LATERAL (SELECT t.* FROM {0} t WHERE t.county_id = $1 {1} AND (t.settled IS NOT NULL) = $7::bool
  AND (t.user_id = s.user_id OR t.township_id = ANY (s.townships)) AND t.seq > $8::bigint ORDER BY t.seq LIMIT $9::int) x ON true
ORDER BY x.seq"""
# An attendance is shown without its state, which may be all that an edit says: so, whom it is about, to whoever reads the record
_ABOUT = """, CASE WHEN x.kind = 'attendance' THEN (SELECT row_to_json(d)::text FROM (SELECT a.programme_id, a.round, a.person_id
    FROM attendance a WHERE a.county_id = $1 AND a.id = x.record_id
      AND (a.place_id = ANY (s.places) OR a.township_id = ANY (s.townships))) d) END AS about"""
LIST_KEPT = _LIST.format("kept_op", "AND t.state = $6::text", _ABOUT)
LIST_CONFLICTS = _LIST.format("conflict", "AND $6::text IS NOT NULL", "")
COUNTIES = "SELECT c.county_id FROM county c"

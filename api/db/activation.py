"""Statements on cards, and on the accounts that they open. `login` belongs to no county: a number leads to the county of its card."""

TAKE_NUMBERS = """
INSERT INTO login (username, county_id, user_id)
SELECT x.username, $1, x.user_id FROM unnest($2::text[], $3::uuid[]) AS x (username, user_id)
ON CONFLICT ON CONSTRAINT login_pkey DO NOTHING RETURNING username"""
LEADS_TO = "UPDATE login SET user_id = $2 WHERE username = $1"
TRY = """
UPDATE activation_card t SET tries = t.tries + 1 WHERE t.county_id = $1 AND t.number = $2::text AND t.tries < $3::int AND NOT t.voided
RETURNING t.county_id, t.id, t.rev, t.township_id, t.status, t.code_mac, t.tries"""
RIGHT = "UPDATE activation_card t SET tries = t.tries - 1 WHERE t.county_id = $1 AND t.id = $2"
HOLD = "SELECT t.* FROM activation_card t WHERE t.county_id = $1 AND t.id = $2 FOR NO KEY UPDATE"
OVER = """
SELECT t.id, t.rev, t.township_id FROM activation_card t
WHERE t.county_id = $1 AND t.status = 'bound' AND t.bound_on < $2::date AND NOT t.voided ORDER BY t.id LIMIT 1000"""
# Somebody, by any record of them, who heads a household now
HEAD = """
SELECT p.id AS person_id, p.name, h.id AS household_id, h.place_id, h.township_id,
  ARRAY(SELECT j.id FROM person j WHERE j.county_id = $1 AND j.joined_into_id = p.id) AS joined
FROM person r
JOIN person p ON p.county_id = $1 AND p.id = coalesce(r.joined_into_id, r.id)
JOIN household h ON h.county_id = $1 AND h.id = p.household_id AND h.head_id = p.id
WHERE r.county_id = $1 AND r.id = $2::uuid AND NOT p.voided AND p.status IN ('present', 'away') AND NOT h.voided"""
SEATED = """
SELECT t.user_id FROM seat t JOIN app_user u ON u.county_id = $1 AND u.id = t.user_id
WHERE t.county_id = $1 AND t.person_id = ANY ($2::uuid[]) AND t.revoked_tick IS NULL AND u.closed_at IS NULL AND u.role = 'household_head'
ORDER BY u.created_at DESC LIMIT 1"""
RENAME = """
UPDATE app_user SET username = $3, name = $4, password_hash = $5, password_temporary = false WHERE county_id = $1 AND id = $2"""
# Parameter: a place within reach
VILLAGE = """SELECT (SELECT q.name FROM place q
  WHERE q.county_id = $1 AND q.place_id = $6::int AND q.township_id = ANY (s.townships)) AS name FROM s"""

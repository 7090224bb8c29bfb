"""Statements on residences: what belongs together, what is known of the people in them, and the outbox to other counties."""

# Which residences these people, residences and proposals belong to, as far as the caller reaches
TOUCHED = """
SELECT t.residence_id FROM residence t
WHERE t.county_id = $1 AND (t.person_id = ANY ($2::uuid[]) OR t.residence_id = ANY ($2::uuid[]) OR t.id = ANY ($2::uuid[]))
UNION SELECT p.id FROM residence_proposal p WHERE p.county_id = $1 AND p.id = ANY ($2::uuid[])"""
# What belongs together: residences, whatever else the people in them have, and so on
TOGETHER = """
WITH RECURSIVE pair AS (
  SELECT x.residence_id, NULL::uuid AS person_id FROM unnest($2::uuid[]) AS x (residence_id)
  UNION SELECT t.residence_id, t.person_id FROM pair JOIN residence t
    ON t.county_id = $1 AND (t.residence_id = pair.residence_id OR t.person_id = pair.person_id))
SELECT DISTINCT pair.residence_id FROM pair"""
# In this order, wherever they are locked
PROPOSALS = "SELECT t.* FROM residence_proposal t WHERE t.county_id = $1 AND t.id = ANY ($2::uuid[]) ORDER BY t.id FOR NO KEY UPDATE"
OF = "SELECT t.* FROM residence t WHERE t.county_id = $1 AND t.residence_id = ANY ($2::uuid[]) ORDER BY t.id FOR NO KEY UPDATE"
# What passes of a person. `code`: of the village that the household is in. A consent takes effect when it was given, but not later than
# it came; a refusal from when it came, whatever the phone's clock said, and over a consent of the same moment
PEOPLE = """
SELECT p.id, p.name, p.sex, p.born_on, p.phones, coalesce(q.code, u.code) AS code,
  array[q.place_id, q.parent_id, q.township_id, 1] AS within,
  array(SELECT DISTINCT (a.attended_at AT TIME ZONE 'Asia/Shanghai')::date::text FROM attendance a
    WHERE a.county_id = $1 AND a.person_id = p.id AND a.state = 'attended' AND NOT a.voided ORDER BY 1) AS attended_on,
  (SELECT json_object_agg(c.purpose, json_build_array(c.act, to_char(c.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USOF')))::text FROM (
    SELECT DISTINCT ON (c.purpose) c.purpose, c.act, e.at FROM consent c
    CROSS JOIN LATERAL (SELECT CASE c.act WHEN 'given' THEN least(c.acted_at, c.created_at) ELSE c.created_at END AS at) e
    WHERE c.county_id = $1 AND c.purpose LIKE 'share%' AND NOT c.voided
      AND c.person_id IN (WITH RECURSIVE one AS (SELECT p.id UNION
        SELECT i.id FROM one JOIN person i ON i.county_id = $1 AND i.joined_into_id = one.id) SELECT one.id FROM one)
    ORDER BY c.purpose, e.at DESC, c.act DESC, c.id) c) AS consents
FROM person p JOIN place q ON q.county_id = $1 AND q.place_id = p.place_id
  LEFT JOIN place u ON u.county_id = $1 AND u.place_id = q.parent_id
WHERE p.county_id = $1 AND p.id = ANY ($2::uuid[])"""
PLACES = "SELECT p.code, p.place_id, p.township_id, p.level, p.successor_ids FROM place p WHERE p.county_id = $1"
# What has waited since that day or longer, and nobody was reminded
WAITS = """
SELECT 'residence' AS kind, t.id, t.rev FROM residence t
WHERE t.county_id = $1 AND t.waiting_since <= $2::date AND t.reminded_on IS NULL AND NOT t.voided
UNION ALL SELECT 'residence_proposal', p.id, p.rev FROM residence_proposal p
WHERE p.county_id = $1 AND p.proposed_on <= $2::date AND p.status = 'waiting' AND p.reminded_on IS NULL LIMIT 1000"""
CAME_HOME = "SELECT t.id, t.rev FROM residence t WHERE t.county_id = $1 AND t.comes_home_on <= $2::date AND NOT t.voided LIMIT 1000"
COUNTY_CODES = "SELECT p.code FROM place p WHERE p.county_id = $1 AND p.level = 'county'"
COUNTIES = "SELECT c.county_id, c.code FROM county c ORDER BY c.county_id"

# One row for each residence that somebody in another county is to hear of: what they are to hear, which version of it, and how far it got
SEND = """
INSERT INTO outbox (county_id, residence_id, side, to_code, part, version, made_at, delivered_version, tries, try_at, dead)
SELECT k.county_id, x.residence_id, x.side, x.to_code, x.part, 1, $3::timestamptz, 0, 0, $3::timestamptz, false
FROM clock k, json_to_recordset($2::json) AS x (residence_id uuid, side text, to_code text, part jsonb) WHERE k.county_id = $1
ON CONFLICT ON CONSTRAINT outbox_pkey DO UPDATE
SET part = excluded.part, to_code = excluded.to_code, version = outbox.version + 1, made_at = excluded.made_at, tries = 0,
    try_at = excluded.try_at, dead = false
WHERE (outbox.part, outbox.to_code) IS DISTINCT FROM (excluded.part, excluded.to_code)"""
DUE = """
SELECT o.residence_id, o.side, o.to_code, o.part::text AS part, o.version, o.tries FROM outbox o
WHERE o.county_id = $1 AND o.delivered_version < o.version AND NOT o.dead AND o.try_at <= $2::timestamptz
ORDER BY o.try_at, o.residence_id LIMIT 100"""
DELIVERED = """
UPDATE outbox o SET delivered_version = greatest(o.delivered_version, $4::int), receipt = $5::text, problem = NULL
WHERE o.county_id = $1 AND o.residence_id = $2::uuid AND o.side = $3::text"""
FAILED = """
UPDATE outbox o SET tries = o.tries + 1, try_at = $5::timestamptz, problem = $6::text, dead = $7::bool
WHERE o.county_id = $1 AND o.residence_id = $2::uuid AND o.side = $3::text AND o.version = $4::int"""
_UNDELIVERED = """
SELECT o.residence_id, o.side, o.to_code, o.version, o.delivered_version, o.made_at, o.tries, o.problem,
  CASE WHEN o.dead THEN 'dead' ELSE 'waiting' END AS state
FROM outbox o WHERE o.county_id = $1 AND o.delivered_version < o.version"""
# The oldest, and at the most what somebody can look through
UNDELIVERED = f"{_UNDELIVERED} AND ($2::text IS NULL OR o.dead = ($2::text = 'dead')) ORDER BY o.made_at, o.residence_id, o.side LIMIT 500"
ONE_UNDELIVERED = f"{_UNDELIVERED} AND o.residence_id = $2::uuid AND o.side = $3::text"
REPLAY = """
UPDATE outbox o SET dead = false, tries = 0, try_at = $4::timestamptz
WHERE o.county_id = $1 AND o.residence_id = $2::uuid AND o.side = $3::text AND o.dead"""

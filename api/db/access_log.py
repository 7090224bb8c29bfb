"""The statements about identity numbers and the log of who read them. The number is set by the road alone."""

SEALED = """
SELECT t.rev, t.identity_sealed FROM person t
WHERE t.county_id = $1 AND t.id = $2::uuid AND (t.place_id = ANY ($3::int[]) OR t.township_id = ANY ($4::int[]))"""
# A number and its blind index are there together, and the index knows where
ANY_SEALED = "SELECT EXISTS (SELECT FROM person t WHERE t.county_id = $1 AND t.identity_blind IS NOT NULL)"
KEYS_IN_USE = """
SELECT DISTINCT substr(t.identity_sealed, 1, 8) AS key_id FROM person t WHERE t.county_id = $1 AND t.identity_blind IS NOT NULL"""
LOG = """
INSERT INTO access_log (county_id, person_id, at, by_user_id, by_device_id, what, purpose)
VALUES ($1, $2::uuid, $3::timestamptz, $4::uuid, $5::uuid, $6::text, $7::text)"""
# Of a person in reach one row at least; the newest entry first
LOGGED = """
SELECT s.role, x.id, x.sort, x.doc FROM s LEFT JOIN LATERAL (
  SELECT t.id, l.seq AS sort, l.doc FROM person t LEFT JOIN LATERAL (
    SELECT a.seq, (SELECT row_to_json(d)::text FROM (SELECT
      to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, a.by_user_id, a.by_device_id, a.what, a.purpose) d) AS doc
    FROM access_log a WHERE a.county_id = $1 AND a.person_id = t.id AND a.seq < $7::bigint ORDER BY a.seq DESC LIMIT $8::int) l ON true
  WHERE t.county_id = $1 AND t.id = $6::uuid AND (t.place_id = ANY (s.places) OR t.township_id = ANY (s.townships))) x ON true
ORDER BY x.sort DESC"""

"""Statements on the published counts of a round. People are counted in one of them, which is run once, to publish."""

_OPEN = "(p.valid_to IS NULL OR p.valid_to >= {}::date)"
# Of the sessions in a place and below it, those that were called off left out; null where one of them has no limit
_CAPACITY = """(SELECT CASE WHEN bool_and(t.capacity IS NOT NULL) IS NOT FALSE THEN coalesce(sum(t.capacity), 0)::int END
      FROM checkup_session t JOIN place g ON g.county_id = $1 AND g.place_id = t.place_id
      WHERE t.county_id = $1 AND t.programme_id = {}::uuid AND t.round = {}::int AND NOT t.voided AND t.status <> 'called_off'
        AND p.place_id IN (g.place_id, g.parent_id, g.township_id, 1)) AS places"""

# The last day of the round and of its sessions
LAST_ON = """
SELECT greatest(r.to_on, (SELECT max(c.held_on) FROM checkup_session c
  WHERE c.county_id = $1 AND c.programme_id = $2::uuid AND c.round = $3::int AND NOT c.voided AND c.status <> 'called_off'))
FROM checkup_programme t, jsonb_to_recordset(t.rounds) AS r (number int, to_on date)
WHERE t.county_id = $1 AND t.id = $2::uuid AND r.number = $3::int"""
# The places that a table is made of
PLACES = f"""
SELECT p.place_id, p.parent_id, p.township_id, p.level, {_OPEN.format("$4")} AS open,
  EXISTS (SELECT FROM household h JOIN place g ON g.county_id = $1 AND g.place_id = h.place_id
    WHERE h.county_id = $1 AND p.place_id IN (g.place_id, g.parent_id)) AS settled,
  {_CAPACITY.format("$2", "$3")}
FROM place p WHERE p.county_id = $1 AND p.level <> 'group' AND (p.level <> 'county' OR p.place_id = 1) ORDER BY p.place_id"""
# People by village, as they are registered now. Offered: in any state but where all was taken back; declined too, for the offer was made
PEOPLE = """
SELECT CASE p.level WHEN 'group' THEN p.parent_id ELSE p.place_id END AS place_id, count(DISTINCT t.person_id)::int AS offered,
  (count(DISTINCT t.person_id) FILTER (WHERE t.state = 'attended'))::int AS attended
FROM attendance t JOIN place p ON p.county_id = $1 AND p.place_id = t.place_id
WHERE t.county_id = $1 AND t.programme_id = $2::uuid AND t.round = $3::int AND t.state <> 'none' AND NOT t.voided
GROUP BY 1"""

PUBLISHED_ON = """
SELECT t.published_on FROM published_count t
WHERE t.county_id = $1 AND t.programme_id = $2::uuid AND t.round = $3::int AND t.place_id = 1"""
PUBLISH = """
INSERT INTO published_count (county_id, programme_id, round, place_id, township_id, places, offered_from, offered_to, attended_from,
    attended_to, published_on)
SELECT k.county_id, $2::uuid, $3::int, x.place_id, x.township_id, x.places, x.offered_from, x.offered_to, x.attended_from, x.attended_to,
    $4::date
FROM clock k, json_to_recordset($5::json) AS x (place_id int, township_id int, places int, offered_from int, offered_to int,
    attended_from int, attended_to int)
WHERE k.county_id = $1 ON CONFLICT ON CONSTRAINT published_count_pkey DO NOTHING RETURNING place_id"""

# Reads: the programme, the round, a place and what lies below it or null; and, where nothing is published yet, today
_REACH = """(p.place_id = ANY (s.places) OR p.township_id = ANY (s.townships))
    AND ($8::int IS NULL OR $8 IN (p.place_id, p.parent_id, p.township_id, 1))"""
TABLE = f"""
SELECT x.* FROM s LEFT JOIN LATERAL (SELECT p.place_id, p.code, p.name, p.level, t.places, t.offered_from, t.offered_to, t.attended_from,
    t.attended_to FROM published_count t JOIN place p ON p.county_id = $1 AND p.place_id = t.place_id
  WHERE t.county_id = $1 AND t.programme_id = $6::uuid AND t.round = $7::int AND {_REACH}) x ON true
ORDER BY x.code"""
PLACES_ALONE = f"""
SELECT x.* FROM s LEFT JOIN LATERAL (SELECT p.place_id, p.code, p.name, p.level, {_CAPACITY.format("$6", "$7")}
  FROM place p WHERE p.county_id = $1 AND p.level <> 'group' AND {_OPEN.format("$9")} AND {_REACH}) x ON true
ORDER BY x.code"""

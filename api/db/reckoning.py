"""What is read of the ledger: accounts and their statements, the day book, the trial balance, what workers hold, and what does not agree.

Before each stands the caller (access.py). A transfer is read where it happened: by its place, or township. Both sides of a transfer are of
one place, so whatever part an office reads sums to zero too.
"""

from api.db.documents import FIRST

CLOSE = """
INSERT INTO closed_month (county_id, month, closed_at, closed_by)
SELECT k.county_id, $2::date, $3::timestamptz, $4::uuid FROM clock k WHERE k.county_id = $1
ON CONFLICT ON CONSTRAINT closed_month_pkey DO NOTHING"""

_HERE = "(t.place_id = ANY (s.places) OR t.township_id = ANY (s.townships))"
_IN_PLACE = f"""(${FIRST}::int IS NULL OR t.place_id IN (SELECT p.place_id FROM place p
    WHERE p.county_id = $1 AND ${FIRST}::int IN (p.place_id, p.parent_id, p.township_id, 1)))"""
# An account goes down by what is paid from it
_SIDES = (
    "CROSS JOIN LATERAL (VALUES (t.from_type, t.from_owner, -t.amount_fen), (t.to_type, t.to_owner, t.amount_fen)) v (type, owner, fen)"
)
_MOMENT = """to_char(t.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS posted_at"""
_ENTRY = f"""t.seq, t.event, t.on_day, t.booked_on, t.from_type, t.from_owner, t.to_type, t.to_owner, t.amount_fen, t.kind, t.record_id,
  t.payment_id, t.charge_id, t.place_id, t.by_user_id, {_MOMENT}"""

# Of the accounts, a village worker sees those of households and fee items, and the own purse: never what a colleague or the township holds
_MAY_SEE = "(s.role <> 'village' OR {0} IN ('owed', 'credit', 'income') OR {1} = s.user_id::text)"

# Parameters: a place or null; a type or null; the type and owner after which; how many
ACCOUNTS = f"""
SELECT s.role, x.* FROM s LEFT JOIN LATERAL (SELECT v.type, v.owner, sum(v.fen)::bigint AS balance_fen
  FROM transfer t {_SIDES}
  WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE} AND (${FIRST + 1}::text IS NULL OR v.type = ${FIRST + 1})
    AND {_MAY_SEE.format("v.type", "v.owner")}
    AND (v.type, v.owner) > (${FIRST + 2}::text, ${FIRST + 3}::text)
  GROUP BY v.type, v.owner ORDER BY v.type, v.owner LIMIT ${FIRST + 4}::int) x ON true
ORDER BY x.type, x.owner"""
# Parameters: type, owner, the number of the last entry read, how many
STATEMENT = f"""
SELECT s.role, x.* FROM s LEFT JOIN LATERAL (SELECT {_ENTRY}, 0 AS fen FROM transfer t
  WHERE t.county_id = $1 AND {_HERE} AND {_MAY_SEE.format(f"${FIRST}", f"${FIRST + 1}")} AND t.seq > ${FIRST + 2}::bigint
    AND ((t.from_type = ${FIRST}::text AND t.from_owner = ${FIRST + 1}::text) OR (t.to_type = ${FIRST} AND t.to_owner = ${FIRST + 1}))
  ORDER BY t.seq LIMIT ${FIRST + 3}::int) x ON true
ORDER BY x.seq"""
# Parameters: a place or null; from and to which day in the books; day and number of the last entry read; how many
DAY_BOOK = f"""
SELECT s.role, x.* FROM s LEFT JOIN LATERAL (SELECT {_ENTRY} FROM transfer t
  WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE} AND t.booked_on BETWEEN ${FIRST + 1}::date AND ${FIRST + 2}::date
    AND (t.booked_on, t.seq) > (${FIRST + 3}::date, ${FIRST + 4}::bigint)
  ORDER BY t.booked_on, t.seq LIMIT ${FIRST + 5}::int) x ON true
ORDER BY x.booked_on, x.seq"""
# Parameters: a place or null; first and last day in the books
TRIAL_BALANCE = f"""
SELECT s.role, m.closed, x.* FROM s
CROSS JOIN LATERAL (SELECT max(m.month) AS closed FROM closed_month m WHERE m.county_id = $1) m
LEFT JOIN LATERAL (SELECT v.type,
    coalesce(sum(v.fen) FILTER (WHERE t.booked_on < ${FIRST + 1}::date), 0)::bigint AS opening_fen,
    coalesce(sum(v.fen) FILTER (WHERE t.booked_on >= ${FIRST + 1}::date AND v.fen > 0), 0)::bigint AS up_fen,
    coalesce(-sum(v.fen) FILTER (WHERE t.booked_on >= ${FIRST + 1}::date AND v.fen < 0), 0)::bigint AS down_fen,
    sum(v.fen)::bigint AS closing_fen
  FROM transfer t {_SIDES}
  WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE} AND t.booked_on <= ${FIRST + 2}::date
  GROUP BY v.type) x ON true
ORDER BY x.type"""
# What workers hold and since when: the day of the oldest that no counting has taken, oldest first. An office sees of each what was received
# in its own places and is there still; a worker sees the own cash alone, wherever it was received. Parameters: a place or null
_CUSTODY = f"""
SELECT s.role, s.user_id AS caller_id, x.* FROM s LEFT JOIN LATERAL (
  SELECT h.owner, h.balance_fen, w.since FROM (SELECT a.owner, least(a.balance_fen, o.fen) AS balance_fen
      FROM (SELECT v.owner, sum(v.fen)::bigint AS fen FROM transfer t {_SIDES}
        WHERE t.county_id = $1 AND {{0}} AND {_IN_PLACE} AND v.type = 'cash' GROUP BY v.owner) o
      JOIN account a ON a.county_id = $1 AND a.type = 'cash' AND a.owner = o.owner) h
  CROSS JOIN LATERAL (SELECT min(y.on_day) AS since FROM (SELECT t.on_day,
      sum(t.amount_fen) OVER (ORDER BY t.on_day DESC, t.seq DESC) - t.amount_fen AS later_fen
    FROM transfer t WHERE t.county_id = $1 AND t.to_type = 'cash' AND t.to_owner = h.owner AND {{0}} AND {_IN_PLACE}) y
    WHERE y.later_fen < h.balance_fen) w
  WHERE h.balance_fen > 0 AND {{1}}) x ON true
ORDER BY x.since, x.owner"""
CUSTODY = _CUSTODY.format(_HERE, "true")
OWN_CUSTODY = _CUSTODY.format(
    "(t.from_type = 'cash' AND t.from_owner = s.user_id::text OR t.to_type = 'cash' AND t.to_owner = s.user_id::text)",
    "h.owner = s.user_id::text",
)
# What does not agree, of payments and of what was counted in; what weighs most stands first, and of that the oldest. Which numbers there
# are is the county's to know, whatever book lies where: so a payment that went along with a household is not taken for one of no book.
# Parameters: a place or null; the rank and text of the last entry; how many
_PAID = f"FROM payment t WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE}"
_AT = "t.paid_on::text || ' ' || t.id"
_OF_BOOK = f"""FROM payment t JOIN receipt_book b ON b.county_id = $1 AND b.id = t.receipt_book_id {{}}
      WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE}"""
DISCREPANCIES = f"""
SELECT s.role, x.* FROM s LEFT JOIN LATERAL (SELECT d.* FROM (
    SELECT 1 AS rank, v.owner AS at, 'unexplained' AS problem, NULL AS number, array_agg(t.record_id ORDER BY t.seq) AS ids,
      least(-a.balance_fen, -sum(v.fen))::bigint AS amount_fen
    FROM transfer t {_SIDES} JOIN account a ON a.county_id = $1 AND a.type = v.type AND a.owner = v.owner
    WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE} AND v.type = 'unexplained' AND {_MAY_SEE.format("v.type", "v.owner")}
    GROUP BY v.owner, a.balance_fen HAVING least(-a.balance_fen, -sum(v.fen)) > 0
    UNION ALL SELECT 2, p.number, 'number-twice', p.number, array_agg(p.id ORDER BY p.created_at, p.id), sum(p.amount_fen)::bigint
    FROM (SELECT t.id, t.created_at, t.amount_fen, r.series || ' ' || t.receipt_number AS number FROM payment t
      CROSS JOIN LATERAL (SELECT r.series FROM receipt_number r WHERE r.county_id = $1 AND r.book_id = t.receipt_book_id LIMIT 1) r
      WHERE t.county_id = $1 AND {_HERE} AND {_IN_PLACE} AND t.receipt_number IS NOT NULL) p
    GROUP BY p.number HAVING count(*) > 1
    UNION ALL SELECT 3, {_AT}, 'spoiled-and-issued', b.series || ' ' || t.receipt_number, ARRAY[t.id], t.amount_fen
      {_OF_BOOK.format("AND t.receipt_number = ANY (b.spoiled)")}
    UNION ALL SELECT 4, {_AT}, 'not-in-the-book', t.receipt_number::text, ARRAY[t.id], t.amount_fen {_PAID}
      AND t.receipt_number IS NOT NULL AND NOT EXISTS (SELECT FROM receipt_number r
        WHERE r.county_id = $1 AND r.book_id = t.receipt_book_id AND r.number = t.receipt_number)
    UNION ALL SELECT 5, {_AT}, 'another-device', b.series || ' ' || t.receipt_number, ARRAY[t.id], t.amount_fen
      {_OF_BOOK.format("JOIN revision r ON r.county_id = $1 AND r.kind = 'payment' AND r.id = t.id AND r.rev = 1")}
      AND r.device_id <> b.device_id
    UNION ALL SELECT 6, {_AT}, 'no-receipt', NULL, ARRAY[t.id], t.amount_fen {_PAID} AND t.receipt_number IS NULL AND t.means = 'cash') d
  WHERE (d.rank, d.at) > (${FIRST + 1}::int, ${FIRST + 2}::text) ORDER BY d.rank, d.at LIMIT ${FIRST + 3}::int) x ON true
ORDER BY x.rank, x.at"""

"""What is read to print a receipt, and to say in public whether one still holds. The rules: rules/receipt.py."""

from api.db.documents import FIRST
from api.db.family import ITSELF
from api.rules.caller import OFFICES

# The series by the number, which any office of the county may look up: the book may lie in a place that the household has left
_NUMBER = """LEFT JOIN receipt_number n ON n.county_id = $1 AND n.book_id = t.receipt_book_id AND n.number = t.receipt_number"""
_UNDONE = """coalesce(sum(r.amount_fen) FILTER (WHERE r.manner = 'paid_back'), 0)::bigint AS paid_back_fen,
    coalesce(sum(r.amount_fen) FILTER (WHERE r.manner = 'correction'), 0)::bigint AS corrected_fen
  FROM refund r WHERE r.county_id = $1 AND r.payment_id = t.id AND r.place_id = t.place_id AND r.status = 'approved'"""

# `places`: what it lies in, from the county down. `uses`: of which charges it pays how much now
_RECEIPT = f"""
  SELECT t.id, t.amount_fen, t.means, t.paid_on, t.receipt_number, n.series, t.payer_name, t.left_fen, h.number AS household,
    u.name AS received_by, t.fiscal_code, t.fiscal_number, t.fiscal_check_code, d.paid_back_fen, d.corrected_fen,
    ARRAY(SELECT q.name FROM place q WHERE q.county_id = $1 AND q.place_id IN (1, t.township_id, p.parent_id, t.place_id)
      ORDER BY array_position('{{county,township,village,group}}'::text[], q.level)) AS places,
    (SELECT json_agg(y ORDER BY y.due_on, y.id)::text FROM (
      SELECT c.id, f.name, f.name_en, f.basis, c.due_on, a.fen FROM (
        SELECT e.charge_id, sum(CASE e.event WHEN 'allocation' THEN e.amount_fen ELSE -e.amount_fen END)::bigint AS fen
        FROM transfer e WHERE e.county_id = $1 AND e.payment_id = t.id AND e.event = ANY ('{{allocation,release}}'::text[])
        GROUP BY e.charge_id) a
      JOIN charge c ON c.county_id = $1 AND c.id = a.charge_id AND c.place_id = t.place_id
      JOIN fee_item f ON f.county_id = $1 AND f.id = c.fee_item_id
      WHERE a.fen > 0) y) AS uses
  FROM payment t
  JOIN place p ON p.county_id = $1 AND p.place_id = t.place_id
  JOIN household h ON h.county_id = $1 AND h.id = t.household_id AND h.place_id = t.place_id
  LEFT JOIN app_user u ON u.county_id = $1 AND u.id = t.received_by
  {_NUMBER}
  CROSS JOIN LATERAL (SELECT {_UNDONE}) d
  WHERE t.county_id = $1"""
# Parameter: the payment
RECEIPT = f"""
SELECT x.* FROM s LEFT JOIN LATERAL ({_RECEIPT} AND t.id = ${FIRST}::uuid
    AND (t.place_id = ANY (s.places) OR t.township_id = ANY (s.townships)) AND s.role = ANY ('{{{",".join(OFFICES)}}}')) x ON true"""
# The same for the family that paid
RECEIPT_OF_FAMILY = f"""
SELECT s.household_id, x.* FROM s LEFT JOIN LATERAL ({_RECEIPT} AND t.id = ${ITSELF}::uuid
    AND t.household_id = s.household_id AND t.place_id = s.place_id) x ON true"""
# For anybody (access.ANYBODY). Parameters: the county, the payment
IN_PUBLIC = f"""
SELECT x.* FROM s LEFT JOIN LATERAL (
  SELECT t.amount_fen, t.paid_on, t.receipt_number, n.series, p.name AS county, d.paid_back_fen, d.corrected_fen
  FROM payment t
  JOIN place p ON p.county_id = $1 AND p.place_id = 1
  {_NUMBER}
  CROSS JOIN LATERAL (SELECT {_UNDONE}) d
  WHERE t.county_id = $1 AND t.id = $2::uuid AND s.wide = '*') x ON true"""

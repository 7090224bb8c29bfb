"""What the family reads: one document of the household that somebody heads. It reads `FROM s` of access.FAMILY, and is held to
`s.household_id` and `s.place_id`, what is about one person to the people of whom the head may see it (decision 0024)."""

from collections.abc import Mapping

from api.db.documents import FIRST, MOMENT, Documents
from api.rules.visit_request import REASON

# Of which records the family reads the members that are marked so (`Seen`), and of whom; a sealed value's end by its own name
READS = {
    **dict.fromkeys(("household", "person", "visit", "follow_up", "checkup_session", "charge", "payment", "refund"), "yes"),
    "person.identity_last4": "head, consent",
    "attendance": "head, minors, consent",
    "residence": "head, minors",
}
TODAY = "$6"  # of access.FAMILY; what a statement has for itself begins after it
ITSELF = FIRST + 1
# Names of who wrote what: users by the column that holds their id
_NAME = "(SELECT u.name FROM app_user u WHERE u.county_id = $1 AND u.id = {})"
_OWN = "t.county_id = $1 AND t.household_id = s.household_id AND t.place_id = s.place_id AND NOT t.voided"
# A reminder of a check-up says who was asked to it
_SHOWN = "AND (t.reason <> 'checkup_reminder' OR t.person_id IS NULL OR t.person_id = ANY (s.mine || s.attendance))"
_CORRECTIONS = f"""(SELECT coalesce(json_agg(d ORDER BY d.rev), '[]') FROM (
      SELECT r.rev, {MOMENT.format("r.received_at")} AS at, {_NAME.format("r.by_user_id")} AS by_name, {{changes}} AS changes
      FROM revision r WHERE r.county_id = $1 AND r.kind = '{{kind}}' AND r.id = t.id AND r.rev > 1) d) AS corrections"""
# … and so does what was changed in one, also where it is none any more, or names nobody
_CHANGES = """CASE WHEN (SELECT bool_or(x.reason = 'checkup_reminder') AND bool_or(x.person_id <> ALL (s.mine || s.attendance)) FROM (
        SELECT t.reason, t.person_id UNION ALL SELECT q.changes #>> '{reason,0}', (q.changes #>> '{person_id,0}')::uuid FROM revision q
        WHERE q.county_id = $1 AND q.kind = 'follow_up' AND q.id = t.id) x)
      THEN r.changes - '{reason,person_id,words}'::text[] ELSE r.changes END"""
_WITHDRAWN = f"""
  SELECT '{{0}}' AS kind, t.id, t.{{1}} AS day, r.void_reason AS because, {MOMENT.format("r.received_at")} AS at,
    {_NAME.format("r.by_user_id")} AS by_name
  FROM {{0}} t JOIN revision r ON r.county_id = $1 AND r.kind = '{{0}}' AND r.id = t.id AND r.void_reason IS NOT NULL
  WHERE t.county_id = $1 AND t.household_id = s.household_id AND t.place_id = s.place_id AND t.voided"""
_ASKED = """FROM attendance t JOIN checkup_programme g ON g.county_id = $1 AND g.id = t.programme_id
    LEFT JOIN checkup_session c ON c.county_id = $1 AND c.id = t.session_id"""
_SESSION = "g.name AS programme_name, c.held_on, c.from_time, c.to_time, c.venue, c.status AS session_status"
_CODES = """SELECT e.catalogue, e.code, e.name, e.name_en FROM catalogue_entry e WHERE e.county_id = $1
  AND e.place_id = ANY (s.above) AND e.catalogue IN ('visit_purpose', 'follow_up_reason') ORDER BY e.catalogue, e.code"""


def _list(selected: str) -> str:
    return f"(SELECT coalesce(json_agg(d), '[]') FROM ({selected}) d)"


def document(of: Mapping[str, Documents]) -> str:
    """One row: `household_id`, null without a seat, and `doc`. `of`: the documents of the kinds, by name."""
    columns = {name: documents.of_family() for name, documents in of.items() if name in READS}
    lists = {
        "members": f"""SELECT {columns["person"]},
            CASE WHEN t.id = s.person_id OR t.id = ANY (s.identity) THEN t.identity_last4 END AS identity_last4
          FROM person t WHERE {_OWN} ORDER BY (t.id = s.person_id) DESC, t.born_on, t.id""",
        "visits": f"""SELECT {columns["visit"]}, {_NAME.format("t.worker_id")} AS worker_name,
            {_CORRECTIONS.format(kind="visit", changes="r.changes")}
          FROM visit t WHERE {_OWN} ORDER BY t.visited_on DESC, t.id""",
        "follow_ups": f"""SELECT {_follow_up(of["follow_up"])} FROM follow_up t WHERE {_OWN} {_SHOWN} ORDER BY t.due_on DESC, t.id""",
        "sessions": f"""SELECT {columns["checkup_session"]}, g.name AS programme_name
          FROM checkup_session t JOIN checkup_programme g ON g.county_id = $1 AND g.id = t.programme_id
          WHERE t.county_id = $1 AND t.place_id = ANY (s.above || s.place_id) AND NOT t.voided AND t.status IN ('planned', 'open')
            AND t.held_on >= {TODAY}::date ORDER BY t.held_on, t.id""",
        "invitations": f"""SELECT {columns["attendance"]}, {_SESSION} {_ASKED}
          WHERE t.county_id = $1 AND t.person_id = ANY (s.mine || s.attendance) AND t.place_id = s.place_id AND NOT t.voided
          ORDER BY c.held_on DESC NULLS LAST, t.id""",
        "charges": f"""SELECT {columns["charge"]}, i.name AS fee_item_name, i.name_en AS fee_item_name_en, i.basis
          FROM charge t JOIN fee_item i ON i.county_id = $1 AND i.id = t.fee_item_id
          WHERE {_OWN} ORDER BY t.due_on DESC, t.id""",
        "payments": f"""SELECT {columns["payment"]}, {_NAME.format("t.received_by")} AS received_by_name, n.series,
            '/v1/me/receipts/' || t.id AS receipt,
            (SELECT coalesce(json_agg(d), '[]') FROM (SELECT {columns["refund"]} FROM refund t
              WHERE t.county_id = $1 AND t.payment_id = p.id AND t.place_id = s.place_id AND t.status = 'approved'
              ORDER BY t.decided_at, t.id) d) AS refunds
          FROM payment t CROSS JOIN LATERAL (SELECT t.id) p
          LEFT JOIN receipt_number n ON n.county_id = $1 AND n.book_id = t.receipt_book_id AND n.number = t.receipt_number
          WHERE {_OWN} ORDER BY t.paid_on DESC, t.id""",
        "residences": f"""SELECT {columns["residence"]} FROM residence t
          WHERE t.county_id = $1 AND t.person_id = ANY (s.mine) AND t.place_id = s.place_id AND NOT t.voided ORDER BY t.since_on, t.id""",
        "withdrawn": f"""SELECT * FROM ({_WITHDRAWN.format("visit", "visited_on")}
          UNION ALL {_WITHDRAWN.format("follow_up", "due_on")} {_SHOWN}) w ORDER BY w.at DESC, w.id""",
        "identity_number_readings": f"""SELECT a.person_id, {MOMENT.format("a.at")} AS at, {_NAME.format("a.by_user_id")} AS by_name,
            a.purpose
          FROM access_log a WHERE a.county_id = $1 AND a.person_id = ANY (s.mine || s.identity) ORDER BY a.seq DESC""",
        "codes": _CODES,
    }  # fmt: skip
    return f"""
SELECT s.household_id, (SELECT row_to_json(d)::text FROM (SELECT
    (SELECT row_to_json(d) FROM (SELECT {columns["household"]}, ARRAY(SELECT q.name FROM place q
        WHERE q.county_id = $1 AND q.place_id = ANY (s.above || s.place_id)
        ORDER BY array_position('{{county,township,village,group}}'::text[], q.level)) AS places
      FROM household t WHERE t.county_id = $1 AND t.id = s.household_id AND t.place_id = s.place_id) d) AS household,
    {", ".join(f"{_list(selected)} AS {name}" for name, selected in lists.items())},
    (SELECT coalesce(sum(t.left_fen), 0)::bigint FROM payment t WHERE {_OWN}) AS credit_fen) d) AS doc
FROM s"""


def _one(selected: str) -> str:
    return f"""
SELECT s.household_id, x.doc FROM s LEFT JOIN LATERAL (SELECT row_to_json(d)::text AS doc FROM ({selected}) d) x ON true"""


def invitation(of: Mapping[str, Documents]) -> str:
    """One invitation, of the head or of the household's minors alone. Parameter: its id."""
    return _one(f"""SELECT {of["attendance"].of_family()}, {_SESSION} {_ASKED}
  WHERE t.county_id = $1 AND t.id = ${ITSELF}::uuid AND t.person_id = ANY (s.mine) AND t.place_id = s.place_id AND NOT t.voided""")


def follow_up(of: Mapping[str, Documents]) -> str:
    """One follow-up. Parameter: its id."""
    return _one(f"SELECT {_follow_up(of['follow_up'])} FROM follow_up t WHERE {_OWN} {_SHOWN} AND t.id = ${ITSELF}::uuid")


def _follow_up(follow_ups: Documents) -> str:
    names = f"{_NAME.format('t.created_by')} AS created_by_name, {_NAME.format('t.assignee_id')} AS assignee_name"
    return f"{follow_ups.of_family()}, {names}, {_CORRECTIONS.format(kind='follow_up', changes=_CHANGES)}"


SEAT = "SELECT s.household_id, s.place_id, s.above, s.mine FROM s"
# Parameters: county, id, the head and the minors, their place. `was`: what it said before its present state
ASKED = """
SELECT t.rev, t.state, coalesce((SELECT r.changes #>> '{state,0}' FROM revision r
    WHERE r.county_id = $1 AND r.kind = 'attendance' AND r.id = t.id AND r.changes #>> '{state,1}' = t.state
    ORDER BY r.rev DESC LIMIT 1), 'none') AS was
FROM attendance t WHERE t.county_id = $1 AND t.id = $2::uuid AND t.person_id = ANY ($3::uuid[]) AND t.place_id = ANY ($4::int[])
  AND NOT t.voided"""
# What a head asked for. Parameters: county, household, user
HOLD = "SELECT t.id FROM household t WHERE t.county_id = $1 AND t.id = $2 FOR NO KEY UPDATE"
_BY_HEAD = "FROM follow_up t WHERE t.county_id = $1 AND t.household_id = $2::uuid AND t.created_by = $3::uuid"
ASKED_FOR = f"SELECT t.words {_BY_HEAD} AND t.id = $4::uuid"
OPEN = f"SELECT count(*) {_BY_HEAD} AND t.reason = '{REASON}' AND t.status = 'open' AND NOT t.voided"

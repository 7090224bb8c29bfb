"""What phones pull: one statement for places and one for townships, by view; a small one for phones with nothing to come, and the digest.
Why nothing is missed or left behind: decision 0008.

All read `FROM s`, the caller, like every read (access.py), so the caller's rights, the places, the tick and the page are of one moment.

Each change row has an effective tick for this caller, and the stream is in the order (effective tick, tick, kind, id):
what was in a place when it was granted comes at the tick of the grant, what happened there since at its own tick, and what a lost place
holds at the tick of the loss, as `remove`. So neither cursor nor device needs to know about places.
"""

from collections.abc import Sequence
from typing import NamedTuple, get_args
from uuid import UUID

from api.db.documents import Documents, Reads
from api.rules.caller import COUNTY_PLACE
from api.schemas.base import View

NIL = UUID(int=0)
DIGEST_MODULUS = 2**48


class Position(NamedTuple):
    """The place in the stream that everything still to come lies behind. Of the kinds, '' is before all in any collation."""

    effective: int = 0
    tick: int = 0
    kind: str = ""
    id: UUID = NIL


def level_at(tick: int) -> Position:
    """Behind everything up to `tick`."""
    return Position(tick + 1)


# Parameters, after those of the caller. Pull and digest: $6 kinds wanted, $7 those of them that can be read from below.
# Pull: $8 limit; $9 the tick that this reading began at, null where it begins now with nothing; $10 to $13 the position;
# $14 the tick that the cursor was given out at. Digest: $8 one place or township, null for all.
KINDS, PUBLIC, LIMIT, SINCE = "$6::text[]", "$7::text[]", "$8::int", "coalesce($9::bigint, k.tick)"
EFFECTIVE, TICK, KIND, ID = "$10::bigint", "$11::bigint", "$12::text", "$13::uuid"
# Why a cursor is of no use: removes were forgotten since, or it is of a history that a restore ended (decision 0008, cursors)
UNUSABLE = """CASE WHEN {since} < k.floor_tick THEN 'too_old' WHEN {seen} > k.tick OR EXISTS (SELECT 1 FROM tick_gap g
    WHERE g.county_id = $1 AND g.restored_tick < {seen} AND {seen} < g.new_tick) THEN 'restored' END AS unusable"""
# What a membership `m` of role `r` covers: places `p`. A village brings its groups, the county its townships.
COVERS = "(p.place_id = m.place_id OR (m.reach = 'below' AND {} <> 'township' AND p.parent_id = m.place_id))"
# What is read of a place: whole townships, or places; and what can be read of those above, for some kinds. (is it held itself?, number)
READ = {
    "place": f"(true, p.place_id), (false, p.parent_id), (false, p.township_id), (false, {COUNTY_PLACE})",
    "township": "(true, p.township_id), (false, 0)",
}
# The kinds of a place, where some are not read by every role: those that a role in which it is, or was, held reads
READABLE = """ARRAY (SELECT w.kind FROM unnest({0}) w (kind)
      WHERE EXISTS (SELECT FROM unnest(array_agg(x.role)) r (role) WHERE (r.role, w.kind) NOT IN (VALUES {1})))"""
# Places, or townships, in force, each from the tick since when
HELD = """held AS MATERIALIZED (
  SELECT x.id, bool_or(x.own) AS own, coalesce(min(x.since) FILTER (WHERE x.own), min(x.since)) AS since,
    CASE WHEN bool_or(x.own) THEN {kinds} ELSE {public} END AS kinds
  FROM (SELECT v.id, v.own, s.role, m.granted_tick AS since FROM membership m JOIN place p ON p.county_id = $1 AND {covers}
    CROSS JOIN LATERAL (VALUES {read}) v (own, id)
    WHERE m.county_id = $1 AND m.user_id = s.user_id AND m.revoked_tick IS NULL AND v.id IS NOT NULL) x
  GROUP BY x.id)"""
# Places and townships lost after the reading began, each with its last loss. They may be of another level than what is held now.
LOST = """lost AS MATERIALIZED (
  SELECT x.level, x.id, bool_or(x.own) AS own, max(x.at) AS at, bool_or(x.role <> 'household_head') AS office,
    CASE WHEN bool_or(x.own) THEN {kinds} ELSE {public} END AS kinds
  FROM (SELECT v.level, v.id, v.own, m.role, m.revoked_tick AS at FROM membership m JOIN place p ON p.county_id = $1 AND {covers}
    CROSS JOIN LATERAL (SELECT 'place' AS level, w.* FROM (VALUES {place}) w (own, id)
      UNION ALL SELECT 'township', w.* FROM (VALUES {township}) w (own, id)) v
    WHERE m.county_id = $1 AND m.user_id = s.user_id AND m.revoked_tick > {since} AND v.id IS NOT NULL
      AND (v.level = 'township') = (m.role IN ('county', 'township'))) x
  GROUP BY x.level, x.id)"""
# A remove is for the phone if the record lives in no place held, and comes once: from the row with the highest effective tick.
# A scalar look-up by primary key on purpose: NOT EXISTS would make the planner read all that is held.
STANDS = """(SELECT bool_or(CASE WHEN y.op = 'upsert' AND z.since IS NOT NULL THEN true
    ELSE (greatest(CASE WHEN y.tick > z.since THEN y.tick END, z.lost), y.tick, y.place_id) > ({effective}, c.tick, c.place_id) END)
  FROM change y CROSS JOIN LATERAL (SELECT
    (SELECT h.since FROM held h WHERE h.id = y.{reads}_id AND y.kind = ANY (h.kinds) AND {made}) AS since,
    (SELECT max(l.at) FROM lost l WHERE l.id = CASE l.level WHEN 'place' THEN y.place_id ELSE y.township_id END
      AND y.kind = ANY (l.kinds)) AS lost) z
  WHERE y.county_id = $1 AND y.kind = c.kind AND y.id = c.id) IS NOT TRUE"""
# Of some kinds a lead household reads what people made, and nothing that the service raised. By the first revision: it is found wherever
# the record is now, and it never changes, so nothing comes into reach or leaves it by an edit
MADE = """NOT (c.kind IN ({}) AND (SELECT r.by_user_id IS NULL FROM revision r
    WHERE r.county_id = $1 AND r.kind = c.kind AND r.id = c.id AND r.rev = 1) IS TRUE)"""
# Rows of one place after a point, at most a page. The point is one comparison of rows, so that the index begins there.
ROWS = """CROSS JOIN LATERAL (SELECT c.* FROM change c WHERE c.county_id = $1 AND c.{reads}_id = {of}.id AND c.kind = ANY ({of}.kinds)
    AND (c.tick, c.kind, c.id) > ({after}) AND {wanted}
    ORDER BY c.tick, c.kind, c.id LIMIT {limit} + 1) c"""
# Where a block of rows with one effective tick begins: in the middle where the last page ended in it
WITHIN = "CASE WHEN {0} = {1} THEN {2} ELSE 0 END, CASE WHEN {0} = {1} THEN {3} ELSE '' END, CASE WHEN {0} = {1} THEN {4} ELSE {5} END"
# What came after the grant: behind the grant, and behind the position, whichever is later
SINCE_GRANT = """greatest(h.since + 1, {0}), CASE WHEN h.since + 1 > {0} OR {1} < {0} THEN '' ELSE {2} END,
    CASE WHEN h.since + 1 > {0} OR {1} < {0} THEN {4} ELSE {3} END"""
# About how many changes are to come. Counted where a reading begins: only there is the kind of the position ''
COUNT = """coalesce((SELECT sum(q.n) FROM {of} CROSS JOIN LATERAL (SELECT count(*) AS n FROM change c
    WHERE c.county_id = $1 AND c.{reads}_id = {a}.id AND c.kind = ANY ({a}.kinds) AND {wanted}) q), 0)"""
COLUMNS = "c.tick, c.kind, c.id, c.rev"

# For a phone that is level at tick $6: whether a page could hold anything, and if not, the columns of an empty page. All that a page is
# made of is a membership granted or revoked, or a change row in reach, after that tick. `news` may be too much (of kinds that nobody asked
# for), never too little. One probe of an index per place, as in the page: `place_id = ANY (…)` finds other plans while tables are young.
CAME = """(SELECT true FROM unnest({ids}) h (id) CROSS JOIN LATERAL (SELECT FROM change c
    WHERE c.county_id = $1 AND c.{reads}_id = h.id AND c.tick > $6 ORDER BY c.tick LIMIT 1) c LIMIT 1)"""
NEWS = f"""SELECT s.role, s.places, k.tick, {UNUSABLE.format(since="$6::bigint", seen="$6::bigint")},
  0 AS found, NULL AS changes, 0 AS of, coalesce(
    (SELECT true FROM membership m WHERE m.county_id = $1 AND m.user_id = s.user_id
      AND greatest(m.granted_tick, m.revoked_tick) > $6 LIMIT 1),
    {CAME.format(ids="s.places || s.above", reads="place")},
    {CAME.format(ids="s.townships", reads="township")}) IS TRUE AS news
FROM s JOIN clock k ON k.county_id = $1"""


class Feed:
    """`pull[reads, view]` and `digest[reads, view]`, built at start from the documents of all kinds."""

    def __init__(self, documents: Sequence[Documents]) -> None:
        self.pull = {(reads, view): _pull(documents, reads, view) for reads in get_args(Reads) for view in get_args(View)}
        self.digest = {(reads, view): _digest(documents, reads, view) for reads in get_args(Reads) for view in get_args(View)}


def _readable(documents: Sequence[Documents]) -> dict[str, str]:
    hidden = ", ".join(f"('{role}', '{each.kind}')" for each in documents for role in each.hidden_from)
    return {name: READABLE.format(kinds, hidden) if hidden else kinds for name, kinds in {"kinds": KINDS, "public": PUBLIC}.items()}


def _made(documents: Sequence[Documents], view: View) -> str:
    kinds = ", ".join(f"'{each.kind}'" for each in documents if each.of_people)
    return MADE.format(kinds) if kinds and view == "group" else "true"


def _held(documents: Sequence[Documents], reads: Reads) -> str:
    return HELD.format(covers=COVERS.format("s.role"), read=READ[reads], **_readable(documents))


def _pull(documents: Sequence[Documents], reads: Reads, view: View) -> str:
    nil = f"'{NIL}'::uuid"
    within = {of: WITHIN.format(of, EFFECTIVE, TICK, KIND, ID, nil) for of in ("h.since", "l.at")}
    lost = LOST.format(**_readable(documents), covers=COVERS.format("m.role"), since=SINCE, **READ)
    made = _made(documents, view)

    def rows(of: str, after: str, wanted: str, by: str = reads) -> str:
        return ROWS.format(reads=by, of=of, after=after, wanted=wanted, limit=LIMIT)

    def stands(effective: str) -> str:
        return STANDS.format(effective=effective, reads=reads, made=made)

    granted = rows("h", within["h.since"], f"c.tick <= h.since AND c.op = 'upsert' AND {made}")
    happened = f"(c.op = 'upsert' OR (c.tick > {SINCE} AND {stands('c.tick')})) AND {made}"
    since_grant = rows("h", SINCE_GRANT.format(EFFECTIVE, TICK, KIND, ID, nil), happened)
    parts = [
        f"SELECT h.since AS effective, {COLUMNS}, c.op, c.reason, c.successor_id FROM held h {granted} WHERE h.since >= {EFFECTIVE}",
        f"SELECT c.tick, {COLUMNS}, c.op, c.reason, c.successor_id FROM held h {since_grant}",
    ]
    after = f"CASE WHEN h.since >= {EFFECTIVE} THEN 0 ELSE {EFFECTIVE} END"
    to_come = f"c.tick >= {after} AND (c.op = 'upsert' OR c.tick > {SINCE}) AND {made}"
    counts = [COUNT.format(of="held h", reads=reads, a="h", wanted=to_come)]
    held_so = f"(l.office OR {made})"  # what was read of it
    for by in get_args(Reads):
        counts.append(COUNT.format(of="lost l", reads=by, a="l", wanted=f"l.level = '{by}' AND l.at >= {EFFECTIVE} AND {held_so}"))
        gone = rows("l", within["l.at"], f"{stands('l.at')} AND {held_so}", by)
        within_reach = f"WHERE l.level = '{by}' AND l.at >= {EFFECTIVE}"
        parts.append(f"SELECT l.at, {COLUMNS}, 'remove', 'out_of_scope', NULL::uuid FROM lost l {gone} {within_reach}")
    # as bytes: a quarter of a megabyte that Python only passes on. No FILTER: with one PostgreSQL would sort the documents, not the page
    docs = " ".join(f"WHEN '{d.kind}' THEN {d.one(view, 'p.id')}" for d in documents)
    last = f"FILTER (WHERE p.n = {LIMIT})"
    return f"""SELECT s.role, s.places, k.tick, {UNUSABLE.format(since="$9::bigint", seen="$14::bigint")}, x.*
FROM s JOIN clock k ON k.county_id = $1 CROSS JOIN LATERAL (
WITH {_held(documents, reads)},
{lost},
page AS MATERIALIZED (
  SELECT row_number() OVER (ORDER BY u.effective, u.tick, u.kind, u.id) AS n, u.* FROM (
    {" UNION ALL ".join(parts)}
    ORDER BY effective, tick, kind, id LIMIT {LIMIT} + 1) u)
SELECT count(*) AS found,
  max(p.effective) {last} AS last_effective, max(p.tick) {last} AS last_tick,
  max(p.kind) {last} AS last_kind, max(p.id::text) {last} AS last_id,
  convert_to(string_agg(CASE WHEN p.n > {LIMIT} THEN NULL
    WHEN p.op = 'upsert' THEN '{{"op":"upsert","kind":"' || p.kind || '","id":"' || p.id || '","rev":' || p.rev || ',"doc":'
      || (CASE p.kind {docs} END) || '}}'
    ELSE '{{"op":"remove","kind":"' || p.kind || '","id":"' || p.id || '","reason":"' || p.reason
      || coalesce('","successor_id":"' || p.successor_id, '') || '"}}' END, ',' ORDER BY p.n), 'UTF8') AS changes,
  CASE WHEN {KIND} <> '' THEN NULL WHEN count(*) > {LIMIT} THEN {" + ".join(counts)} ELSE count(*) END AS of
FROM page p) x"""


def _digest(documents: Sequence[Documents], reads: Reads, view: View) -> str:
    """Sums the marks from an index by place: no row is read, but for a lead household, which reads less of some kinds. An officer's
    township is read as its places."""
    made = _made(documents, view)
    wanted = f"($8::int IS NULL AND s.role <> 'county' OR h.id = $8 OR h.id = 0 AND $8 = {COUNTY_PLACE})"
    rows = f"FROM change c WHERE c.county_id = $1 AND c.place_id = h.id AND c.kind = ANY (h.kinds) AND c.op = 'upsert' AND {made}"
    if reads == "township":
        rows = f"""FROM place p JOIN change c ON c.county_id = $1 AND c.place_id = p.place_id AND c.kind = ANY (h.kinds) AND c.op = 'upsert'
      WHERE p.county_id = $1 AND p.township_id = h.id AND {made}"""
    return f"""SELECT s.role, s.places, k.tick, x.* FROM s JOIN clock k ON k.county_id = $1 CROSS JOIN LATERAL (
WITH {_held(documents, reads)},
sums AS MATERIALIZED (SELECT q.kind, sum(q.n) AS n, mod(sum(q.total), {DIGEST_MODULUS}) AS total
  FROM held h CROSS JOIN LATERAL (SELECT c.kind, count(*) AS n, sum(c.mark) AS total
    {rows} GROUP BY c.kind) q WHERE {wanted} GROUP BY q.kind)
SELECT (SELECT bool_or({wanted}) FROM held h) AS held,
  json_object_agg(w.kind, json_build_object('count', coalesce(q.n, 0), 'sum', coalesce(q.total, 0)) ORDER BY w.nth)::text AS kinds
FROM unnest({KINDS}) WITH ORDINALITY w (kind, nth) LEFT JOIN sums q ON q.kind = w.kind) x"""

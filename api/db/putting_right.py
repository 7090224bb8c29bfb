"""What people have to look at: records that may be one, and records that don't agree. Before each list stands the caller (access.py)."""

from collections.abc import Sequence

from api.db.documents import FIRST, Documents

# Place by place, so that each is read by its own index and the first page ends early. `{0}` is read for one place, `w.held`;
# `{1}` for the entries of the page alone.
# Parameters: limit; the place, a text and the id of the last entry; a place and what lies below it, or null
_BY_PLACE = f"""
SELECT x.*, s.role, {{1}} FROM s LEFT JOIN LATERAL (SELECT y.* FROM (SELECT p.place_id AS held FROM place p WHERE p.county_id = $1
    AND (p.place_id = ANY (s.places) OR p.township_id = ANY (s.townships)) AND p.place_id >= ${FIRST + 1}::int
    AND (${FIRST + 4}::int IS NULL OR ${FIRST + 4} IN (p.place_id, p.parent_id, p.township_id, 1)) ORDER BY p.place_id) w
  CROSS JOIN LATERAL (SELECT u.* FROM ({{0}}) u
    WHERE (u.place_id, u.sort, u.last) > (${FIRST + 1}::int, ${FIRST + 2}::text, ${FIRST + 3}::uuid)
    ORDER BY u.sort, u.last LIMIT ${FIRST}::int) y
  ORDER BY w.held, y.sort, y.last LIMIT ${FIRST}::int) x ON true
ORDER BY x.place_id, x.sort, x.last"""


def doubles(documents: Documents, *ways: Sequence[str]) -> str:
    """Records that are equal in all columns of one of the ways, each pair once; `sort` and `last` are their ids."""
    table = documents.table
    seen = "NOT b.voided AND b.joined_into_id IS NULL AND (b.place_id = ANY (s.places) OR b.township_id = ANY (s.townships))"
    alike = " UNION ".join(
        f"SELECT b.id FROM {table} b WHERE b.county_id = $1 AND {' AND '.join(f'b.{m} = a.{m}' for m in way)} AND b.id > a.id AND {seen}"
        for way in ways
    )
    return _BY_PLACE.format(
        f"SELECT a.place_id, a.id::text AS sort, b.id AS last FROM {table} a CROSS JOIN LATERAL ({alike}) b"
        " WHERE a.county_id = $1 AND a.place_id = w.held AND NOT a.voided AND a.joined_into_id IS NULL"
        " AND NOT EXISTS (SELECT FROM not_double n"
        f" WHERE n.county_id = $1 AND n.kind = '{documents.kind}' AND n.one = a.id AND n.other = b.id)",
        f"{documents.one('office', 'x.sort::uuid')} AS one, {documents.one('office', 'x.last')} AS other",
    )


NOT_DOUBLE = """
INSERT INTO not_double (county_id, kind, one, other, by_user_id, at)
SELECT k.county_id, $2::text, $3::uuid, $4::uuid, $5::uuid, $6::timestamptz FROM clock k WHERE k.county_id = $1
ON CONFLICT ON CONSTRAINT not_double_pkey DO NOTHING"""

# Somebody of the household who could head it
_HEIR = """(SELECT p.id FROM person p WHERE p.county_id = $1 AND p.household_id = t.id AND NOT p.voided AND p.status IN ('present', 'away')
  ORDER BY p.relation <> 'head', p.relation <> 'spouse', p.born_on NULLS LAST, p.id LIMIT 1)"""
_HEAD = f"""SELECT '{{0}}' AS sort, 'household' AS kind, t.id AS last, t.place_id, t.rev, json_build_object('head_id', {_HEIR}) AS fix
    FROM household t"""
_HEADED = "t.status IN ('living_here', 'away') AND NOT t.voided"
# What doesn't agree, and the members that would mend it
_CHECKS = (
    f"""{_HEAD.format("head-gone")} JOIN person h ON h.county_id = $1 AND h.id = t.head_id AND h.household_id = t.id
      AND (h.voided OR h.status IN ('died', 'moved')) WHERE t.county_id = $1 AND {_HEADED}""",
    f"""{_HEAD.format("head-elsewhere")} WHERE t.county_id = $1 AND t.head_id IS NOT NULL AND NOT EXISTS (SELECT FROM person h
      WHERE h.county_id = $1 AND h.id = t.head_id AND h.household_id = t.id) AND {_HEADED}""",
    f"""{_HEAD.format("nobody-is-head")} WHERE t.county_id = $1 AND t.head_id IS NULL AND EXISTS (SELECT FROM person h
      WHERE h.county_id = $1 AND h.household_id = t.id AND NOT h.voided AND h.status IN ('present', 'away')) AND {_HEADED}""",
    """SELECT 'no-household' AS sort, 'person' AS kind, t.id AS last, t.place_id, t.rev,
      coalesce((WITH RECURSIVE r AS (SELECT h.joined_into_id AS id, 1 AS n UNION ALL
          SELECT m.joined_into_id, r.n + 1 FROM r JOIN household m ON m.county_id = $1 AND m.id = r.id
          WHERE m.joined_into_id IS NOT NULL AND r.n < 10)
        SELECT json_build_object('household_id', l.id) FROM r JOIN household l ON l.county_id = $1 AND l.id = r.id
        WHERE NOT l.voided AND l.status IN ('living_here', 'away') AND (l.place_id = ANY (s.places) OR l.township_id = ANY (s.townships))
        LIMIT 1), json_build_object('status', 'moved'))
    FROM person t JOIN household h ON h.county_id = $1 AND h.id = t.household_id
    WHERE t.county_id = $1 AND NOT t.voided AND t.status IN ('present', 'away') AND (h.voided OR h.status IN ('moved', 'dissolved'))""",
    """SELECT 'odd-characters' AS sort, 'person' AS kind, t.id AS last, t.place_id, t.rev, json_build_object('name', NULL)
    FROM person t WHERE t.county_id = $1 AND NOT t.voided
      AND t.name ~ '[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]'""",
)


def to_put_right(*documents: Documents) -> str:
    """What doesn't agree; `sort` says what, `last` is the id. One more parameter: one of them alone, or null."""
    doc = " ".join(f"WHEN '{each.kind}' THEN {each.one('office', 'x.last')}" for each in documents)
    return _BY_PLACE.format(
        f"SELECT c.* FROM ({' UNION ALL '.join(f'{check} AND t.place_id = w.held' for check in _CHECKS)}) c"
        f" WHERE ${FIRST + 5}::text IS NULL OR c.sort = ${FIRST + 5}",
        f"CASE x.kind {doc} END AS doc",
    )

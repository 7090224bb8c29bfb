"""What people have to look at: records that may be one, and records that don't agree. Before each list stands the caller (access.py)."""

from collections.abc import Sequence

from api.db.documents import FIRST, Documents

_IN_SCOPE = "({0}.place_id = ANY (s.places) OR {0}.township_id = ANY (s.townships))"
# a place and what lies below it
_WITHIN = (
    f"(${FIRST + 3}::int IS NULL OR {{0}}.place_id IN (SELECT p.place_id FROM place p"
    f" WHERE p.county_id = $1 AND ${FIRST + 3}::int IN (p.place_id, p.parent_id, p.township_id, 1)))"
)


def doubles(documents: Documents, equal: Sequence[str]) -> str:
    """Records that are equal in these columns, each pair once. Parameters: limit, the two ids of the last entry, a place or null."""
    table, alike = documents.table, " AND ".join(f"b.{column} = a.{column}" for column in equal)
    return (
        f"SELECT x.*, s.role FROM s LEFT JOIN LATERAL (SELECT a.id, b.id AS other_id, a.place_id, {documents.one('office', 'a.id')} AS one,"
        f" {documents.one('office', 'b.id')} AS other FROM {table} a JOIN {table} b"
        f" ON b.county_id = $1 AND {alike} AND b.id > a.id AND NOT b.voided AND {_IN_SCOPE.format('b')}"
        f" WHERE a.county_id = $1 AND NOT a.voided AND {_IN_SCOPE.format('a')} AND {_WITHIN.format('a')}"
        " AND NOT EXISTS (SELECT FROM not_double n WHERE n.county_id = $1"
        f" AND n.kind = '{documents.kind}' AND n.one = a.id AND n.other = b.id)"
        f" AND (a.id, b.id) > (${FIRST + 1}::uuid, ${FIRST + 2}::uuid) ORDER BY a.id, b.id LIMIT ${FIRST}::int) x ON true"
        " ORDER BY x.id, x.other_id"
    )


NOT_DOUBLE = """
INSERT INTO not_double (county_id, kind, one, other, by_user_id, at)
SELECT k.county_id, $2::text, $3::uuid, $4::uuid, $5::uuid, $6::timestamptz FROM clock k WHERE k.county_id = $1
ON CONFLICT ON CONSTRAINT not_double_pkey DO NOTHING"""

# Somebody of the household who could head it
_HEIR = """(SELECT p.id FROM person p WHERE p.county_id = $1 AND p.household_id = t.id AND NOT p.voided AND p.status IN ('present', 'away')
  ORDER BY p.relation <> 'head', p.relation <> 'spouse', p.born_on NULLS LAST, p.id LIMIT 1)"""
_HEAD = f"""SELECT '{{0}}' AS problem, 'household' AS kind, t.id, t.place_id, t.rev, json_build_object('head_id', {_HEIR}) AS fix
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
    """SELECT 'no-household' AS problem, 'person' AS kind, t.id, t.place_id, t.rev,
      CASE WHEN h.joined_into_id IS NULL THEN json_build_object('status', 'moved')
        ELSE json_build_object('household_id', h.joined_into_id) END
    FROM person t JOIN household h ON h.county_id = $1 AND h.id = t.household_id
    WHERE t.county_id = $1 AND NOT t.voided AND t.status IN ('present', 'away') AND (h.voided OR h.status IN ('moved', 'dissolved'))""",
    """SELECT 'odd-characters' AS problem, 'person' AS kind, t.id, t.place_id, t.rev, json_build_object('name', NULL)
    FROM person t WHERE t.county_id = $1 AND NOT t.voided
      AND t.name ~ '[\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd]'""",
)
PROBLEMS = ("head-elsewhere", "head-gone", "no-household", "nobody-is-head", "odd-characters")


def to_put_right(*documents: Documents) -> str:
    """Parameters: limit, problem and id of the last entry, a place or null, one problem alone or null."""
    doc = " ".join(f"WHEN '{each.kind}' THEN {each.one('office', 'u.id')}" for each in documents)
    return f"""
SELECT x.*, s.role FROM s LEFT JOIN LATERAL (SELECT u.*, CASE u.kind {doc} END AS doc
  FROM ({" UNION ALL ".join(f"{check} AND {_IN_SCOPE.format('t')} AND {_WITHIN.format('t')}" for check in _CHECKS)}) u
  WHERE (u.problem, u.id) > (${FIRST + 1}::text, ${FIRST + 2}::uuid) AND (${FIRST + 4}::text IS NULL OR u.problem = ${FIRST + 4})
  ORDER BY u.problem, u.id LIMIT ${FIRST}::int) x ON true
ORDER BY x.problem, x.id"""

"""Phones that edit offline, at random: whatever they send, in whatever order and however often, in the end each holds what the service
holds, and every edit is found in a record's trail or on a list for people (docs/sync.md)."""

import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from api import pushed
from api.db.tables.feed import MARK
from api.jobs import hourly
from api.kinds import KINDS
from api.rules.merge import plain
from api.schemas import text
from tests.conftest import Databases, Phone
from tests.county import USERS, County, a_county, digest_of, should_hold

T = TypeVar("T")
Key = tuple[str, str]
Doc = dict[str, Any]
OURS = UUID("0193a1f2-5b7c-7cc3-98c4-dc0c0c073900")
BEGIN = datetime(2026, 11, 20, 0, tzinfo=UTC)
REFUSED = "怀孕"
# Two villages of a township, and groups of them; the lead household's is 29
VILLAGE, GROUP, GROUP_2, OTHER, OTHER_GROUP = 5, 29, 30, 6, 33
BUSY = (VILLAGE, GROUP, GROUP_2, OTHER, OTHER_GROUP)
# Two phones of one user, a colleague's, one of the next village, the lead household's, the officer's
NAMES = ("worker-1", "worker-1", "worker-2", "worker-3", "lead-1", "township-1")
OFFICER = 5
GRANTS = (("worker-1", VILLAGE), ("worker-2", VILLAGE), ("worker-3", OTHER), ("worker-3", VILLAGE))
MEMBERS = {
    "household": ("address", "phones", "place_id", "status", "number"),
    "visit": ("notes", "purposes", "agreed", "outcome", "visited_on", "manner"),
}
PLACED = [kind.name for kind in reversed(KINDS.values()) if kind.parent]  # children first, as they are emptied
MADE = ("applied", "merged", "unchanged", "conflict")
OLD_COPY = -1  # of a record that was made here and not stored yet

one_of_six = st.integers(0, 5)
pick = st.integers(0, 7)
spec = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=3)


@dataclass
class Copy:
    """`rev` None: made on this phone, and not stored yet. `shown`: with what was edited here laid over it."""

    rev: int | None
    shown: Doc


@dataclass
class Edit:
    """One op, and what its user meant by it: `meant` holds [from, to] as shown, in the spelling of the service."""

    phone: int
    key: Key
    op: Doc
    at: datetime
    mark: bytes
    meant: dict[str, tuple[Any, Any]]
    typed: dict[str, tuple[Any, Any]]  # with what is not recorded
    creates: bool = False
    refused: bool = False
    outcome: str | None = None  # the first one; the phone may not have heard of it
    handled: int = 0


@dataclass
class Client:
    """An app as docs/sync.md has it: an outbox in order, copies, a cursor. While a record has unsent edits, its copy stays what they were
    made on; what is pulled meanwhile waits aside."""

    number: int
    http: Phone
    device_id: UUID
    outbox: list[Edit] = field(default_factory=list)
    copies: dict[Key, Copy] = field(default_factory=dict)
    aside: dict[Key, Doc] = field(default_factory=dict)
    had: set[Key] = field(default_factory=set)
    doubtful: set[Key] = field(default_factory=set)  # shows an edit that was not taken, until the record comes again
    cursor: str = ""
    listed: set[Key] = field(default_factory=set)
    starting: bool = True
    tick: int = 0

    def dirty(self, key: Key) -> bool:
        return any(edit.key == key for edit in self.outbox)

    def of(self, kind: str) -> list[Key]:
        return [key for key in self.copies if key[0] == kind]

    def drop(self, key: Key) -> None:
        self.copies.pop(key, None)
        if key in self.aside:  # given out later than what was sent: the place came back
            self.take(key, self.aside.pop(key))

    def take(self, key: Key, doc: Doc) -> None:
        if doc["voided"]:
            self.copies.pop(key, None)
        else:
            self.copies[key] = Copy(doc["rev"], dict(doc))
            self.had.add(key)
            self.doubtful.discard(key)

    def hear(self, edit: Edit, result: Doc) -> None:
        """`edit` is sent, and this is what became of it."""
        self.outbox.remove(edit)
        key, doc, copy = edit.key, result.get("doc"), self.copies.get(edit.key)
        if result["outcome"] in ("inbox", "rejected"):
            self.doubtful.add(key)
        if self.dirty(key):
            if copy and copy.rev is None and result["outcome"] in MADE:
                copy.rev = OLD_COPY
            if doc:
                self.aside[key] = doc
            return
        if doc:
            self.aside.pop(key, None)
            self.take(key, doc)
        elif result["outcome"] in ("inbox", "rejected") or ("void" in edit.op and result["outcome"] in MADE):
            self.drop(key)
        elif result["outcome"] == "held":
            pass
        elif key in self.aside and (result["rev"] is None or self.aside[key]["rev"] >= result["rev"]):
            self.take(key, self.aside.pop(key))
        elif copy and result["rev"] is not None:
            self.aside.pop(key, None)
            copy.rev = result["rev"]

    def pulled(self, page: Doc) -> None:
        for change in page["changes"]:
            key = (change["kind"], change["id"])
            if change["op"] == "upsert":
                self.listed.add(key)
                if self.dirty(key):
                    self.aside[key] = change["doc"]
                else:
                    self.take(key, change["doc"])
            else:  # the copy goes, the edit stays
                self.listed.discard(key)
                self.copies.pop(key, None)
                self.aside.pop(key, None)
        self.cursor, self.tick = page["cursor"], page["tick"]
        if not page["more"] and self.starting:
            self.starting = False
            mine = [key for key, copy in self.copies.items() if copy.rev is None]
            self.copies = {key: c for key, c in self.copies.items() if key in self.listed or self.dirty(key) or key in mine}
            self.aside = {key: doc for key, doc in self.aside.items() if key in self.listed}

    def start_again(self) -> None:
        self.cursor, self.starting = "", True
        self.listed.clear()


def spelled(member: str, value: Any) -> Any:
    """As the service stores it."""
    value = plain(value)
    return list(dict.fromkeys(text.phone(each) or each for each in value)) if member == "phones" else value


class World:
    """The service, and who uses it. One for all runs: each run begins with no households and the usual places."""

    def __init__(self, county: County, admin: Phone, rest: Phone, phones: list[tuple[Phone, UUID]], codes: list[str]) -> None:
        self.county, self.admin, self.rest, self.phones, self.codes = county, admin, rest, phones, codes
        self.owner = county.owner
        self.seen: Counter[str] = Counter()

    async def begin(self) -> None:
        async with self.owner.transaction():
            for table in (*PLACED, "kept_op", "conflict"):
                await self.owner.execute(f"DELETE FROM {table}")
            for table in ("revision", "change"):
                await self.owner.execute(f"DELETE FROM {table} WHERE kind = ANY ($1)", PLACED)
            await self.owner.execute("DELETE FROM membership; INSERT INTO membership SELECT * FROM usual_membership")
        self.clients = [Client(n, http, device_id) for n, (http, device_id) in enumerate(self.phones)]
        self.edits: list[Edit] = []
        self.ids, self.clock, self.handled = 0, 0, 0
        self.households: list[Key] = []  # all that anybody made

    # What the phones' users do

    def new_id(self) -> str:
        self.ids += 1
        return str(uuid5(OURS, str(self.ids)))

    def _edit(self, phone: Client, key: Key, said: Doc, base_rev: int | None, meant: Doc, *, creates: bool = False) -> Edit:
        self.clock += 1
        at = BEGIN + timedelta(seconds=self.clock)
        base = None if base_rev == OLD_COPY else base_rev
        op = {"kind": key[0], "id": key[1], "base_rev": base, "at": at.isoformat(timespec="milliseconds"), **said}
        taken = pushed.take(op, phone.device_id)
        assert taken.op
        refused = {m for m, value in said.get("doc", {}).items() if isinstance(value, str) and REFUSED in value}
        edit = Edit(
            phone.number, key, op, at, taken.op.mark, {m: v for m, v in meant.items() if m not in refused}, meant, creates, bool(refused)
        )
        phone.outbox.append(edit)
        self.edits.append(edit)
        return edit

    def create(self, phone: Client, kind: str, said: Doc, *, first: bool = False) -> Key:
        key = (kind, self.new_id())
        edit = self._edit(phone, key, {"doc": said}, None, {m: (None, spelled(m, v)) for m, v in said.items()}, creates=True)
        if first:
            phone.outbox.insert(0, phone.outbox.pop())
        shown = {"id": key[1], "voided": False, **{m: plain(v) for m, v in KINDS[kind].defaults.items()}, **said}
        phone.copies[key] = Copy(None, shown)
        if kind == "household":
            self.households.append(key)
        assert edit.mark
        return key

    def change(self, phone: Client, key: Key, spec: list[tuple[int, int]], *, whole: bool) -> None:
        copy, kind = phone.copies[key], KINDS[key[0]]
        members = MEMBERS[key[0]]
        after = dict(copy.shown)
        for index, choice in spec:
            after |= self._value(members[index % len(members)], choice, after)
        changed = {m: v for m, v in after.items() if v != copy.shown[m]}
        said = {m: v for m, v in after.items() if m in kind.sent or m != "id"} if whole else changed
        meant = {m: (spelled(m, copy.shown[m]), spelled(m, v)) for m, v in changed.items()}
        self._edit(phone, key, {"doc": said}, copy.rev, {m: v for m, v in meant.items() if v[0] != v[1]})
        copy.shown = after

    def _value(self, member: str, choice: int, shown: Doc) -> Doc:
        self.ids += 1
        fresh = f"第{self.ids}"
        if member in ("address", "notes", "agreed"):
            return {member: (fresh, fresh, fresh, "甲", "乙", None, fresh, fresh + (REFUSED if member != "agreed" else ""))[choice]}
        if member == "number":
            return {member: (fresh, fresh, "1", "2", fresh, fresh, fresh, REFUSED)[choice]}
        if member == "phones":
            present = list(shown["phones"])
            new = (f"138{self.ids:08d}", "13800000001", "13800000002", "138-0000-0003")
            if choice < 4:
                return {member: present if new[choice] in present else [*present, new[choice]][:10]}
            return {member: present[:-1] if choice == 4 else present[1:] if choice == 5 else present[::-1] if choice == 6 else []}
        if member == "purposes":
            present = list(shown["purposes"])
            if choice < 5:
                code = self.codes[choice]
                return {member: present if code in present else [*present, code]}
            return {member: present[:-1] if choice == 5 else present[1:] if choice == 6 else []}
        if member == "place_id":
            return {member: BUSY[choice % 5]}
        if member == "status":
            return {member: ("living_here", "away", "moved", "dissolved")[choice % 4]}
        if member == "manner":
            return {member: ("home", "phone", "office")[choice % 3]}
        if member == "outcome":
            return {"outcome": "met"} if choice % 2 else {"outcome": "absent", "notes": None, "agreed": None, "purposes": []}
        return {"visited_on": "2027-03-01" if choice == 7 else (date(2026, 1, 1) + timedelta(days=choice)).isoformat()}

    def void(self, phone: Client, key: Key) -> None:
        rev = phone.copies[key].rev
        self._edit(phone, key, {"void": "登记错了"}, rev, {})
        phone.copies.pop(key)
        phone.aside.pop(key, None)

    # What goes over the wire

    async def send(self, phone: Client, edits: list[Edit]) -> list[Doc]:
        reply = await phone.http.post("/v1/sync/push", json={"ops": [edit.op for edit in edits]})
        assert reply.status_code == 200, reply.text
        results: list[Doc] = reply.json()["results"]
        assert [(r["kind"], r["id"]) for r in results] == [edit.key for edit in edits]
        for edit, result in zip(edits, results, strict=True):
            self.seen[result["outcome"]] += 1
            first = edit.outcome is None
            if first:
                self.handled += 1
                edit.outcome, edit.handled = result["outcome"], self.handled
            if first and result["outcome"] == "rejected" and result["doc"] is None and edit.key in phone.had:
                assert result["problem"]["type"] != "/problems/not-found", ("this phone held it", edit, result)
            if edit.refused and result["outcome"] in MADE:
                assert result["outcome"] in ("merged", "conflict"), ("says nothing of a refused text", edit, result)
                assert result["problem"]["type"] == "/problems/refused-word"
        return results

    async def push(self, phone: Client, edits: list[Edit], *, lost: bool = False) -> None:
        if not edits:
            return
        results = await self.send(phone, edits)
        if lost:
            return
        for edit, result in zip(edits, results, strict=True):
            phone.hear(edit, result)
        for key in {edit.key for edit, result in zip(edits, results, strict=True) if result["outcome"] in MADE}:
            await self.is_what_is_stored(phone, key)

    async def is_what_is_stored(self, phone: Client, key: Key) -> None:
        """A phone that heard what became of all its edits holds what it says that it holds."""
        copy, kind = phone.copies.get(key), KINDS[key[0]]
        if copy is None or copy.rev is None or phone.dirty(key) or key in phone.doubtful:
            return
        reply = await phone.http.get(f"/v1/{kind.plural}/{key[1]}")
        if reply.status_code == 200 and reply.json()["rev"] == copy.rev:
            stored = reply.json()
            for member in kind.sets:  # their order says nothing
                copy.shown[member] = sorted(copy.shown[member])
                stored[member] = sorted(stored[member])
            wrong = {m: (copy.shown[m], stored[m]) for m in kind.sent if copy.shown[m] != stored[m]}
            assert not wrong, ("the phone was not told", phone.number, key, copy.rev, wrong)

    async def counts(self) -> Doc:
        rows = await self.owner.fetchrow(
            "SELECT (SELECT count(*) FROM revision) AS revisions, (SELECT count(*) FROM kept_op) AS kept,"
            " (SELECT count(*) FROM conflict) AS conflicts, (SELECT count(*) FROM conflict WHERE settled IS NOT NULL) AS settled,"
            " (SELECT count(*) FROM kept_op WHERE settled IS NOT NULL) AS done,"
            " (SELECT string_agg(state, ',' ORDER BY seq) FROM kept_op) AS states"
        )
        return dict(rows)

    async def repeat(self, phone: Client, edits: list[Edit]) -> None:
        """Changes nothing, and is answered with the truth."""
        if not edits:
            return
        before = await self.counts()
        results = await self.send(phone, edits)
        after = await self.counts()
        assert before == after, ("a repeat changed something", [edit.op for edit in edits], results, before, after)
        await self.are_true(phone, edits, results)
        for edit, result in zip(edits, results, strict=True):
            if result.get("doc") and not phone.dirty(edit.key) and edit.key in phone.copies:
                phone.take(edit.key, result["doc"])

    async def are_true(self, phone: Client, edits: list[Edit], results: list[Doc]) -> None:
        ids = list({UUID(edit.key[1]) for edit in edits})
        marks = "SELECT mark, rev FROM revision WHERE id = ANY ($1)"
        revs = {row["mark"]: row["rev"] for row in await self.owner.fetch(marks, ids)}
        kept_ops = "SELECT id, state, settled FROM kept_op WHERE record_id = ANY ($1) ORDER BY seq"
        kept = {row["id"].bytes: row for row in await self.owner.fetch(kept_ops, ids)}
        contested = "SELECT mark FROM conflict WHERE record_id = ANY ($1) AND settled IS NULL"
        open_ones = {row["mark"] for row in await self.owner.fetch(contested, ids)}
        stored: dict[Key, Doc | None] = {}
        for key in {edit.key: None for edit in edits}:
            reply = await phone.http.get(f"/v1/{KINDS[key[0]].plural}/{key[1]}")
            stored[key] = reply.json() if reply.status_code == 200 else None
        for edit, result in zip(edits, results, strict=True):
            rev, was, now = revs.get(edit.mark), kept.get(edit.mark), stored[edit.key]
            expected = {"merged", "unchanged"} if edit.refused else {"unchanged"}
            if edit.mark in open_ones:
                expected = {"conflict"} if now else {"inbox"} if rev is None else {"unchanged"}
            elif rev is None and was and was["settled"] != "applied" and was["state"] != "unchanged":
                expected = {was["state"]}
            elif rev is None and not now:
                expected |= {"inbox"}
            assert result["outcome"] in expected, ("untrue", edit, result, rev, was and dict(was))
            if result["outcome"] in MADE and now:
                assert result["rev"] == now["rev"], (edit, result, now)
                assert result.get("doc", now) == now

    async def pull(self, phone: Client, limit: int, *, lost: bool = False) -> bool:
        reply = await phone.http.get("/v1/sync/pull", params={"cursor": phone.cursor, "limit": limit, "kinds": ",".join(MEMBERS)})
        assert reply.status_code == 200, reply.text
        if lost:
            return True
        phone.pulled(reply.json())
        return bool(reply.json()["more"])

    async def level(self, phone: Client) -> None:
        while await self.pull(phone, 100):
            pass

    async def move(self, key: Key, to: int) -> None:
        """By the officer at the desk."""
        path = f"/v1/households/{key[1]}"
        stored = await self.rest.get(path)
        if stored.status_code != 200 or stored.json()["voided"]:
            return
        match = {"If-Match": f'"{stored.json()["rev"]}"'}
        reply = await self.rest.patch(path, json={"place_id": to}, headers=match, params={"confirm": True})
        assert reply.status_code == 200, reply.text

    async def switch(self, grant: int) -> None:
        """Takes the place where it is held, gives it where it is not."""
        username, place_id = GRANTS[grant]
        path = f"/v1/users/{USERS[username]['id']}/places"
        held = await self.owner.fetchval(
            "SELECT count(*) FROM membership WHERE user_id = $1 AND place_id = $2 AND revoked_tick IS NULL", USERS[username]["id"], place_id
        )
        if held:
            reply = await self.admin.post(f"{path}/{place_id}/revoke")
        else:
            reply = await self.admin.post(path, json={"place_id": place_id, "reach": "below"})
        assert reply.status_code == 200, reply.text

    # What must hold in the end

    async def end(self) -> None:
        for phone in self.clients:
            await self.push(phone, list(phone.outbox))
        await hourly.sweep(self.county.access)
        await self.audit()
        await self.nothing_is_missing()
        await self.nothing_waits_in_vain()
        before = await self.counts()
        for phone in self.clients:
            mine = [edit for edit in self.edits if edit.phone == phone.number]
            await self.repeat(phone, mine[::-1])
            await self.repeat(phone, mine[::2] + mine[1::2])
        assert before == await self.counts()
        for phone in self.clients:
            await self.level(phone)
            await self.holds_what_it_should(phone)

    async def holds_what_it_should(self, phone: Client) -> None:
        held = {key: copy.shown for key, copy in phone.copies.items() if copy.rev is not None}
        username = NAMES[phone.number]
        wanted = {key: rev for key, rev in (await should_hold(self.owner, username)).items() if key[0] in MEMBERS}
        assert {key: doc["rev"] for key, doc in held.items()} == wanted, (phone.number, "holds other records")
        listed: dict[Key, Doc] = {}
        for kind in MEMBERS:
            reply = await phone.http.get(f"/v1/{KINDS[kind].plural}", params={"limit": 200})
            listed |= {(kind, item["id"]): item for item in reply.json()["items"]}
        for (kind, _), doc in (*held.items(), *listed.items()):
            for member in KINDS[kind].sets:
                doc[member] = sorted(doc[member])
        assert held == listed
        said = (await phone.http.get("/v1/sync/digest", params={"kinds": ",".join(MEMBERS)})).json()
        marks = digest_of(dict(held))
        assert (said["tick"], said["kinds"]) == (phone.tick, {kind: marks[kind] for kind in MEMBERS})

    async def audit(self) -> None:
        """Revisions without gaps; a change row where the record is, and one for each place that it left; children where their parents are;
        what was refused nowhere."""
        for kind in MEMBERS:
            wrong = await self.owner.fetch(
                f"""SELECT t.id, t.rev, r.n, r.last, c.rev, c.op FROM {kind} t
                LEFT JOIN (SELECT id, count(*) AS n, max(rev) AS last FROM revision WHERE kind = '{kind}' GROUP BY id) r ON r.id = t.id
                LEFT JOIN change c ON c.kind = '{kind}' AND c.id = t.id AND c.place_id = t.place_id
                LEFT JOIN clock k ON k.county_id = t.county_id
                WHERE r.n IS DISTINCT FROM t.rev OR r.last IS DISTINCT FROM t.rev OR c.rev IS DISTINCT FROM t.rev
                  OR c.op IS DISTINCT FROM CASE WHEN t.voided THEN 'remove' ELSE 'upsert' END
                  OR c.reason IS DISTINCT FROM CASE WHEN t.voided THEN 'voided' END
                  OR c.township_id IS DISTINCT FROM t.township_id OR c.tick > k.tick
                  OR c.mark IS DISTINCT FROM {MARK.replace("id::text", "t.id::text").replace("rev::text", "t.rev::text")}"""
            )
            assert wrong == [], kind
            left = await self.owner.fetch(
                f"SELECT c.* FROM change c LEFT JOIN {kind} t ON t.id = c.id WHERE c.kind = '{kind}' AND (t.id IS NULL"
                " OR t.place_id <> c.place_id AND (c.op, c.reason) IS DISTINCT FROM ('remove', 'moved'))"
            )
            assert left == [], kind
        records = " UNION ALL ".join(f"SELECT '{kind}' AS kind, id, place_id FROM {kind}" for kind in MEMBERS)
        places = f"""
        SELECT DISTINCT t.kind, t.id::text, p.place_id FROM ({records}) t CROSS JOIN LATERAL (SELECT t.place_id UNION ALL
          SELECT (r.changes -> 'place_id' ->> 0)::int FROM revision r WHERE r.kind = t.kind AND r.id = t.id AND r.changes ? 'place_id') p"""
        stood = {tuple(row) for row in await self.owner.fetch(places)}
        rows = await self.owner.fetch("SELECT kind, id::text, place_id FROM change WHERE kind = ANY ($1)", list(MEMBERS))
        assert {tuple(row) for row in rows} == stood
        for kind, parent in ((kind, KINDS[kind].parent) for kind in MEMBERS):
            if parent and parent.kind in MEMBERS:
                astray = (
                    f"SELECT t.id FROM {kind} t JOIN {parent.kind} p ON p.id = t.{parent.member}"
                    " WHERE (t.place_id, t.township_id) <> (p.place_id, p.township_id)"
                )
                assert await self.owner.fetch(astray) == [], kind
        last = "SELECT max(v.visited_on) FROM visit v WHERE v.household_id = h.id AND v.outcome = 'met' AND NOT v.voided"
        assert await self.owner.fetch(f"SELECT h.id FROM household h WHERE h.last_visited_on IS DISTINCT FROM ({last})") == []
        for table in (*MEMBERS, "revision", "kept_op", "conflict"):
            found = await self.owner.fetchval(f"SELECT count(*) FROM {table} t WHERE row_to_json(t)::text LIKE '%{REFUSED}%'")
            assert found == 0, f"{table} holds what is not recorded"

    async def nothing_waits_in_vain(self) -> None:
        held = await self.owner.fetch(
            "SELECT u.username, k.waits_for::text FROM kept_op k JOIN app_user u ON u.id = k.user_id"
            " WHERE k.state = 'held' AND k.settled IS NULL"
        )
        for username in {row["username"] for row in held}:
            within_reach = {record_id for _, record_id in await should_hold(self.owner, username)}
            assert not within_reach & {row["waits_for"] for row in held if row["username"] == username}, "held, though it is there"

    async def nothing_is_missing(self) -> None:
        for key in {edit.key: None for edit in self.edits}:
            trail = await Trail.read(self.owner, *key)
            edits = [edit for edit in self.edits if edit.key == key and edit.outcome]
            for edit in edits:
                trail.has_kept(edit, edits)
            trail.came_from(edits, self.clients)


@dataclass
class Trail:
    """What the tables say of one record: its value after each revision, and what is on the lists."""

    key: Key
    revisions: list[Any]
    values: list[Doc]  # after each revision
    kept: list[Any]
    conflicts: list[Any]

    @classmethod
    async def read(cls, owner: Any, kind: str, record_id: str) -> "Trail":
        row = await owner.fetchval(f"SELECT row_to_json(t)::text FROM {kind} t WHERE id = $1", UUID(record_id))
        revisions = await owner.fetch("SELECT * FROM revision WHERE kind = $1 AND id = $2 ORDER BY rev", kind, UUID(record_id))
        value, values = json.loads(row) if row else {}, []
        for revision in reversed(revisions):
            values.append(dict(value))
            for member, (old, new) in json.loads(revision["changes"] or "{}").items():
                assert value[member] == new, ("the trail does not lead to the record", kind, record_id, revision["rev"], member)
                value[member] = old
        kept = await owner.fetch("SELECT * FROM kept_op WHERE kind = $1 AND record_id = $2", kind, UUID(record_id))
        conflicts = await owner.fetch("SELECT * FROM conflict WHERE kind = $1 AND record_id = $2", kind, UUID(record_id))
        return cls((kind, record_id), revisions, values[::-1], kept, conflicts)

    def has_kept(self, edit: Edit, edits: list[Edit]) -> None:
        """The op is found; and each member that its user meant to change: in the trail, in a conflict, or kept."""
        kept = [row for row in self.kept if row["id"].bytes == edit.mark]
        found = kept + [row for row in (*self.revisions, *self.conflicts) if row["mark"] == edit.mark]
        assert found, ("no trace", edit)
        said = json.loads(kept[0]["op"]) if kept else {}
        if "void" in edit.op:
            voided = bool(self.values) and self.values[-1]["voided"]
            assert voided or (said.get("void") == edit.op["void"] and kept[0]["state"] != "unchanged"), edit
            return
        if edit.creates and not kept:
            assert self.revisions[0]["mark"] == edit.mark or edit.outcome != "applied"
        waiting = bool(kept) and kept[0]["state"] != "unchanged" and kept[0]["settled"] != "applied"
        for member, (old, new) in edit.meant.items():
            if waiting:
                assert spelled(member, said["doc"][member]) == new, ("kept otherwise", member, edit)
                continue
            mine = [e for e in edits if e.phone == edit.phone and e.at > edit.at and e.handled < edit.handled]
            later = [e for e in mine if member in e.op.get("doc", ())]  # a whole record says it too
            contested = [json.loads(row["yours"] or "null") for row in self.conflicts if row["field"] == member]
            if later or new in contested:
                continue
            values = [value[member] for value in self.values]
            if isinstance(new, list):
                known = {each for value in (*values, *contested) for each in value}
                assert known.issuperset(set(new) - set(old or ())), ("what was added is nowhere", member, edit)
                gone = set(old or ()) - set(new)
                assert not gone or any(not gone & set(value) for value in values), ("what was taken out stayed", member, edit)
            else:
                assert new in values, ("is nowhere", member, new, edit, values)

    def came_from(self, edits: list[Edit], clients: list[Client]) -> None:
        """No revision of a phone changes what its user did not change; and none overwrites what its user had not seen."""
        by_device = defaultdict(list)
        for edit in edits:
            by_device[clients[edit.phone].device_id].append(edit)
        setter: dict[str, Any] = {}
        members = KINDS[self.key[0]].sent
        for revision, value, before in zip(self.revisions, self.values, [{}, *self.values], strict=False):
            device, mine = revision["device_id"], by_device[revision["device_id"]]
            changes = json.loads(revision["changes"] or "{}")
            for member in members & (changes.keys() if before else value.keys()):
                old, new = before.get(member), value[member]
                meant = [e.meant[member] for e in mine if member in e.meant]
                if before and mine:
                    if isinstance(new, list):
                        added = {each for a, b in meant for each in set(b) - set(a or ())}
                        gone = {each for a, b in meant for each in set(a or ()) - set(b)}
                        assert added.issuperset(set(new) - set(before[member])), ("added by nobody", self.key, member, old, new, meant)
                        assert gone.issuperset(set(before[member]) - set(new)), ("taken out by nobody", self.key, member, old, new, meant)
                    else:
                        assert new in [b for _, b in meant], ("changed by nobody", self.key, member, old, new, meant)
                        seen = [e.typed[member][0] for e in mine if member in e.typed]
                        assert setter[member] == device or old in seen, ("unseen", self.key, member, old, new, meant)
                setter[member] = device
        if not self.values:
            return
        for member in members:  # among edits of one device the later stands
            mine = by_device[setter[member]]
            made = [e for e in mine if member in e.meant and e.outcome in MADE]
            last = max(made, key=lambda e: e.at, default=None)
            now, contested = self.values[-1][member], [json.loads(r["yours"] or "null") for r in self.conflicts if r["field"] == member]
            if last and not isinstance(now, list) and last.meant[member][1] not in contested:
                assert now == last.meant[member][1], ("an earlier edit stands", self.key, member, now, last)
        for member in KINDS[self.key[0]].sets:
            self._set_has_all(member, edits, clients)

    def _set_has_all(self, member: str, edits: list[Edit], clients: list[Client]) -> None:
        """What somebody added and nobody took out is there; what somebody took out and nobody added since is not."""
        contested = any(row["field"] == member for row in self.conflicts)
        touched = [e for e in edits if member in e.meant]
        if (
            contested
            or any(e.outcome not in MADE for e in touched)
            or any(e.at > f.at for e in touched for f in touched if e.phone == f.phone and e.handled < f.handled)
        ):
            return
        for edit in touched:
            old, new = (set(each or ()) for each in edit.meant[member])
            others = [e for e in touched if e is not edit]
            for each in new - old:
                if not any(each in set(e.meant[member][0] or ()) - set(e.meant[member][1]) for e in others):
                    assert each in self.values[-1][member], ("an entry is gone", self.key, member, each)
            for each in old - new:
                if not any(each in set(e.meant[member][1]) - set(e.meant[member][0] or ()) for e in others):
                    assert each not in self.values[-1][member], ("an entry is back", self.key, member, each)


class Phones(RuleBasedStateMachine):
    """Rules for all that can happen. Numbers choose from what there is, so that a run shrinks well."""

    world: ClassVar[World]
    runner: ClassVar[asyncio.Runner]
    runs: ClassVar[int] = 0

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        """All phones are level, with a household and a visit that the first one has made; so edits meet from the start."""
        Phones.runs += 1
        self.do(self.world.begin())
        phone = self.world.clients[0]
        house = self.world.create(phone, "household", {"place_id": GROUP, "number": "1", "phones": ["13800000001", "13800000002"]})
        seen = {"household_id": house[1], "visited_on": "2026-01-01", "outcome": "met", "purposes": self.world.codes[:2]}
        self.world.create(phone, "visit", seen)
        self.do(self.world.push(phone, list(phone.outbox)))
        for each in self.world.clients:
            self.do(self.world.level(each))

    @rule(n=one_of_six, place=st.integers(0, 4), phones=st.integers(0, 2))
    def make_household(self, n: int, place: int, phones: int) -> None:
        numbers = ["13800000001", "13800000002"][:phones]
        self.world.create(self.world.clients[n], "household", {"place_id": BUSY[place], "number": "2", "phones": numbers})

    @rule(n=one_of_six, house=pick, first=st.booleans(), anyones=st.booleans())
    def make_visit(self, n: int, house: int, first: bool, anyones: bool) -> None:
        phone = self.world.clients[n]
        houses = self.world.households if anyones else phone.of("household")
        if houses:
            said = {"household_id": houses[house % len(houses)][1], "visited_on": "2026-01-02", "outcome": "met", "notes": "初"}
            self.world.create(phone, "visit", said, first=first)

    @rule(n=one_of_six, record=pick, spec=spec, whole=st.booleans())
    def edit(self, n: int, record: int, spec: list[tuple[int, int]], whole: bool) -> None:
        phone = self.world.clients[n]
        if phone.copies:
            self.world.change(phone, list(phone.copies)[record % len(phone.copies)], spec, whole=whole)

    @rule(a=one_of_six, b=one_of_six, record=pick, spec=spec, other=spec, whole=st.booleans(), sent=st.integers(0, 2))
    def edit_at_two_phones(self, a: int, b: int, record: int, spec: Any, other: Any, whole: bool, sent: int) -> None:
        one, two = self.world.clients[a], self.world.clients[b]
        shared = [key for key in one.copies if key in two.copies]
        if shared and one is not two:
            key = shared[record % len(shared)]
            self.world.change(one, key, spec, whole=whole)
            self.world.change(two, key, other, whole=True)
            for phone in (one, two) if sent else ():
                self.do(self.world.push(phone, list(phone.outbox), lost=sent == 2))
                self.do(self.world.push(phone, list(phone.outbox)))

    @rule(n=one_of_six, record=pick, whole=st.booleans(), member=st.integers(0, 5), choice=pick)
    def edit_and_take_back(self, n: int, record: int, whole: bool, member: int, choice: int) -> None:
        phone = self.world.clients[n]
        if phone.copies:
            key = list(phone.copies)[record % len(phone.copies)]
            for c in (choice, (choice + 1) % 8, choice):
                self.world.change(phone, key, [(member, c)], whole=whole)

    @rule(n=one_of_six, record=pick, spec=spec, other=st.lists(pick, min_size=3, max_size=3), keep=st.integers(0, 1))
    def edit_twice_and_send_the_second_first(self, n: int, record: int, spec: list[tuple[int, int]], other: list[int], keep: int) -> None:
        """Not with whole records: of those nobody can tell what was taken back from what was never touched."""
        phone = self.world.clients[n]
        if phone.copies:
            key = list(phone.copies)[record % len(phone.copies)]
            self.world.change(phone, key, spec, whole=False)
            self.world.change(phone, key, [(m, c) for (m, _), c in zip(spec, other, strict=False)], whole=False)
            self.do(self.world.push(phone, phone.outbox[keep - 2 :][::-1] if keep == 0 else phone.outbox[-1:]))

    @rule(n=one_of_six, record=pick)
    def void(self, n: int, record: int) -> None:
        phone = self.world.clients[n]
        if phone.copies:
            self.world.void(phone, list(phone.copies)[record % len(phone.copies)])

    @rule(n=one_of_six, most=st.integers(1, 20), lost=st.booleans(), size=st.integers(1, 5))
    def push(self, n: int, most: int, lost: bool, size: int) -> None:
        phone = self.world.clients[n]
        for _ in range(0, most, size):
            batch = phone.outbox[:size]
            self.do(self.world.push(phone, batch, lost=lost))
            if lost:
                break

    @rule(n=one_of_six, order=st.permutations(range(4)), lost=st.booleans())
    def push_in_another_order(self, n: int, order: list[int], lost: bool) -> None:
        phone = self.world.clients[n]
        batch = [phone.outbox[i] for i in order if i < len(phone.outbox)]
        self.do(self.world.push(phone, batch[:3], lost=lost))

    @rule(n=one_of_six, which=st.lists(st.integers(0, 30), min_size=1, max_size=6))
    def repeat(self, n: int, which: list[int]) -> None:
        phone = self.world.clients[n]
        done = [edit for edit in self.world.edits if edit.phone == n and edit.outcome]
        if done:
            self.do(self.world.repeat(phone, [done[i % len(done)] for i in which]))

    @rule(n=one_of_six, limit=st.sampled_from((1, 2, 3, 50)), pages=st.integers(1, 4), lost=st.booleans())
    def pull(self, n: int, limit: int, pages: int, lost: bool) -> None:
        phone = self.world.clients[n]
        for page in range(pages):
            if not self.do(self.world.pull(phone, limit, lost=lost and page == pages - 1)):
                break

    @rule(n=one_of_six)
    def sync(self, n: int) -> None:
        phone = self.world.clients[n]
        self.do(self.world.push(phone, list(phone.outbox)))
        self.do(self.world.level(phone))

    @rule(house=pick, to=st.integers(0, 4))
    def move(self, house: int, to: int) -> None:
        houses = self.world.households
        self.do(self.world.move(houses[house % len(houses)], BUSY[to]))

    @rule(record=pick, to=st.integers(0, 4))
    def move_by_push(self, record: int, to: int) -> None:
        phone = self.world.clients[OFFICER]
        if houses := phone.of("household"):
            self.world.change(phone, houses[record % len(houses)], [(2, to)], whole=False)

    @rule(grant=st.integers(0, 3))
    def give_or_take(self, grant: int) -> None:
        self.do(self.world.switch(grant))

    @rule(n=one_of_six)
    def start_again(self, n: int) -> None:
        self.world.clients[n].start_again()

    def teardown(self) -> None:
        if sys.exc_info()[0] is None and hasattr(self.world, "clients"):
            self.do(self.world.end())


async def a_world(stack: AsyncExitStack, databases: Databases, var: Path) -> World:
    county = await stack.enter_async_context(a_county(databases, var))
    await county.owner.execute("CREATE TABLE usual_membership AS SELECT * FROM membership")
    await county.owner.execute("; ".join(f"DELETE FROM {table}" for table in PLACED))
    phones = []
    for number, name in enumerate(NAMES):
        device_id = uuid5(OURS, f"device {number}")
        phones.append((await county.sign_in(name, device_id=str(device_id)), device_id))
    entries = (await phones[0][0].get("/v1/catalogue-entries", params={"catalogue": "visit_purpose"})).json()["items"]
    return World(
        county, await county.sign_in("county-admin"), await county.sign_in("township-1"), phones, [entry["code"] for entry in entries[:5]]
    )


@pytest.fixture(scope="module")
def world(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        Phones.runner, Phones.world = runner, runner.run(a_world(stack, databases, tmp_path_factory.mktemp("push_convergence")))
        yield Phones.world
        runner.run(stack.aclose())


RUNS = settings(
    max_examples=40,
    stateful_step_count=30,
    derandomize=True,
    phases=(Phase.generate,),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


def test_every_phone_ends_with_what_it_should_hold_and_no_edit_is_missing(world: World) -> None:
    run_state_machine_as_test(Phones, settings=RUNS)
    print("\n", Phones.runs, "runs", dict(world.seen))  # noqa: T201 - what the proof rests on

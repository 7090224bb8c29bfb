"""A phone in plain Python: SQLite, HTTP, and what docs/sync.md asks of a client. Made to be copied into an app of any language.

    .venv/bin/python examples/phone.py --base http://127.0.0.1:8000 --user worker-1 --password jiafang-demo-2026

`record` holds what the server said last, and nothing else. `outbox` holds what was edited here. What the app shows is the one laid over
the other (`shown`). So nothing that comes from the server can touch an edit that has not been sent.
"""

import argparse
import gzip
import json
import sqlite3
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx

TABLES = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record (kind TEXT, id TEXT, rev INTEGER, doc TEXT, PRIMARY KEY (kind, id));
-- state: unsent; held: the server waits for another record; sent: stored there and not pulled yet; told: for the user to see (`to_show`)
CREATE TABLE IF NOT EXISTS outbox (seq INTEGER PRIMARY KEY, kind TEXT, id TEXT, op TEXT, state TEXT DEFAULT 'unsent', result TEXT);
CREATE TABLE IF NOT EXISTS arrived (n INTEGER PRIMARY KEY, change TEXT); -- pages of a read that is not level yet
"""
READ_ONLY = ("place", "catalogue_entry")  # the county's own; phones edit all other kinds


class Refused(Exception):
    """The server refused a call as a whole. What was to be sent is still in the outbox."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(status, problem.get("detail"))
        self.status, self.problem = status, problem


class Phone:
    most_ops, most_bytes, page = 500, 1_000_000, 500  # of a push, whose limit is 1 MiB; of a pull

    def __init__(self, base: str, store: str, transport: httpx.BaseTransport | None = None) -> None:
        self.http = httpx.Client(base_url=base, timeout=30, transport=transport)
        self.db = sqlite3.connect(store)
        self.db.executescript(TABLES)

    def get(self, name: str, otherwise: str = "") -> str:
        return next((value for (value,) in self.db.execute("SELECT value FROM state WHERE name = ?", [name])), otherwise)

    def set(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", [name, value])

    # Calling the server

    def sign_in(self, user: str, password: str) -> None:
        """The device is made once and is this user's: another user needs another store (409 `device-of-another`)."""
        with self.db:  # kept before it is sent, or a lost reply would leave a second device behind
            self.set("device_id", self.get("device_id", str(uuid4())))
        self._tokens(grant_type="password", username=user, password=password, device_id=self.get("device_id"))

    def _tokens(self, **form: str) -> None:
        tokens = self._answer(self.http.post("/v1/auth/token", data=form))
        with self.db:
            self.set("access_token", tokens["access_token"])
            self.set("refresh_token", tokens["refresh_token"])

    def _call(self, method: str, path: str, again: bool = True, **options: Any) -> Any:
        self.http.headers["Authorization"] = f"Bearer {self.get('access_token')}"
        reply = self.http.request(method, path, **options)
        if reply.status_code == 401 and again:  # an access token lasts a quarter of an hour
            self._tokens(grant_type="refresh_token", refresh_token=self.get("refresh_token"))
            return self._call(method, path, again=False, **options)
        return self._answer(reply)

    def _answer(self, reply: httpx.Response) -> Any:
        try:
            said = reply.json()
        except ValueError:  # from a proxy, or the login page of a Wi-Fi
            raise Refused(reply.status_code, {"detail": "no JSON"}) from None
        if reply.is_success:
            return said
        if said.get("wipe"):  # the copies go; what was not sent stays, it may be asked for
            with self.db:
                self.db.execute("DELETE FROM record")
                self._begin_again("drop")
        raise Refused(reply.status_code, said)

    # Editing, with or without a network

    def create(self, kind: str, **doc: Any) -> str:
        record_id = str(uuid4())
        with self.db:
            self._add(kind, record_id, None, doc=doc)
        return record_id

    def edit(self, kind: str, record_id: str, **members: Any) -> None:
        """Only what was changed is sent, so it does not stand against what others do to the rest."""
        now = self.shown(kind)[record_id]
        changed = {name: value for name, value in members.items() if name not in now or now[name] != value}
        if changed:
            with self.db:
                self._add(kind, record_id, self._base_rev(kind, record_id, changed), doc=changed)

    def void(self, kind: str, record_id: str, reason: str) -> None:
        with self.db:
            self._add(kind, record_id, self._base_rev(kind, record_id, {}), void=reason)

    def _add(self, kind: str, record_id: str, base_rev: int | None, **said: Any) -> None:
        # `at` is made here, once: a repeat must be the same op. It never goes back, even where the clock is set back, since of two edits
        # of one member the server takes the later.
        last = datetime.fromisoformat(self.get("last_at", "2000-01-01T00:00:00Z"))
        self.set("last_at", max(datetime.now(UTC), last + timedelta(milliseconds=1)).isoformat(timespec="milliseconds"))
        op = {"kind": kind, "id": record_id, "base_rev": base_rev, "at": self.get("last_at"), **said}
        self.db.execute("INSERT INTO outbox (kind, id, op) VALUES (?, ?, ?)", [kind, record_id, json.dumps(op)])

    def _base_rev(self, kind: str, record_id: str, changed: dict[str, Any]) -> int | None:
        """The `rev` that the user looked at; null where the server has not given us the record yet. An unsent edit of the same member
        hides what others wrote there since, so then it is still the `rev` of that edit."""
        for op in self._edits("unsent", "held"):
            if op["id"] == record_id and op.get("doc", {}).keys() & changed.keys():
                return int(op["base_rev"]) if op["base_rev"] else None
        return next((rev for (rev,) in self.db.execute("SELECT rev FROM record WHERE kind = ? AND id = ?", [kind, record_id])), None)

    # What the app shows

    def shown(self, kind: str) -> dict[str, dict[str, Any]]:
        """The records of a kind by id, with the edits of this phone laid over them."""
        rows = self.db.execute("SELECT id, doc FROM record WHERE kind = ?", [kind])
        docs = {record_id: json.loads(doc) for record_id, doc in rows}
        for op in self._edits("unsent", "held", "sent"):
            if op["kind"] == kind and "void" in op:
                docs.pop(op["id"], None)
            elif op["kind"] == kind and (op["id"] in docs or op["base_rev"] is None):
                docs[op["id"]] = {"id": op["id"], **docs.get(op["id"], {}), **op["doc"]}
        return docs

    def _edits(self, *states: str) -> list[dict[str, Any]]:
        return [json.loads(op) for state, op in self.db.execute("SELECT state, op FROM outbox ORDER BY seq") if state in states]

    def unsent(self) -> int:
        return len(self._edits("unsent"))

    def to_show(self) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
        """(seq, op, result) of what the user has to hear about: rejected, in conflict, or a text that was not stored. The user's own words
        are in `op`; to mend them is a new edit. An app deletes the row once it was seen."""
        rows = self.db.execute("SELECT seq, op, result FROM outbox WHERE state = 'told' ORDER BY seq")
        return [(seq, json.loads(op), json.loads(result)) for seq, op, result in rows]

    # Syncing. After any failure call it again: nothing is lost and nothing is doubled

    def sync(self) -> None:
        self.push()  # first: so what is pulled has what was pushed
        self.pull()
        if not self.agrees():
            with self.db:
                self._begin_again("send")
            self.pull()
        if self.unsent():  # what the server turned out to lack
            self.push()
            self.pull()

    def push(self) -> None:
        """In order, in batches. What is held goes along again: the answer says what has become of it."""
        rows = self.db.execute("SELECT seq, op FROM outbox WHERE state IN ('unsent', 'held') ORDER BY seq").fetchall()
        while rows:
            batch, size = [rows.pop(0)], 0
            while rows and len(batch) < self.most_ops and (size := size + len(batch[-1][1]) + 1) + len(rows[0][1]) < self.most_bytes:
                batch.append(rows.pop(0))  # json.dumps writes ASCII: characters are bytes
            # sent_at is of this try: it tells the server how far our clock is off
            body = {"ops": [json.loads(op) for _, op in batch], "sent_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
            reply = self._call("POST", "/v1/sync/push", content=gzip.compress(json.dumps(body).encode()), headers=headers)
            with self.db:
                self.set("clock_skew_seconds", str(reply["clock_skew_seconds"]))  # an app warns past 600
                for (seq, text), result in zip(batch, reply["results"], strict=True):
                    self._settle(seq, json.loads(text), result)

    def _settle(self, seq: int, op: dict[str, Any], result: dict[str, Any]) -> None:
        outcome, doc = result["outcome"], result.get("doc")
        if outcome == "inbox" or (doc and doc["voided"]):  # not ours to show any more
            self.db.execute("DELETE FROM record WHERE kind = ? AND id = ?", [op["kind"], op["id"]])
        elif doc:  # a rejected edit without one leaves the copy as it is: a pull removes it where it must go
            self._put(op["kind"], doc)
        if outcome == "held":
            state = "held"
        elif outcome in ("rejected", "conflict") or "problem" in result:
            state = "told"
        elif outcome in ("applied", "unchanged") and not doc:
            state = "sent"  # shown until a pull brings the record
        else:
            state = "done"
        self.db.execute("UPDATE outbox SET state = ?, result = ? WHERE seq = ?", [state, json.dumps(result), seq])
        self.db.execute("DELETE FROM outbox WHERE state = 'done'")

    def pull(self) -> None:
        """Reads on from the cursor. Each page is kept with its cursor, so a bad line costs one page; all are applied at once at the end."""
        more = True
        while more:
            try:
                page = self._call("GET", "/v1/sync/pull", params={"cursor": self.get("cursor"), "limit": self.page})
            except Refused as refused:
                if refused.problem.get("type") != "/problems/cursor-unusable":
                    raise
                with self.db:
                    self._begin_again("send" if refused.problem["reason"] == "restored" else "drop")
                continue
            more = page["more"]
            with self.db:
                if not self.get("cursor"):
                    self.set("missing", self.get("missing") or "drop")
                self.db.executemany("INSERT INTO arrived (change) VALUES (?)", [[json.dumps(change)] for change in page["changes"]])
                self.set("cursor", page["cursor"])
                if not more:
                    self._apply()
                    self.set("tick", str(page["tick"]))

    def _begin_again(self, missing: str) -> None:
        """From an empty cursor. What we hold and what does not come is then to `drop`, or to `send`: the server lost it."""
        self.db.execute("DELETE FROM arrived")
        self.set("cursor", "")
        if self.get("missing") != "send":
            self.set("missing", missing)
        if missing == "send":  # what was acknowledged may be lost, too
            self.db.execute("UPDATE outbox SET state = 'unsent' WHERE state = 'sent'")

    def _apply(self) -> None:
        """What arrived, in order: over several pages a record may come twice, and the later word counts."""
        missing, came = self.get("missing"), set[tuple[str, str]]()
        for (text,) in self.db.execute("SELECT change FROM arrived ORDER BY n").fetchall():
            change = json.loads(text)
            key = change["kind"], change["id"]
            came.add(key)
            if change["op"] == "upsert":
                if missing == "send":
                    self._send_if_newer(change["kind"], change["id"], change["rev"])
                self._put(change["kind"], change["doc"])
            else:  # the copy goes, an unsent edit stays in the outbox
                self.db.execute("DELETE FROM record WHERE kind = ? AND id = ?", key)
            self.db.execute("DELETE FROM outbox WHERE kind = ? AND id = ? AND state = 'held'", key)
        edited = {(op["kind"], op["id"]) for op in self._edits("unsent")}
        for key in self.db.execute("SELECT kind, id FROM record ORDER BY kind").fetchall() if missing else ():
            if missing == "send" and key not in came:
                self._send_if_newer(key[0], key[1], None)
            if key not in came and (missing == "send" or key not in edited):
                self.db.execute("DELETE FROM record WHERE kind = ? AND id = ?", key)
        for seq, kind, record_id, result in self.db.execute("SELECT seq, kind, id, result FROM outbox WHERE state = 'sent'").fetchall():
            if self._lost((kind, record_id), json.loads(result), came):
                self.db.execute("UPDATE outbox SET state = 'unsent' WHERE seq = ?", [seq])
        self.db.execute("DELETE FROM outbox WHERE state = 'sent'")
        self.db.execute("DELETE FROM arrived")
        self.set("missing", "")

    def _lost(self, key: tuple[str, str], result: dict[str, Any], came: Collection[tuple[str, str]]) -> bool:
        """Stored, as the server said, and yet we are level without it: it came back from a backup, and our cursor is from before that."""
        held = next((rev for (rev,) in self.db.execute("SELECT rev FROM record WHERE kind = ? AND id = ?", key)), None)
        return result["outcome"] == "applied" and (key not in came if held is None else held < result["rev"])

    def _send_if_newer(self, kind: str, record_id: str, rev: int | None) -> None:
        """Where the server has an older revision than we, or none, it lost ours. It passes over the members that it sets itself."""
        for our_rev, doc in self.db.execute("SELECT rev, doc FROM record WHERE kind = ? AND id = ?", [kind, record_id]).fetchall():
            if kind not in READ_ONLY and our_rev > (rev or 0):
                self._add(kind, record_id, rev, doc=json.loads(doc))

    def _put(self, kind: str, doc: dict[str, Any]) -> None:
        self.db.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?)", [kind, doc["id"], doc["rev"], json.dumps(doc)])

    def agrees(self) -> bool:
        """Whether we hold what we should; true as well where that can't be told now. (The county names a township: `place_id`.)"""
        try:
            theirs = self._call("GET", "/v1/sync/digest")
        except Refused as refused:
            if refused.status == 422:  # the county has to name a township
                return True
            raise
        if str(theirs["tick"]) != self.get("tick") or self.unsent():
            return True
        return bool(theirs["kinds"] == {kind: self.digest(kind) for kind in theirs["kinds"]})

    def digest(self, kind: str) -> dict[str, int]:
        rows = self.db.execute("SELECT id, rev FROM record WHERE kind = ?", [kind]).fetchall()
        return {"count": len(rows), "sum": sum(int(sha256(f"{i}:{rev}".encode()).hexdigest()[:12], 16) for i, rev in rows) % 2**48}


def patiently(phone: Phone) -> None:
    """Syncs; after a failure that may pass, again."""
    for pause in (1, 5, 20, 60):
        try:
            return phone.sync()
        except httpx.TransportError:
            time.sleep(pause)
        except Refused as refused:
            if refused.status not in (408, 429, 502, 503, 504):
                raise
            time.sleep(refused.problem.get("retry_after", pause))
    return phone.sync()


def main() -> None:
    options = argparse.ArgumentParser(description="Logs a visit without a network, and syncs.")
    options.add_argument("--base", default="http://127.0.0.1:8000")
    options.add_argument("--user", required=True)
    options.add_argument("--password", required=True)
    options.add_argument("--store", default="phone.db", help="the SQLite file; one for each user")
    asked = options.parse_args()
    phone = Phone(asked.base, asked.store)
    phone.sign_in(asked.user, asked.password)
    patiently(phone)

    def say(when: str) -> None:
        print(f"{when}: {len(phone.shown('household'))} households, {len(phone.shown('visit'))} visits, {phone.unsent()} edits unsent")

    say("first sync")
    today, household = datetime.now().astimezone().date(), next(iter(phone.shown("household")))
    visit = phone.create("visit", household_id=household, visited_on=today.isoformat(), outcome="met", notes="老人精神好")
    phone.edit("visit", visit, notes="老人精神好，想问问养老金")
    say("visited, without a network")
    patiently(phone)
    say("synced")
    print(f"the server has revision {phone.shown('visit')[visit]['rev']}; it agrees: {phone.agrees()}; to show: {phone.to_show()}")


if __name__ == "__main__":
    main()

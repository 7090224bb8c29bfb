"""Phones that never stop working: each a thread with the plain client (examples/phone.py) and a store of its own, which makes every kind
of write, by push and by REST, from a seed; and the file of what they were told, which the auditor holds the database to."""

import json
import random
import socket
import sqlite3
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4, uuid5

import httpx

from api import demo, demo_money
from api.rules.attendance import NAMESPACE
from examples.phone import Phone, Refused
from prove.service import TODAY

Doc = dict[str, Any]
DAY = date.fromisoformat(TODAY)
BATCH = 12  # writes between two pushes
PATIENCE = 120  # seconds in which what was disturbed has to be well again
# Every kind that a phone or an office writes: each has to be acknowledged at least once, or a proof has proved nothing
KINDS = (
    *("household", "person", "visit", "follow_up", "checkup_session", "attendance", "consent", "residence", "activation_card"),
    *("charge", "payment", "refund", "counting", "deposit", "receipt_book"),
)


class Journal:
    """What was acknowledged, one JSON object a line, on disk before the next push; and what was seen meanwhile, counted."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock, self._out = path, threading.Lock(), path.open("a", encoding="utf-8")
        self.acknowledged = Counter[tuple[str, str]]()  # by kind and outcome
        self.statuses, self.faults = Counter[int](), list[str]()
        self.cut = 0  # calls that ended without a reply

    def note(self, *lines: Doc) -> None:
        with self._lock:
            for line in lines:
                self._out.write(json.dumps(line, ensure_ascii=False) + "\n")
                if "outcome" in line:
                    self.acknowledged[line["kind"], line["outcome"]] += 1
            self._out.flush()

    def saw(self, reply: httpx.Response) -> None:
        """Of all replies: a 5xx is a 503 that says when to come again."""
        with self._lock:
            self.statuses[reply.status_code] += 1
            if reply.status_code >= 500 and not (reply.status_code == 503 and "retry-after" in reply.headers):
                self.faults.append(f"{reply.request.method} {reply.request.url.path} answered {reply.status_code}")

    def fault(self, said: str) -> None:
        with self._lock:
            self.faults.append(said)

    def lost(self) -> None:
        with self._lock:
            self.cut += 1

    @property
    def told(self) -> int:
        return self.acknowledged.total()


class Worker(Phone):
    """`bases`: the servers that it may turn to; with each round it takes another. `cuts`: how often the line breaks during a push."""

    cuts = 0.0

    def __init__(self, bases: list[str], folder: Path, username: str, journal: Journal, rng: random.Random) -> None:
        super().__init__(rng.choice(bases), str(folder / f"{username}.db"))
        self.bases, self.username, self.journal, self.rng = bases, username, journal, rng
        self.http.event_hooks["response"].append(journal.saw)
        self._seen = 0
        if not self.get("access_token"):
            self.sign_in(username, demo.PASSWORD)
        self.me: Doc = self._call("GET", "/v1/me")

    def _call(self, method: str, path: str, again: bool = True, **options: Any) -> Any:
        """Now and then the line breaks first, while the same is sent or answered: nobody hears what became of it."""
        if path == "/v1/sync/push" and self.rng.random() < self.cuts:
            self._cut(options["content"])
        return super()._call(method, path, again, **options)

    def _cut(self, body: bytes) -> None:
        url = self.http.base_url
        head = f"POST /v1/sync/push HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {self.get('access_token')}\r\n"
        head += f"Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
        request = head.encode() + body
        with socket.create_connection((url.host, url.port or 80), timeout=30) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # torn off, not closed
            if self.rng.random() < 0.3:
                line.sendall(request[: self.rng.randrange(len(request))])
            else:
                line.sendall(request)
                if self.rng.random() < 0.7:
                    line.recv(self.rng.randrange(1, 2000))
        self.journal.lost()

    # What the service says is noted before anything else is sent

    def _settle(self, seq: int, op: Doc, result: Doc) -> None:
        mended = result.get("doc") or {}
        said = {name: mended.get(name, value) for name, value in op.get("doc", {}).items()}
        line = {name: result.get(name) for name in ("outcome", "rev")} | {"kind": op["kind"], "id": op["id"], "doc": said}
        self.journal.note(line | {"device": self.get("device_id")})
        super()._settle(seq, op, result)

    def pull(self) -> None:
        super().pull()
        tick = int(self.get("tick", "0"))
        if tick < self._seen:
            self.journal.fault(f"{self.username} read tick {tick} after {self._seen}")
        self._seen = tick
        self.journal.note({"tick": tick})

    # One write after the other

    def work(self, stop: threading.Event) -> None:
        """Until told to stop. A call that fails is made again, as an app does it."""
        while not stop.is_set():
            self.http.base_url = httpx.URL(self.rng.choice(self.bases))
            try:
                for _ in range(BATCH):
                    self._one()
                self.push()
                if self.rng.random() < 0.3:
                    self.pull()
            except httpx.HTTPError:
                self.journal.lost()
                stop.wait(0.1)
            except Refused as refused:
                if refused.status not in (401, 403, 404, 409, 412, 422, 429, 503):
                    self.journal.fault(f"{self.username} was refused with {refused.status}")
                stop.wait(min(1, refused.problem.get("retry_after", 0.1)))

    def _one(self) -> None:
        household, person = self._some("household"), self._some("person")
        if household and person:
            self.rng.choice(self._writes())(household, person)

    def _writes(self) -> tuple[Callable[[Doc, Doc], object], ...]:
        return (
            *(self._visit, self._visit, self._edit_visit, self._void_visit, self._follow_up, self._follow_up_done),
            *(self._new_household, self._new_person, self._phone, self._goes_to, self._moves, self._asks, self._consents),
            *(self._residence, self._binds, self._charge, self._pays, self._pays, self._refund, self._counting, self._session),
            *(self._visit_online, self._phone_online, self._charge_online),
        )

    def _some(self, kind: str, where: Callable[[Doc], bool] = lambda doc: True) -> Doc:
        """A record that the phone shows, drawn by chance; an empty one where there is none."""
        docs = [doc for doc in self.shown(kind).values() if where(doc)]
        return self.rng.choice(docs) if docs else {}

    def create_as(self, kind: str, record_id: str, **doc: Any) -> None:
        with self.db:
            self._add(kind, record_id, None, doc=doc)

    def _day(self) -> str:
        return (DAY - timedelta(days=self.rng.randrange(900))).isoformat()

    def _words(self) -> str:
        return f"记{self.rng.randrange(10**6)}"

    def _visit(self, household: Doc, person: Doc) -> None:
        self.create("visit", household_id=household["id"], visited_on=self._day(), outcome="met", notes=self._words())

    def _edit_visit(self, household: Doc, person: Doc) -> None:
        if visit := self._some("visit", lambda doc: doc["outcome"] == "met"):
            self.edit("visit", visit["id"], notes=self._words(), manner=self.rng.choice(["home", "phone", "office"]))

    def _void_visit(self, household: Doc, person: Doc) -> None:
        if (visit := self._some("visit")) and self.rng.random() < 0.3:
            self.void("visit", visit["id"], "重复登记")

    def _follow_up(self, household: Doc, person: Doc) -> None:
        due = (DAY + timedelta(days=self.rng.randrange(60))).isoformat()
        self.create("follow_up", household_id=household["id"], reason="elder_care", words=self._words(), due_on=due)

    def _follow_up_done(self, household: Doc, person: Doc) -> None:
        if task := self._some("follow_up", lambda doc: doc.get("status", "open") == "open"):
            self.edit("follow_up", task["id"], status="done")

    def _new_household(self, household: Doc, person: Doc) -> None:
        """Sometimes its person and a visit come before it."""
        made = [str(uuid4()), str(uuid4())]
        first = self.rng.random() < 0.5
        if first:
            self.create_as("person", made[1], household_id=made[0], name="王小雨", born_on="1990-01-01")
            self.create_as("visit", str(uuid4()), household_id=made[0], visited_on=self._day(), outcome="absent")
        self.create_as("household", made[0], place_id=household["place_id"], number=uuid4().hex[:12], address="村东头")
        if first:
            self.edit("household", made[0], head_id=made[1])

    def _new_person(self, household: Doc, person: Doc) -> None:
        born = f"19{self.rng.randrange(40, 99)}-0{self.rng.randrange(1, 9)}-11"
        self.create("person", household_id=household["id"], name=self.rng.choice(["张三", "李明", "欧阳小兰"]), born_on=born)

    def _phone(self, household: Doc, person: Doc) -> None:
        self.edit("person", person["id"], phones=[f"138{self.rng.randrange(10**8):08}"])

    def _goes_to(self, household: Doc, person: Doc) -> None:
        self.edit("person", person["id"], household_id=household["id"])

    def _moves(self, household: Doc, person: Doc) -> None:
        places = [doc["place_id"] for doc in self.shown("place").values() if doc["level"] == "group"]
        if places:
            self.edit("household", household["id"], place_id=self.rng.choice(places))

    def _asks(self, household: Doc, person: Doc) -> None:
        programme, state = str(demo.programmes()[1]["id"]), self.rng.choice(["invited", "confirmed", "declined", "elsewhere"])
        session = self._some("checkup_session", lambda doc: doc["programme_id"] == programme)
        if session:
            asked: Doc = {"programme_id": programme, "round": 1, "person_id": person["id"], "session_id": session["id"], "state": state}
            self.create_as("attendance", str(uuid5(NAMESPACE, f"{programme}:1:{person['id']}")), **asked)

    def _consents(self, household: Doc, person: Doc) -> None:
        act, at = self.rng.choice(["given", "withdrawn"]), datetime.now(UTC).isoformat(timespec="milliseconds")
        said = {"person_id": person["id"], "purpose": self.rng.choice(["contact", "share_contact", "share_services"]), "act": act}
        self.create("consent", **said, acted_at=f"{TODAY}{at[10:]}", text_version="2026-1", through="guardian")

    def _residence(self, household: Doc, person: Doc) -> None:
        """Half of them anew, half of them edits; some answer what the other side said."""
        if self.rng.random() < 0.5 and (known := self._some("residence")):
            self.edit("residence", known["id"], comes_home_on=f"2027-0{self.rng.randrange(1, 9)}-03")
            return
        asked = self._some("residence_proposal", lambda doc: doc.get("status") == "waiting") if self.rng.random() < 0.3 else {}
        pair, side = (asked["id"], asked["side"]) if asked else (str(uuid4()), self.rng.choice(["registration", "residence"]))
        other = self.rng.choice([place["code"] for place in demo.places() if place["level"] == "township"])
        far = {"living_in" if side == "registration" else "registered_in": other}
        said: Doc = {"residence_id": pair, "side": side, "person_id": person["id"], "since_on": "2026-03-01", **far}
        self.create_as("residence", str(uuid5(NAMESPACE, f"{pair}:{side}")), **said)

    def _binds(self, household: Doc, person: Doc) -> None:
        card, head = self._some("activation_card", lambda doc: doc["status"] in ("printed", "bound")), household.get("head_id")
        if card and head:
            self.edit("activation_card", card["id"], person_id=head)

    def _charge(self, household: Doc, person: Doc) -> None:
        due: Doc = {"fee_item_id": str(demo_money.FEE_ITEM), "household_id": household["id"], "amount_fen": demo_money.FEE_FEN}
        self.create("charge", **due, due_on=f"2027-{self.rng.randrange(1, 13):02}-01")

    def _pays(self, household: Doc, person: Doc) -> None:
        self.create("payment", household_id=household["id"], amount_fen=self.rng.randrange(1, 9000), paid_on=TODAY)

    def _refund(self, household: Doc, person: Doc) -> None:
        if paid := self._some("payment"):
            fen = self.rng.randrange(1, 1 + paid["amount_fen"])
            self.create("refund", household_id=paid["household_id"], payment_id=paid["id"], amount_fen=fen, because="多收了")

    def _counting(self, household: Doc, person: Doc) -> None:
        own = [place["place_id"] for place in self.me["places"]]
        said: Doc = {"place_id": own[0], "worker_id": self.me["id"], "amount_fen": self.rng.randrange(1, 9000)}
        self.create("counting", **said, counted_on=TODAY)

    def _session(self, household: Doc, person: Doc) -> None:
        own = [place["place_id"] for place in self.me["places"]]
        if self.rng.random() < 0.2:
            said: Doc = {"place_id": own[0], "programme_id": str(demo.programmes()[1]["id"]), "round": 1, "capacity": 5}
            self.create("checkup_session", **said, held_on="2026-12-20", venue="村卫生室")
        elif session := self._some("checkup_session", lambda doc: doc["place_id"] in own):
            self.edit("checkup_session", session["id"], capacity=self.rng.randrange(1, 50))

    # Online. What got no answer is sent again with the same id until it has one

    def _post(self, kind: str, plural: str, **doc: Any) -> None:
        body = {"id": str(uuid4()), **doc}
        for _ in range(20):
            try:
                self._call("POST", f"/v1/{plural}", params={"confirm": True}, json=body)
            except httpx.HTTPError:
                self.journal.lost()
                time.sleep(0.2)
            else:
                said = {name: value for name, value in body.items() if name != "id"}
                self.journal.note({"kind": kind, "id": body["id"], "outcome": "applied", "rev": 1, "doc": said, "device": ""})
                return

    def _visit_online(self, household: Doc, person: Doc) -> None:
        self._post("visit", "visits", household_id=household["id"], visited_on=self._day(), outcome="met", notes=self._words())

    def _charge_online(self, household: Doc, person: Doc) -> None:
        item, fen = str(demo_money.FEE_ITEM), demo_money.FEE_FEN
        self._post("charge", "charges", fee_item_id=item, household_id=household["id"], amount_fen=fen, due_on="2027-12-31")

    def _phone_online(self, household: Doc, person: Doc) -> None:
        self._patch("household", household, phones=[f"139{self.rng.randrange(10**8):08}"])

    def _patch(self, kind: str, record: Doc, **members: Any) -> None:
        if "rev" in record:
            made = self._call("PATCH", f"/v1/{kind}s/{record['id']}", json=members, headers={"If-Match": f'"{record["rev"]}"'})
            line = {"kind": kind, "id": record["id"], "outcome": "applied", "rev": made["rev"], "doc": members, "device": ""}
            self.journal.note(line)

    # Once all is quiet

    def comes_to_rest(self) -> Iterator[str]:
        """Everything goes out and comes in. What is wrong then."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                self.push()
                self.pull()
            except httpx.HTTPError:
                time.sleep(0.2)
            except Refused as refused:
                if refused.status != 503:
                    yield f"{self.username} was refused with {refused.status} at rest"
                    return
                time.sleep(0.5)
            else:
                if not self.unsent():
                    return
        yield f"{self.username} did not come to rest"

    def agrees_with_the_server(self) -> Iterator[str]:
        """Nobody writes any more: what the phone holds is, by the digest, what it should hold, and nothing waits in vain."""
        end = time.monotonic() + PATIENCE
        while True:
            self.pull()
            theirs = self._call("GET", "/v1/sync/digest")
            if str(theirs["tick"]) == self.get("tick"):
                break
            if time.monotonic() > end:
                yield f"{self.username} is at tick {self.get('tick')}, the server at {theirs['tick']}"
                break
            time.sleep(0.5)  # a file is being imported, or a letter delivered
        for kind, said in theirs["kinds"].items():
            if said != self.digest(kind):
                yield f"{self.username} holds {self.digest(kind)} of {kind}, the server says {said}"
        here = {record_id for (record_id,) in self.db.execute("SELECT id FROM record WHERE kind = 'household'")}
        waiting = [op for op in self._edits("held") if op["kind"] == "visit" and op["doc"]["household_id"] in here]
        if waiting:
            yield f"{len(waiting)} visits of {self.username} still wait for a household that is here"


class Lead(Worker):
    """Of a group's lead household: visits and follow-ups."""

    def _one(self) -> None:
        if household := self._some("household"):
            self.rng.choice((self._visit, self._edit_visit, self._follow_up, self._follow_up_done))(household, {})


class Officer(Worker):
    """Of a township: approves, counts in, deposits, prints cards, imports registers, moves households, and lends villages."""

    def _writes(self) -> tuple[Callable[[Doc, Doc], object], ...]:
        return (
            *(
                self._approves,
                self._confirms,
                self._deposit,
                self._prints,
                self._imports,
                self._book,
                self._waives,
                self._moves,
                self._moves,
            ),
            *(self._follow_up, self._phone_online, self._void_charge, self._joins, self._lends),
        )

    def _deposit(self, household: Doc, person: Doc) -> None:
        fen, number = self.rng.randrange(1, 9000), uuid4().hex[:12]
        self.create("deposit", place_id=self._own, amount_fen=fen, deposited_on=TODAY, bank_reference=number)

    @property
    def _own(self) -> int:
        return int(self.me["places"][0]["place_id"])

    def _village(self) -> Doc:
        return self._some("place", lambda doc: doc["level"] == "village")

    def _lends(self, household: Doc, person: Doc) -> None:
        """A village to somebody of another one, or takes it back: whatever that phone sends of it then goes to the officer."""
        helper = next(user for user in demo.users() if user["username"] == "worker-3")
        own, village = self.shown("place").get(str(helper["places"][0])), self._village()
        if own and village and village["place_id"] != own["place_id"]:
            path = f"/v1/users/{helper['id']}/places"
            if self.rng.random() < 0.6:
                self._call("POST", path, json={"place_id": village["place_id"], "reach": "below"})
            else:
                self._call("POST", f"{path}/{village['place_id']}/revoke")

    def _approves(self, household: Doc, person: Doc) -> None:
        if refund := self._some("refund", lambda doc: doc.get("status") == "proposed"):
            self._call("POST", f"/v1/refunds/{refund['id']}/{self.rng.choice(['approve', 'decline'])}")

    def _confirms(self, household: Doc, person: Doc) -> None:
        if counting := self._some("counting", lambda doc: doc.get("status") == "proposed"):
            self._call("POST", f"/v1/countings/{counting['id']}/{self.rng.choice(['confirm', 'confirm', 'dispute'])}")

    def _waives(self, household: Doc, person: Doc) -> None:
        if charge := self._some("charge", lambda doc: doc.get("status") == "open"):
            self._call("POST", f"/v1/charges/{charge['id']}/waive", json={"because": "五保户"})

    def _void_charge(self, household: Doc, person: Doc) -> None:
        if charge := self._some("charge", lambda doc: doc.get("status") == "open"):
            self.void("charge", charge["id"], "重复登记")

    def _prints(self, household: Doc, person: Doc) -> None:
        if (village := self._village()) and self.rng.random() < 0.2:
            printing = {"place_id": village["place_id"], "count": 3}
            self.http.post("/v1/activation-cards/print", json=printing).read()

    def _book(self, household: Doc, person: Doc) -> None:
        if village := self._village():
            first = self.rng.randrange(1, 10**8)
            said = {"device_id": str(uuid4()), "series": "急", "first_number": first, "last_number": first + 9}
            self._post("receipt_book", "receipt-books", place_id=village["place_id"], **said)

    def _imports(self, household: Doc, person: Doc) -> None:
        """Sends a register, or confirms the last; undoes one now and then."""
        listed = self._call("GET", "/v1/imports")["items"]
        for item in listed[:1]:
            if item["state"] == "ready":
                self._call("POST", f"/v1/imports/{item['id']}/confirm")
            elif item["state"] == "done" and self.rng.random() < 0.2:
                self._call("POST", f"/v1/imports/{item['id']}/undo")
        if self.rng.random() < 0.3 and (village := self._village()):
            rows = [f"{village['name']},,{uuid4().hex[:10]},村东头,15400001234,在家" for _ in range(20)]
            body = "\n".join(["村,组,户号,住址,联系电话,状态", *rows]).encode()
            query = {"kind": "households", "file_name": "户册.csv"}
            self._call("POST", "/v1/imports", params=query, content=body, headers={"Content-Type": "text/csv"})

    def _joins(self, household: Doc, person: Doc) -> None:
        if self.rng.random() < 0.2 and (other := self._some("person", lambda doc: doc["id"] != person["id"])):
            self._call("POST", f"/v1/people/{person['id']}/join", json={"into_id": other["id"]})


class Crowd:
    """The phones, at work until they are told to stop."""

    def __init__(self, bases: list[str], folder: Path, journal: Journal, seed: int, names: tuple[str, ...], cuts: float = 0) -> None:
        self._stop, self.journal, self._bases, self._folder = threading.Event(), journal, bases, folder
        self._threads = [threading.Thread(target=self._work, args=(name, seed), name=name) for name in names]
        self._cuts = cuts
        folder.mkdir(exist_ok=True)

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, name: str, seed: int) -> None:
        """From the store on, as after a restart of the app; a sign-in that fails is tried again."""
        rng = random.Random(f"{seed}:{name}")
        while not self._stop.is_set():
            try:
                worker = opened(name, self._bases, self._folder, self.journal, rng)
                worker.cuts = self._cuts
                if not worker.get("cursor"):
                    worker.pull()
                worker.work(self._stop)
            except (httpx.HTTPError, Refused, sqlite3.OperationalError):
                self._stop.wait(0.3)
            except Exception as error:  # noqa: BLE001 - a thread that dies in silence would prove nothing
                self.journal.fault(f"{name} fell over: {type(error).__name__} {error}")
                return

    def wait_for(self, writes: int, seconds: float = 180) -> None:
        """Until so many more were acknowledged."""
        wanted, end = self.journal.told + writes, time.monotonic() + seconds
        while self.journal.told < wanted and any(thread.is_alive() for thread in self._threads):
            if time.monotonic() > end:
                self.journal.fault(f"{wanted - self.journal.told} of {writes} writes were not acknowledged within {seconds} seconds")
                return
            time.sleep(0.02)


def opened(name: str, bases: list[str], folder: Path, journal: Journal, rng: random.Random) -> Worker:
    return {"township": Officer, "lead": Lead}.get(name.split("-", maxsplit=1)[0], Worker)(bases, folder, name, journal, rng)


def at_rest(names: tuple[str, ...], base: str, folder: Path, journal: Journal) -> list[str]:
    """All phones send and fetch what is left, one after the other; then each is compared with the server."""
    workers = [opened(name, [base], folder, journal, random.Random(0)) for name in names]
    wrong = [said for worker in workers for said in worker.comes_to_rest()]
    return wrong + [said for worker in workers for said in worker.agrees_with_the_server()]

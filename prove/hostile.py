"""What is sent to break it, over raw sockets to a server process of its own. After each proof: the server lives and serves, its memory has
not grown past a bound, no status was a 5xx but a 503, nothing was logged as an error, and no refusal says back what was sent."""

import base64
import gzip
import json
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jose import jws, jwt

from api.tokens import AUDIENCE, ISSUER, LETTER, TYPE
from prove.service import Service, serving, token
from prove.table import Row

MARK = b"jihao7351"  # stands in what is sent, and never in a refusal
KEPT_MB, PEAK_MB = 64, 256  # how far memory may grow: afterwards, and meanwhile (two passwords at a time take 64 MB each)
AT_ONCE, FUZZED, PATIENCE = 16, 3000, 60
POOL = 10  # connections to PostgreSQL, which are files too
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
Sent = tuple[str, bytes]


class Target:
    """The server, what it answered, and what was wrong with that."""

    def __init__(self, service: Service, port: int, seed: int) -> None:
        self.service, self.port, self.base, self.chance = service, port, f"http://127.0.0.1:{port}", random.Random(seed)
        self.pid = service.servers[port].pid
        self.token = token(self.base, "worker-1")
        self.statuses, self.wrong = Counter[str](), list[str]()
        headers = {"Authorization": f"Bearer {self.token}"}
        household = httpx.get(f"{self.base}/v1/households?limit=1", headers=headers).json()["items"][0]
        self.visit = {"household_id": household["id"], "visited_on": "2026-11-20", "outcome": "met", "notes": MARK.decode()}

    def megabytes(self, what: str) -> int:
        """VmRSS: what it holds now; VmHWM: the most that it held since `forget`."""
        said = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(said[1]) // 1024 if said else 0

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def forget(self) -> None:
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def request(self, method: str, path: str, body: bytes = b"", media_type: str = "application/json", extra: bytes = b"") -> bytes:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\nContent-Type: {media_type}\r\n"
        return head.encode() + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def send(self, data: bytes, patience: float) -> bytes:
        """Until the reply is whole, the line is shut, or nothing has come for so long."""
        reply = b""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=10) as line:
            with suppress(TimeoutError, ConnectionError):
                line.sendall(data)
            line.settimeout(patience)
            with suppress(TimeoutError, ConnectionError):
                while piece := line.recv(65536):
                    reply += piece
                    if _whole(reply) and len(STATUS.findall(reply)) >= data.count(b"HTTP/1.1"):
                        break
        return reply

    def judge(self, name: str, data: bytes, reply: bytes) -> None:
        """What no reply may be."""
        for status in map(bytes.decode, STATUS.findall(reply)):
            self.statuses[f"{status[0]}xx" if status != "503" else status] += 1
            if status[0] == "5" and (status != "503" or b"retry-after" not in reply.lower()):
                self.wrong.append(f"{name}: {status} to {data[:120]!r}")
        if reply[9:10] in (b"4", b"5") and MARK in reply:
            self.wrong.append(f"{name}: says back what was sent: {reply[-200:]!r}")
        if not reply:
            self.statuses["none"] += 1

    def send_all(self, cases: Iterable[Sent], patience: float) -> int:
        cases = list(cases)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for (name, data), reply in zip(cases, pool.map(lambda case: self.send(case[1], patience), cases), strict=True):
                self.judge(name, data, reply)
        return len(cases)


def _whole(reply: bytes) -> bool:
    head, found, body = reply.rpartition(b"HTTP/1.1 ")[2].partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head.lower())
    return bool(found) and length is not None and len(body) >= int(length[1])


@contextmanager
def shown(target: Target, proof: str, did: str, rows: list[Row]) -> Iterator[dict[str, int]]:
    """What the body does is one row: `counted` takes how much it sent."""
    begun, counted = time.monotonic(), dict[str, int]()
    target.statuses.clear()
    target.wrong.clear()
    errors, before = len(target.service.errors()), target.megabytes("VmRSS")
    target.forget()
    try:
        yield counted
        kept, peak = target.megabytes("VmRSS") - before, target.megabytes("VmHWM") - before
        counted |= {"MB kept": max(0, kept), "MB at the most": max(0, peak)}
        if kept > KEPT_MB or peak > PEAK_MB:
            target.wrong.append(f"memory grew by {kept} MB, meanwhile by {peak} MB")
        well = httpx.get(f"{target.base}/v1/visits?limit=1", headers={"Authorization": f"Bearer {target.token}"}, timeout=20)
        if well.status_code != 200:
            target.wrong.append(f"afterwards a reader was answered {well.status_code}")
    except (OSError, httpx.HTTPError) as error:
        target.wrong.append(f"it is dead: {type(error).__name__}: {error}")
    target.wrong += target.service.errors()[errors:]
    rows.append(Row(proof, did, counted | dict(sorted(target.statuses.items())), list(target.wrong), time.monotonic() - begun))
    rows[-1].show()


def proofs(folder: Path, seed: int) -> list[Row]:
    rows: list[Row] = []
    with serving(folder / "hostile") as service:
        target = Target(service, service.start_server(), seed)
        target.send_all([("warm", target.request("GET", "/v1/visits")), ("warm", target.request("POST", "/v1/visits", b"{}"))] * 50, 30)
        slow = _slow_begins(target)
        for proof, did, cases, patience in (
            ("random bytes", "on a fresh line each", _noise(target), 0.5),
            ("mutated requests", "valid ones with bytes flipped, cut, doubled and swapped", _mutated(target), 0.5),
            ("mutated JSON", "valid documents with one value of the wrong kind", _documents(target), 30),
            ("bad JSON", "depth, numbers, NUL, half characters, doubled members, broken UTF-8", _bad_json(target), 30),
            ("compressed bodies", "gzip bombs, broken and endless gzip", _compressed(target), 30),
            ("header games", "many, long, folded, bare LF, odd URIs and methods", _headers(target), 0.5),
        ):
            with shown(target, f"hostile: {proof}", did, rows) as counted:
                counted["sent"] = target.send_all(cases, patience)
                if patience > 1 and target.statuses["none"]:
                    target.wrong.append(f"{target.statuses['none']} whole requests had no answer")
        _smuggled(target, rows)
        _floods(target, rows)
        _tokens(target, rows)
        _slow_ends(target, rows, slow)
    return rows


# Bytes


def _noise(target: Target) -> Iterator[Sent]:
    chance = target.chance
    for n in range(FUZZED):
        begins = chance.choice(
            [b"", b"", b"GET / HTTP/1.1\r\n", b"POST /v1/visits HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01", b"PRI * HTTP/2.0\r\n"]
        )
        yield f"noise {n}", begins + MARK + chance.randbytes(chance.randrange(2000))


CHUNKED = b"POST /v1/visits HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def _valid(target: Target) -> list[bytes]:
    op = {"kind": "visit", "id": str(uuid4()), "base_rev": None, "at": "2026-11-23T09:12:00.120Z", "doc": target.visit}
    push = json.dumps({"ops": [op, {**op, "id": str(uuid4()), "kind": "follow_up"}]}).encode()
    form = b"grant_type=refresh_token&refresh_token=1." + b"A" * 43
    one = f"/v1/visits/{uuid4()}"
    return [
        target.request("POST", "/v1/visits?confirm=true", json.dumps(target.visit).encode()),
        target.request("POST", "/v1/sync/push", push),
        target.request("POST", "/v1/sync/push", gzip.compress(push), extra=b"Content-Encoding: gzip\r\n"),
        target.request("POST", "/v1/auth/token", form, "application/x-www-form-urlencoded"),
        target.request("PATCH", one, b'{"notes": "x"}', "application/merge-patch+json", b'If-Match: "1"\r\n'),
        target.request("GET", "/v1/visits?limit=5&visited_from=2026-01-01&place_id=6"),
        target.request("GET", "/v1/sync/pull?cursor=&limit=5&kinds=visit,household"),
        target.request("GET", "/v1/people?q=zhang"),
        target.request("POST", one + "/void", b'{"reason": "x"}'),
        target.request("PUT", f"/v1/people/{uuid4()}/identity-number", b'{"number": "11010519491231002X"}'),
        target.request("POST", "/v1/auth/activate", b'{"card_number": "9901010036", "code": "1", "password": "x"}'),
        CHUNKED + b"5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
    ]  # fmt: skip


def _mutated(target: Target) -> Iterator[Sent]:
    """Either the head, or the body under a length that is right again; the token stays whole, or nothing but it would be tried."""
    chance, secret = target.chance, target.token.encode()
    valid = [data.replace(secret, b"@TOKEN@").partition(b"\r\n\r\n") for data in _valid(target)]
    for n in range(FUZZED):
        head, end, body = chance.choice(valid)
        if body and chance.random() < 0.7:
            body = _broken(chance, body)
            head = re.sub(rb"Content-Length: \d+", b"Content-Length: %d" % len(body), head)
        else:
            head = _broken(chance, head)
        yield f"mutation {n}", (head + end + body).replace(b"@TOKEN@", secret)


def _broken(chance: random.Random, whole: bytes) -> bytes:
    data = bytearray(whole)
    for _ in range(chance.choice((1, 1, 1, 2, 5, 20))):
        at, other = chance.randrange(len(data)), chance.randrange(len(data))
        size = min(chance.choice((1, 1, 2, 8, 64)), len(data) - at)
        what = chance.randrange(6)
        if what == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            data[at : at + size] = chance.randbytes(size)
        elif what == 2 and len(data) > size + 1:
            del data[at : at + size]
        elif what == 3:
            data[at:at] = data[at : at + size] * chance.choice((1, 2, 50))
        elif what == 4:
            data[at:at] = chance.choice((b"\x00", b"\r\n", b"\n", b" ", b"%00", b"\xff", b"%ff", b'"', b"\\u0000", b"9" * 30, MARK))
        else:
            data[at], data[other] = data[other], data[at]
    return bytes(data)


# JSON

VALUES = (
    *("null", "true", "-1", "0", "9223372036854775808", "1e400", "-0.0", "1.5", "9" * 4000, '""', '"\\u0000"', '"\\ud800"'),
    *("[]", "{}", "[null]", "[[[[]]]]", "[" * 900 + "]" * 900, '{"a":' * 400 + "1" + "}" * 400, "NaN", "Infinity", "2026-11-20"),
    *('"\\udfff\\ud800"', '"2026-02-30"', '"0000-00-00"', '"10000-01-01"', '"2026-11-20T25:61:61Z"'),
    *('"00000000-0000-0000-0000-000000000000"', '"%00"', '"\\\\"', '["' + "a" * 9000 + '"]'),
    *(f'"{MARK.decode()}"', f'"{"长" * 20000}"', '"\u202e\u200b\ufeff"', '"\'; DROP TABLE visit; --"', '"{{7*7}}"'),
)  # fmt: skip
BODIES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/v1/visits", {"household_id": "", "visited_on": "2026-11-20", "outcome": "met", "purposes": [], "met_ids": []}),
    ("POST", "/v1/households", {"place_id": 6, "number": "1", "address": None, "phones": [], "head_id": None, "status": "away"}),
    ("POST", "/v1/people", {"household_id": "", "name": "王", "sex": 1, "born_on": None, "relation": "head", "phones": []}),
    ("POST", "/v1/follow-ups", {"household_id": "", "reason": "subsidy", "due_on": "2026-12-01", "words": "", "assignee_place_id": 6}),
    ("POST", "/v1/payments", {"household_id": "", "amount_fen": 1, "paid_on": "2026-11-20", "for_charge_ids": [], "receipt_number": 1}),
    ("POST", "/v1/charges", {"household_id": "", "fee_item_id": "", "amount_fen": 6000, "due_on": "2026-12-01", "person_id": None}),
    ("POST", "/v1/attendances", {"programme_id": "", "round": 1, "person_id": "", "session_id": None, "state": "invited"}),
    ("POST", "/v1/residences", {"residence_id": "", "side": "residence", "person_id": "", "registered_in": "", "since_on": "2026-01-01"}),
    ("POST", "/v1/consents", {"person_id": "", "purpose": "contact", "act": "given", "acted_at": "2026-11-20T00:00:00Z"}),
    ("POST", "/v1/auth/password", {"password": "", "new_password": ""}),
    ("POST", "/v1/me/visit-requests", {"words": "", "wished_on": "2026-12-01"}),
)  # fmt: skip


def _documents(target: Target) -> Iterator[Sent]:
    """Each member of each body with each value, over REST and, where a phone may send it, by push."""
    for method, path, body in BODIES:
        doc = {name: target.visit["household_id"] if name == "household_id" else value for name, value in body.items()}
        for name in [*doc, MARK.decode()]:
            for value in target.chance.sample(VALUES, 9):
                text = json.dumps({**doc, name: "@"}, ensure_ascii=False).replace('"@"', value).encode("utf-8", "surrogatepass")
                yield f"{path} {name}", target.request(method, path, text)
                op = json.dumps({"kind": "visit", "id": str(uuid4()), "base_rev": None, "at": "2026-11-23T09:12:00Z", "doc": "@"})
                yield (
                    f"push {name}",
                    target.request("POST", "/v1/sync/push", b'{"ops":[' + op.replace('"@"', text.decode()).encode() + b"]}"),
                )


def _bad_json(target: Target) -> Iterator[Sent]:
    bodies = [
        *(b"", b" ", b"\x00", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{", b"[1", b"nul", b'"', b"{}{}", b"{'a':1}", b'{"a":1,}', b"//\n{}"),
        *(b"[" * n for n in (100, 1000, 60_000)),
        *(b'{"a":' * n for n in (100, 1000, 10_000)),
        *(b'{"ops":' + b"[" * n + b"]" * n + b"}" for n in (30, 1000, 60_000)),
        *(b'{"ops":[' + each + b"]}" for each in (b"1", b"null", b'"' + MARK + b'"', b"{}", b'{"kind":"visit"}', b'{"kind":1,"id":[]}')),
        *(b'{"notes":"' + each + b'"}' for each in (b"\x00", b"\\u0000", b"\\ud800", b"\xed\xa0\x80", b"\xc0\x80", b"\\x", b"\n", MARK)),
        *(b'{"visited_on":"2026-11-20","visited_on":' + each + b"}" for each in (b"1", b"[]", b'"' + MARK + b'"')),
        *(b'{"rev":' + each + b"}" for each in (b"1e309", b"-1e999", b"1" * 50_000, b"0x10", b"01", b".5", b"NaN", b"1e-999")),
        b'{"ops":[' + b",".join([b'{"kind":"visit"}'] * 501) + b"]}",
    ]  # fmt: skip
    for body in bodies:
        for method, path in (
            ("POST", "/v1/visits"),
            ("PATCH", f"/v1/households/{uuid4()}"),
            ("POST", "/v1/sync/push"),
            ("POST", "/v1/users"),
        ):
            yield f"{path} {body[:20]!r}", target.request(method, path, body)


# Compressed


def _compressed(target: Target) -> Iterator[Sent]:
    bomb = gzip.compress(b'{"notes":"' + b"a" * 50_000_000 + b'"}')
    within = gzip.compress(json.dumps(target.visit).encode())
    bodies = [
        bomb,
        gzip.compress(bomb),
        within[:-4],
        within[:15],
        within + MARK,
        within * 2,
        b"",
        b"\x1f\x8b",
        within[:10] + target.chance.randbytes(500),
    ]
    bodies += [within[:10] + b"\x00\x00\x00\xff\xff" * 10_000, gzip.compress(b"[" * 1_000_000)]
    for body in bodies:
        for path in ("/v1/visits", "/v1/sync/push", "/v1/imports?kind=people&file_name=a.csv", "/v1/auth/token"):
            for encoding in (b"gzip", b"gzip, gzip", b"deflate", b"br", MARK):
                kind = "text/csv" if "imports" in path else "application/json"
                yield f"{path} {encoding!r}", target.request("POST", path, body, kind, b"Content-Encoding: " + encoding + b"\r\n")


# HTTP itself


def _headers(target: Target) -> Iterator[Sent]:
    start, end, close = b"GET /v1/visits HTTP/1.1\r\nHost: x\r\n", b"\r\n", b"Connection: close\r\n"
    bearer = b"Authorization: Bearer " + target.token.encode() + b"\r\n"
    for line in (
        *(b"X-A: a\r\n " + MARK, b"X-A\r\n", b": x\r\n", b"X A: 1\r\n", b"X-A : 1\r\n", b"\tX: 1\r\n", b"X-A:\x00\r\n", b"X\x00: 1\r\n"),
        *(b"X-A: \xff\xfe\r\n", b"Host: y\r\n", b"Host: " + MARK + b"/x@y\r\n", b"Expect: 100-continue\r\n", b"Expect: " + MARK + b"\r\n"),
        *(b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n", bearer),
        *(b"X-A: 1\n", b"Cookie: " + MARK * 500 + b"\r\n", b"X-Request-Id: " + MARK + b"\r\n", b"Range: bytes=0-,9-\r\n"),
        *(b"X-Forwarded-For: " + MARK + b"\r\n", b"X-Forwarded-For: 1.2.3.4, " + b"9." * 3000 + b"\r\n"),
        *(b"Accept-Language: " + b"zh;q=0.1," * 3000 + b"\r\n", b"Accept: " + MARK + b"\r\n"),
        *(b"If-Match: " + b'"1",' * 5000 + b"\r\n", b"X-HTTP-Method-Override: DELETE\r\n"),
    ):  # fmt: skip
        yield f"header {line[:30]!r}", start + close + line + end
        yield f"header {line[:30]!r}, signed in", start + close + bearer + line + end
    for uri in (
        *(b"/", b"//", b"*", b"x", b"", b"/\x00", b"/%00", b"/%", b"/%zz", b"/..%2f..%2fetc/passwd", b"/\xff", b"/" + b"a/" * 10_000),
        *(b"/v1/visits?" + b"a=1&" * 9000, b"/v1/visits?limit=" + b"9" * 20_000, b"/v1/sync/pull?cursor=" + b"A" * 3000, b"/r?%00=%ff"),
        *(begin + MARK for begin in (b"http://", b"/v1/visits#", b"/v1/visits/", b"/v1/visits;", b"/v1/visits?cursor=", b"/docs?lang=")),
        *(begin + MARK for begin in (b"/problems/", b"/r/", b"/")),
    ):  # fmt: skip
        for method in (b"GET", b"POST", b"HEAD", b"OPTIONS", b"TRACE", b"CONNECT", b"PROPFIND", MARK, b"get"):
            yield f"{method!r} {uri[:30]!r}", method + b" " + uri + b" HTTP/1.1\r\nHost: x\r\n" + close + bearer + end
    for version in (b"HTTP/0.9", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/9.9", b"http/1.1", b"HTTP/1.1 x", b"", MARK):
        yield f"version {version!r}", b"GET /v1/visits " + version + b"\r\nHost: x\r\n\r\n"


def _smuggled(target: Target, rows: list[Row]) -> None:
    """Where two readers could disagree about where a request ends, a second one hides in the first. It must never be answered as one of
    its own unless this reading is the only one there is: no reply may be to the hidden request."""
    hidden = b"GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n"
    size, start = str(len(hidden)).encode(), b"POST /v1/visits HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    heads: dict[str, bytes] = {
        "two lengths": b"Content-Length: 0\r\nContent-Length: " + size + b"\r\n\r\n",
        "two lengths, the long one first": b"Content-Length: " + size + b"\r\nContent-Length: 0\r\n\r\n",
        "a list of lengths": b"Content-Length: 0, " + size + b"\r\n\r\n",
        "a length and chunks": b"Content-Length: " + size + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "chunks and a length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "chunks, then something": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "x chunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "chunked after a tab": b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "chunked before a colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "a folded header": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: " + size + b"\r\n\r\n0\r\n\r\n",
        "a bare LF": b"X: y\nContent-Length: " + size + b"\n\n",
        "a bare CR": b"X: y\rContent-Length: " + size + b"\r\n\r\n",
        "a length with a sign": b"Content-Length: +" + size + b"\r\n\r\n",
        "a negative length": b"Content-Length: -1\r\n\r\n",
        "a length in hexadecimal": b"Content-Length: 0x0\r\n\r\n",
        "a length past any number": b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
        "a length with a space in it": b"Content-Length: 0 " + size + b"\r\n\r\n",
        "a chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
        "a chunk size in 0x": b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        "a chunk size past any number": b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n\r\n",
        "a chunk that ends in LF": b"Transfer-Encoding: chunked\r\n\r\n1\n{\n0\n\n",
        "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
        "a chunk size with NUL": b"Transfer-Encoding: chunked\r\n\r\n0\x00\r\n\r\n",
        "a header without a name": b": chunked\r\nContent-Length: " + size + b"\r\n\r\n",
        "a NUL in a name": b"Content-\x00Length: " + size + b"\r\n\r\n",
    }  # fmt: skip
    with shown(target, "hostile: smuggling", "a request hidden where its end is in doubt", rows) as counted:
        for name, head in heads.items():
            data = start + head + hidden
            reply = target.send(data, 0.7)
            target.judge(name, data, reply)
            if b'"keys"' in reply:
                target.wrong.append(f"{name}: the hidden request was answered: {reply[:60]!r}")
        counted["sent"] = len(heads)


def _floods(target: Target, rows: list[Row]) -> None:
    """A request that does not end: the server stops to listen long before its memory is full."""
    signed = target.request("POST", "/v1/visits").removesuffix(b"Content-Length: 0\r\n\r\n")
    floods = {
        "headers without end": (b"GET /v1/visits HTTP/1.1\r\nHost: x\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
        "small headers without end": (b"GET /v1/visits HTTP/1.1\r\nHost: x\r\n", b"a:b\r\n" * 200),
        "a header without end": (b"GET /v1/visits HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 1000),
        "a name without end": (b"GET /v1/visits HTTP/1.1\r\nHost: x\r\n", b"a" * 1000),
        "a URI without end": (b"GET /v1/visits?q=", b"a" * 1000),
        "a method without end": (b"", b"A" * 1000),
        "a body without end": (CHUNKED, b"3e8\r\n" + b" " * 1000 + b"\r\n"),
        "a body without end, signed in": (signed + b"Transfer-Encoding: chunked\r\n\r\n", b"3e8\r\n" + b" " * 1000 + b"\r\n"),
        "a chunk extension without end": (CHUNKED + b"1;a=", b"a" * 1000),
        "trailers without end": (CHUNKED + b"0\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
        "requests without end": (b"", b"GET /v1/visits HTTP/1.1\r\nHost: x\r\n\r\n" * 25),
    }  # fmt: skip
    with shown(target, "hostile: floods", "what does not end, up to 128 MB each", rows) as counted:
        for name, (begin, again) in floods.items():
            sent = 0
            with suppress(OSError), socket.create_connection(("127.0.0.1", target.port), timeout=3) as line:
                line.sendall(begin)
                while sent < 128 * 2**20:
                    line.sendall(again * 64)
                    sent += 64 * len(again)
            counted["MB taken"] = counted.get("MB taken", 0) + sent // 2**20
            if sent > 2**26 and "body" not in name and "requests" not in name:
                target.wrong.append(f"{name}: {sent // 2**20} MB were listened to")
        counted["sent"] = len(floods)


# Tokens


def _forged(target: Target) -> Iterator[Sent]:
    """Tokens that only look like ours. Those that our own key signs are of what it does not sign, or not any more."""
    good = target.token
    head, body, signature = good.split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, body))
    document = json.loads((target.service.folder / "keys.json").read_text())
    ours = document["signing"][-1]["private"]
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    wide = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = httpx.get(f"{target.base}/.well-known/jwks.json").text

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).decode().rstrip("=")

    def signed(claims: Any, header: dict[str, Any], key: str = ours) -> str:
        return str(jws.sign(claims, key, header, "ES256"))

    for algorithm in ("none", "None", "NONE", "", "HS256", "RS256", "ES384", "EdDSA"):
        for end in ("", signature):
            yield f"alg {algorithm}", f"{part({**header, 'alg': algorithm})}.{body}.{end}".encode()
    for secret in (public, document["secret"], "", "secret"):
        yield "HS256 under what is public", str(jwt.encode(claims, secret or "x", "HS256", {"kid": header["kid"], "typ": TYPE})).encode()
    for kid in (
        header["kid"],
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "",
        MARK.decode(),
        "a" * 3000,
        header["kid"] + "\x00",
        1,
        None,
        [header["kid"]],
    ):
        yield f"kid {kid!r}"[:40], signed(claims, {"typ": TYPE, "kid": kid}, other).encode()  # fmt: skip
        if kid != header["kid"]:
            yield f"kid {kid!r}"[:40], signed(claims, {"typ": TYPE, "kid": kid}).encode()
    yield "P-384", signed(claims, {"typ": TYPE, "kid": header["kid"]}, wide).encode()
    for extra in (
        {"jku": "http://127.0.0.1:1/k"},
        {"jwk": json.loads(public)["keys"][0]},
        {"crit": ["x"]},
        {"zip": "DEF"},
        {"x5u": "http://127.0.0.1:1"},
        {"b64": False},
    ):
        yield f"header {[*extra]}", signed(claims, {"typ": TYPE, "kid": header["kid"], **extra}).encode()  # fmt: skip
    for typ in ("JWT", LETTER, "at+jwt ", "AT+JWT", "", None, "application/at+jwt"):
        yield f"typ {typ}", signed(claims, {"typ": typ, "kid": header["kid"]}).encode()
    now = int(time.time())
    wrongs: list[dict[str, Any]] = [
        *({"exp": exp} for exp in (now - 1, now - 10**6, 0, -1, now + 10**6, 10**30, str(now + 900), now + 900.5, True, None, [now])),
        *({"iat": iat} for iat in (now + 3600, -1, "x", None, 10**30, True)),
        *({"iss": MARK.decode()}, {"iss": [ISSUER]}, {"aud": "x"}, {"aud": [AUDIENCE]}, {"aud": None}),
        {"iat": now - 10**6, "exp": now + 10**6},
        *({"county": county} for county in (2, 0, -1, 2**31, 2**63, "1", 1.0, True, None, [1])),
        *({"role": role} for role in ("root", "", None, ["county"], "partner")),
        *({"sub": sub} for sub in (str(uuid4()), "", "x", 1, None, claims["sub"].upper(), "{" + claims["sub"] + "}", MARK.decode())),
        *({"device": device} for device in (str(uuid4()), "", None, claims["sub"])),
        *({"jti": jti} for jti in ("", None, 1, MARK.decode())),
        *({"nbf": now}, {"admin": True}, {"scope": "all"}),
    ]  # fmt: skip
    for wrong in wrongs:
        yield f"claims {wrong}"[:60], signed({**claims, **wrong}, {"typ": TYPE, "kid": header["kid"]}).encode()
    for name in claims:
        yield f"without {name}", signed({n: v for n, v in claims.items() if n != name}, {"typ": TYPE, "kid": header["kid"]}).encode()
    twice = json.dumps(claims)[:-1] + f', "sub": "{uuid4()}"}}'
    yield "a claim twice", signed(twice.encode(), {"typ": TYPE, "kid": header["kid"]}).encode()
    for text in (
        f"{good}=",
        f"{good}==",
        f"{head}=.{body}.{signature}",
        f"{head}.{body}=.{signature}",
        f"{good}.",
        f".{good}",
        f"{good}.{good}",
        f"{good}\x00",
        f" {good}x",
    ):
        yield f"spelled {text[-12:]!r}", text.encode()  # fmt: skip
    for last in "BCDEFGHIJKLMNOP":  # the bits left over of the last character
        changed = good[:-1] + last
        if changed != good and last not in "AQgw":
            yield f"last {last}", changed.encode()
    yield "another signature", f"{head}.{body}.{part(bytes(64))}".encode()
    yield "no signature", f"{head}.{body}.".encode()
    yield "in DER", f"{head}.{body}.{part(b'0' * 70)}".encode()
    form = {"grant_type": "password", "username": "worker-2", "password": "jiafang-demo-2026"}
    refresh = httpx.post(f"{target.base}/v1/auth/token", data=form).json()["refresh_token"]
    yield "a refresh token", refresh.encode()
    for scheme in (b"", b"Basic ", b"Token "):
        yield f"scheme {scheme!r}", b"\x00" + scheme + good.encode()


def _tokens(target: Target, rows: list[Row]) -> None:
    with shown(target, "hostile: tokens", "forged, stretched, swapped, spelled otherwise: each is the one 401", rows) as counted:
        bodies = set[bytes]()
        for name, text in _forged(target):
            value = text[1:] if text.startswith(b"\x00") else b"Bearer " + text
            data = b"GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: " + value + b"\r\n\r\n"
            reply = target.send(data, 2)
            target.judge(name, data, reply)
            counted["sent"] = counted.get("sent", 0) + 1
            if b"\x00" in value:  # no HTTP any more
                continue
            if not reply.startswith(b"HTTP/1.1 401 "):
                target.wrong.append(f"{name}: {reply[:60]!r}")
            bodies.add(reply.partition(b"\r\n\r\n")[2])
        counted["kinds of refusal"] = len(bodies)
        if len(bodies) != 1:
            target.wrong.append(f"refusals tell tokens apart: {sorted(bodies)[:3]}")


# Slowness


def _slow_begins(target: Target) -> tuple[int, float, list[tuple[str, socket.socket]]]:
    """Half-sent requests, left open while all else is done."""
    before, lines = target.open_files(), []
    whole = target.request("POST", "/v1/visits", json.dumps(target.visit).encode())
    cuts = {"no byte": 0, "half a line": 12, "half the headers": 60, "half the body": len(whole) - 100}
    for name, cut in cuts.items():
        for _ in range(60):
            line = socket.create_connection(("127.0.0.1", target.port), timeout=10)
            line.sendall(whole[:cut])
            lines.append((name, line))
    return before, time.monotonic(), lines


def _slow_ends(target: Target, rows: list[Row], slow: tuple[int, float, list[tuple[str, socket.socket]]]) -> None:
    """Whatever does not come whole within its time is over, also where a byte comes now and then; and what it took is free again."""
    before, begun, lines = slow
    with shown(target, "hostile: slow and half-sent", "240 requests that stop in the middle, open all the while", rows) as counted:
        while time.monotonic() < begun + PATIENCE + 15:
            for name, line in lines[::7]:
                if name.startswith("half the"):
                    with suppress(OSError):
                        line.send(b" ")
            time.sleep(2)
        for name, line in lines:
            line.settimeout(0.05)
            reply, shut = b"", False
            with suppress(TimeoutError):
                with suppress(ConnectionError):
                    while piece := line.recv(65536):
                        reply += piece
                shut = True
            target.judge(name, b"", reply)
            if name == "half the body" and not reply.startswith(b"HTTP/1.1 408"):
                target.wrong.append(f"{name}: after {PATIENCE} seconds {reply[:40]!r}")
            if name != "half the body" and not shut:
                target.wrong.append(f"{name}: still open after {PATIENCE} seconds")
            line.close()
        counted["sent"] = len(lines)
        end = time.monotonic() + 20
        while time.monotonic() < end and target.open_files() > before + POOL:
            time.sleep(0.1)
        if target.open_files() > before + POOL:
            target.wrong.append(f"{target.open_files()} files open, {before} before")

"""Heads of requests without end, and such that stop in the middle (api/heads.py)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from api import cli, heads

WELL = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def hello(scope: Any, receive: Any, send: Any) -> None:
    message = await receive()
    while message.get("more_body"):
        message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = uvicorn.Config(hello, http=heads.Bounded, port=0, log_level="critical", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def replied(port: int, *pieces: bytes) -> bytes:
    """Everything until the server shuts the line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_the_server_that_is_started_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[uvicorn.Config] = []

    class Started:
        def __init__(self, config: uvicorn.Config, ready: Any, alive: Any) -> None:
            self.alive = alive
            started.append(config)

        def run(self, sockets: Any) -> None: ...

    monkeypatch.setenv("JIAFANG_DATABASE_URL", "")
    monkeypatch.setattr(cli, "Server", Started)
    with socket.socket() as listener:
        cli.serve_until_stopped("postgresql://", listener, lambda: None, lambda: True, log_requests=False)
    assert [config.http for config in started] == [heads.Bounded]


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        (b"GET / HTTP/1.1\r\nX: ", b"a" * 1000),
        (b"GET / HTTP/1.1\r\n", b"a:b\r\n" * 200),
        (b"GET / HTTP/1.1\r\n", b"a" * 1000),
        (b"GET /", b"a" * 1000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ", b"a" * 1000),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"a:b\r\n" * 200),
    ],
    ids=["a header", "headers", "a name", "a URI", "a trailer", "trailers"],
)
async def test_a_head_without_end_is_not_listened_to(port: int, begin: bytes, again: bytes) -> None:
    taken = 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(begin)
        while taken < 100 * heads.LONGEST and not reader.at_eof():
            writer.write(again * 8)
            taken += 8 * len(again)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert taken < 100 * heads.LONGEST


async def test_a_long_body_and_a_long_head_within_the_bound_are_read(port: int) -> None:
    chunk = b"3e8\r\n" + b"a" * 1000 + b"\r\n"
    long = b"POST / HTTP/1.1\r\nX: " + b"a" * 60_000 + b"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert (await replied(port, long, *[chunk] * 300, b"0\r\n\r\n")).startswith(b"HTTP/1.1 200")
    twice = WELL + WELL.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await replied(port, twice)).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("pieces", [(), (b"GET / HT",), (WELL, b"GET / HTTP/1.1\r\nHost: x\r\n")], ids=["nothing", "half", "after another"])
async def test_a_head_that_stops_is_not_waited_for(port: int, monkeypatch: pytest.MonkeyPatch, pieces: tuple[bytes, ...]) -> None:
    monkeypatch.setattr(heads, "PATIENCE", 0.2)
    assert (await replied(port, *pieces)).count(b"HTTP/1.1 200") == (1 if WELL in pieces else 0)


async def test_requests_that_nobody_has_waited_for_are_not_piled_up(port: int) -> None:
    """uvicorn would read on after each answer, and keep hundreds of requests for each that it has answered."""
    last = WELL.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert (await replied(port, WELL * heads.AHEAD + last)).count(b"HTTP/1.1 200") == heads.AHEAD + 1
    assert (await replied(port, WELL * 2000 + last)).count(b"HTTP/1.1 200") <= heads.AHEAD


@pytest.mark.parametrize("length", [b"Content-Length: 28", b"Transfer-Encoding: chunked"])
async def test_a_body_after_an_upgrade_is_not_read_as_a_request(port: int, length: bytes) -> None:
    """httptools leaves such a body to the other protocol, which nobody speaks here: a proxy's next caller would have the answer to it."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + length + b"\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert first.startswith(b"HTTP/1.1 400")
    writer.write(WELL)
    assert b"HTTP/1.1" not in await asyncio.wait_for(reader.read(), 10)
    writer.close()


async def test_an_upgrade_without_a_body_is_passed_over(port: int) -> None:
    asks = WELL.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n")
    assert (await replied(port, asks)).startswith(b"HTTP/1.1 200")

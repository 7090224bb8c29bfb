"""What comes before a body is bounded, in size, in time and in number: httptools would gather a header line without end, uvicorn would wait
for ever for a request that stops in the middle of its head, and pile up requests that come faster than they are answered. Bodies are
bounded where they are read (routers/wire.py), but for one that comes after an Upgrade: httptools leaves it lying as the next request."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST = 64 * 1024  # bytes; the same again for trailers
PATIENCE = 60  # seconds for a head to arrive
AHEAD = 16  # requests that may come on one line before the first is answered


class Bounded(HttpToolsProtocol):
    """One line to a client. `_unheard`: bytes since the parser last gave us a head, a piece of a body, or an end."""

    _unheard = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._heard()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unheard += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._unheard > LONGEST:
            self.send_400_response("Too much before the body.")
        elif self._unheard and not self._late:
            self._wait()

    def on_headers_complete(self) -> None:
        self._heard()
        if self.transport.is_closing():  # what else stood in the piece that was read
            return
        if self.parser.should_upgrade() and any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            self.send_400_response("No upgrade with a body: it would be read as the next request.")
            return
        super().on_headers_complete()
        if len(self.pipeline) > AHEAD:
            self.pipeline.clear()
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._heard()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._heard()
        super().on_message_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(PATIENCE, self.transport.close)

    def _heard(self) -> None:
        self._unheard = 0
        if self._late:
            self._late.cancel()
            self._late = None

"""A client that costs next to nothing: one kept-alive HTTP/1.1 connection. httpx would be the slowest part of the run."""

import asyncio


class Line:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Line":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def call(self, method: str, path: str, token: str, body: bytes = b"") -> int:
        """Sends one request and reads its whole reply; the status."""
        return (await self._exchange(method, path, token, body))[0]

    async def body(self, method: str, path: str, token: str) -> bytes:
        """The body of the reply."""
        return (await self._exchange(method, path, token, b""))[1]

    async def _exchange(self, method: str, path: str, token: str, body: bytes) -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        reply = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in reply.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(reply[9:12]), await self._reader.readexactly(int(length[15:]))

    def close(self) -> None:
        self._writer.close()

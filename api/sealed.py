"""Values that are stored sealed: AES-256-GCM under a ring of keys, bound to the row that they belong to. And their blind index: a keyed
hash by which the same value is found again while all of them stay sealed (decision 0015).
"""

import hmac
import re
import secrets
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import asyncpg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api import key_file
from api.db import access_log, kept
from api.db.session import Database, Tx
from api.key_file import BadKeys
from api.rules.caller import command_line

ALGORITHM = "AES-256-GCM"
ID_BYTES, NONCE_BYTES = 8, 12  # what stands before the sealed text


class CannotOpen(Exception):
    """Sealed with a key that is not here, for another row, or altered since."""


class Seals:
    """The keys in one file: {"blind": 32 bytes in hex, "sealing": [{"id": …, "algorithm": …, "key": 32 bytes in hex}, …]}. Each opens what
    it sealed; the newest, which stands last, seals. The blind index has the same key for ever.

    An object never changes: after a rotation the file is loaded anew.
    """

    def __init__(self, path: Path, document: Any) -> None:
        if not (isinstance(document, dict) and document.keys() == {"blind", "sealing"} and isinstance(document["sealing"], list)):
            raise BadKeys('it must hold "blind" and a list "sealing"')
        self._path, self._document = path, document
        self._blind = _hex(document["blind"], 32)
        self._ring: dict[bytes, AESGCM] = {}
        for entry in document["sealing"]:
            if not (isinstance(entry, dict) and entry.keys() == {"id", "algorithm", "key"}):
                raise BadKeys('a sealing key must have "id", "algorithm" and "key"')
            if entry["algorithm"] != ALGORITHM:
                raise BadKeys(f"the algorithm of a sealing key must be {ALGORITHM}")
            key_id = _hex(entry["id"], ID_BYTES)
            if key_id in self._ring:
                raise BadKeys("the id of a sealing key is there twice")
            self._ring[key_id] = AESGCM(_hex(entry["key"], 32))
        if not self._ring:
            raise BadKeys("there is no sealing key")

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            return cls(path, key_file.read(path))
        except (OSError, ValueError, RecursionError) as wrong:
            raise BadKeys(f"The keys in {path} cannot be used: {wrong}") from None

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        if not path.exists():
            key_file.create(path, {"blind": secrets.token_hex(32), "sealing": [_new_key()]})
        return cls.load(path)

    @classmethod
    async def to_serve(cls, path: Path, database: Database) -> Self:
        """New keys are made only where nothing has been sealed: under them nothing else would open, and no double would be found."""
        if not path.exists() and await _any_sealed(database):  # noqa: ASYNC240 - at start, when nobody waits
            raise BadKeys(
                f"数据库里有加密的身份证号码，而 {path} 不在：请从备份恢复。确实丢失的，运行 jiafang seals create，号码要重新登记。"
                f" / There are sealed identity numbers in the database and {path} is missing: restore it from the backup."
                " Where it is lost for good, run jiafang seals create, and enter the numbers again."
            )
        return cls.load_or_create(path)

    def add_key(self) -> Self:
        """The ring with a new key that seals from now on. Another process can't open what it sealed until it loads the file anew."""
        document = self.load(self._path)._document  # somebody may have rotated it since we loaded it
        ring = type(self)(self._path, document | {"sealing": [*document["sealing"], _new_key()]})
        key_file.replace(self._path, ring._document)
        return ring

    @property
    def ids(self) -> list[str]:
        return [key_id.hex() for key_id in self._ring]

    def seal(self, value: str, what: str, county_id: int, record_id: UUID) -> bytes:
        key_id, key = next(reversed(self._ring.items()))
        nonce = secrets.token_bytes(NONCE_BYTES)
        return key_id + nonce + key.encrypt(nonce, value.encode(), _row(what, county_id, record_id))

    def open(self, sealed: bytes, what: str, county_id: int, record_id: UUID) -> str:
        key_id, nonce, text = sealed[:ID_BYTES], sealed[ID_BYTES : ID_BYTES + NONCE_BYTES], sealed[ID_BYTES + NONCE_BYTES :]
        try:
            return self._ring[key_id].decrypt(nonce, text, _row(what, county_id, record_id)).decode()
        except (KeyError, InvalidTag, ValueError):  # ValueError: a nonce that was cut off
            raise CannotOpen from None

    def blind(self, value: str, what: str, county_id: int) -> bytes:
        return hmac.digest(self._blind, f"{what}:{county_id}:{value}".encode(), "sha256")


async def _any_sealed(database: Database) -> bool:
    return any(rows[0][0] for rows in await _of_each_county(database, access_log.ANY_SEALED))


async def keys_in_use(database: Database) -> set[str]:
    """The ids of all sealing keys without which something in the database would not open."""
    return {row["key_id"].hex() for rows in await _of_each_county(database, access_log.KEYS_IN_USE) for row in rows}


async def _of_each_county(database: Database, statement: str) -> list[list[asyncpg.Record]]:
    async def look(tx: Tx, county_id: int) -> list[asyncpg.Record]:
        return await tx.fetch(statement, county_id)

    try:
        counties = [row["county_id"] for row in await database.fetch(kept.COUNTIES)]
        return [await database.write(command_line(each), partial(look, county_id=each)) for each in counties]
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):  # not migrated yet
        return []


def _row(what: str, county_id: int, record_id: UUID) -> bytes:
    return f"{what}:{county_id}:{record_id}".encode()


def _hex(text: object, length: int) -> bytes:
    if not (isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{2 * length}}}", text)):
        raise BadKeys(f"a key must be 32 bytes in hex, its id {ID_BYTES}")
    return bytes.fromhex(text)


def _new_key() -> dict[str, str]:
    return {"id": secrets.token_hex(ID_BYTES), "algorithm": ALGORITHM, "key": secrets.token_hex(32)}

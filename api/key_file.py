"""Files of keys under var/: read with care, written whole or not at all, readable for us alone."""

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


class BadKeys(ValueError):
    """The file of keys cannot be used; the text says why and never shows a key."""


def read(path: Path) -> Any:
    """Raises OSError, ValueError or RecursionError."""
    return json.loads(path.read_text("ascii"), object_pairs_hook=no_twins)


def no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def create(path: Path, document: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another process was first, and its file is the one that counts
        _put(path, document, os.link)


def replace(path: Path, document: dict[str, Any]) -> None:
    _put(path, document, _replace)


def _put(path: Path, document: dict[str, Any], publish: Callable[[Path, Path], None]) -> None:
    """The whole file appears at once, or nothing does. mkstemp makes it readable for us alone."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(document, file, indent=2)
            file.flush()
            os.fsync(handle)
        publish(Path(name), path)
    finally:
        Path(name).unlink(missing_ok=True)


def _replace(fresh: Path, path: Path) -> None:
    before = path.stat()
    os.chown(fresh, before.st_uid, before.st_gid)  # root may rotate the keys of a server that runs as somebody else
    fresh.replace(path)

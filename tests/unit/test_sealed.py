"""What is sealed opens for its own row alone, with the key that sealed it, as long as nobody altered it."""

import json
import stat
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.key_file import BadKeys
from api.sealed import CannotOpen, Seals

NUMBER = "11010519491231002X"
ROW: tuple[str, int, UUID] = ("identity_number", 1, UUID(int=7))


@pytest.fixture
def seals(tmp_path: Path) -> Seals:
    return Seals.load_or_create(tmp_path / "seals.json")


def refused(seals: Seals, sealed: bytes, *row: Any) -> None:
    with pytest.raises(CannotOpen) as caught:
        seals.open(sealed, *(row or ROW))
    assert not caught.value.args


def test_it_opens_again_and_shows_nothing_meanwhile(seals: Seals) -> None:
    sealed = seals.seal(NUMBER, *ROW)
    assert seals.open(sealed, *ROW) == NUMBER
    assert NUMBER.encode() not in sealed
    assert seals.seal(NUMBER, *ROW) != sealed  # nobody sees that a value came back


@pytest.mark.parametrize(
    "row", [("identity_number", 1, UUID(int=8)), ("identity_number", 2, UUID(int=7)), ("bank_account", 1, UUID(int=7))]
)
def test_in_another_row_it_does_not_open(seals: Seals, row: Any) -> None:
    refused(seals, seals.seal(NUMBER, *ROW), *row)


def test_nor_when_altered_or_cut(seals: Seals) -> None:
    sealed = seals.seal(NUMBER, *ROW)
    for at in range(len(sealed)):
        refused(seals, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        refused(seals, sealed[:at])
    refused(seals, sealed + b"\0")


def test_nor_with_another_key_of_the_same_id(seals: Seals, tmp_path: Path) -> None:
    path = tmp_path / "seals.json"
    document = json.loads(path.read_text())
    document["sealing"][0]["key"] = "00" * 32
    path.write_text(json.dumps(document))
    refused(Seals.load(path), seals.seal(NUMBER, *ROW))


def test_nor_where_the_key_is_gone(seals: Seals, tmp_path: Path) -> None:
    refused(Seals.load_or_create(tmp_path / "other.json"), seals.seal(NUMBER, *ROW))


def test_old_keys_open_and_the_newest_seals(seals: Seals, tmp_path: Path) -> None:
    before = seals.seal(NUMBER, *ROW)
    rotated = seals.add_key()
    for ring in (rotated, Seals.load(tmp_path / "seals.json")):
        assert ring.open(before, *ROW) == NUMBER
        after = ring.seal(NUMBER, *ROW)
        assert ring.open(after, *ROW) == NUMBER
        assert [after[:8].hex() in ids for ids in (seals.ids, ring.ids[-1:])] == [False, True]
        refused(seals, after)  # the object itself never changes
        assert ring.blind(NUMBER, "identity_number", 1) == seals.blind(NUMBER, "identity_number", 1)
    assert seals.add_key().ids == [*rotated.ids, Seals.load(tmp_path / "seals.json").ids[-1]]  # what others added meanwhile stays


def test_the_blind_index_is_the_same_for_the_same_number_of_a_county_alone(seals: Seals, tmp_path: Path) -> None:
    blind = seals.blind(NUMBER, "identity_number", 1)
    assert seals.blind(NUMBER, "identity_number", 1) == blind
    others = [seals.blind("110105194912310038", "identity_number", 1), seals.blind(NUMBER, "identity_number", 2)]
    others += [seals.blind(NUMBER, "bank_account", 1), Seals.load_or_create(tmp_path / "x.json").blind(NUMBER, "identity_number", 1)]
    assert len({blind, *others}) == 5


def test_the_file_is_ours_alone_and_made_once(seals: Seals, tmp_path: Path) -> None:
    path = tmp_path / "seals.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Seals.load_or_create(path).ids == seals.ids


KEY = {"id": "00" * 8, "algorithm": "AES-256-GCM", "key": "11" * 32}


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "must hold"),
        ({"blind": "22" * 32}, "must hold"),
        ({"blind": "22" * 31, "sealing": [KEY]}, "32 bytes in hex"),
        ({"blind": "22" * 32, "sealing": []}, "no sealing key"),
        ({"blind": "22" * 32, "sealing": [KEY, KEY]}, "there twice"),
        ({"blind": "22" * 32, "sealing": [{**KEY, "algorithm": "AES-256-ECB"}]}, "must be AES-256-GCM"),
        ({"blind": "22" * 32, "sealing": [{**KEY, "key": "11" * 16}]}, "32 bytes in hex"),
        ({"blind": "22" * 32, "sealing": [{**KEY, "more": 1}]}, "must have"),
    ],
)
def test_a_file_of_no_use_is_refused_and_never_written_over(tmp_path: Path, document: Any, why: str) -> None:
    path = tmp_path / "seals.json"
    path.write_text(json.dumps(document))
    with pytest.raises(BadKeys, match=why) as caught:
        Seals.load_or_create(path)
    assert "11" * 16 not in str(caught.value)
    assert "22" * 16 not in str(caught.value)
    assert json.loads(path.read_text()) == document

"""What a phone that is level is asked first: whether there is news at all (NEWS). It must never say no where a page would hold something;
each thing that can happen is tried alone, in a county where nothing else goes on."""

from typing import Any

import pytest

from api.db.feed import NEWS
from api.kinds import FEED
from api.routers.sync import CHECK
from tests.conftest import Phone
from tests.county import ABOVE, HELD, VILLAGE, County, fold, level, pull, should_hold

[GROUP] = HELD["lead-1"]  # of VILLAGE
SIBLING = next(place for place, above in ABOVE.items() if above == VILLAGE and place != GROUP)
TOWNSHIP, [NEIGHBOUR], [FAR] = ABOVE[VILLAGE], HELD["worker-3"], HELD["worker-4"]  # NEIGHBOUR: of the same township; FAR: of another
BELOW_FAR = next(place for place, above in ABOVE.items() if above == FAR)
CALLERS = ("worker-1", "lead-1", "township-1", "county-admin")
# Where something happens to a record: who has news of it. In a village and above it stand records that are read from below
REACHED = {
    GROUP: {"worker-1", "lead-1", "township-1", "county-admin"},
    SIBLING: {"worker-1", "township-1", "county-admin"},
    VILLAGE: {"worker-1", "lead-1", "township-1", "county-admin"},
    NEIGHBOUR: {"township-1", "county-admin"},
    TOWNSHIP: {"worker-1", "lead-1", "township-1", "county-admin"},
    FAR: {"county-admin"},
    BELOW_FAR: {"county-admin"},
    1: {"worker-1", "lead-1", "township-1", "county-admin"},
}


class Asked:
    """Which of the feed's statements ran, in turn."""

    def __init__(self, database: Any) -> None:
        self.statements: list[str] = []
        self._fetch = database.fetch

    async def fetch(self, sql: str, *args: Any) -> Any:
        self.statements += ["news"] if sql.endswith(NEWS) else ["page"] if sql.endswith(tuple(FEED.pull.values())) else []
        return await self._fetch(sql, *args)


@pytest.fixture
async def asked(county: County, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    database = county.access.database
    spy = Asked(database)
    monkeypatch.setattr(database, "fetch", spy.fetch)
    return spy.statements


async def happens(county: County, place: int, op: str = "upsert") -> None:
    """The county's next tick, and a record of this place at it."""
    async with county.owner.transaction():
        tick = await county.owner.fetchval("UPDATE clock SET tick = tick + 1 RETURNING tick")
        one = "SELECT id FROM change WHERE place_id = $2 ORDER BY kind = 'place' DESC, id LIMIT 1"
        reason = "moved" if op == "remove" else None
        await county.owner.execute(f"UPDATE change SET tick = $1, op = $3, reason = $4 WHERE id = ({one})", tick, place, op, reason)


async def next_page(phone: Phone, cursor: str, asked: list[str]) -> tuple[dict[str, Any], list[str]]:
    asked.clear()
    page = await pull(phone, cursor)
    return page, [*asked]


@pytest.mark.parametrize("place", REACHED)
@pytest.mark.parametrize("op", ["remove", "upsert"])
async def test_who_has_news_of_what(county: County, asked: list[str], place: int, op: str) -> None:
    phones = {name: await county.sign_in(name) for name in CALLERS}
    cursors = {name: (await level(phone))[1] for name, phone in phones.items()}
    await happens(county, place, op)
    for name, phone in phones.items():
        page, statements = await next_page(phone, cursors[name], asked)
        assert (statements, len(page["changes"])) == ((["news", "page"], 1) if name in REACHED[place] else (["news"], 0)), name
        assert page["of"] == len(page["changes"])
        assert int(page["cursor"]) // CHECK == page["tick"] == int(cursors[name]) // CHECK + 1
        assert (await next_page(phone, page["cursor"], asked))[1] == ["news"]
    await happens(county, place)  # what was removed is there again, whichever of these tests run


@pytest.mark.parametrize("first", [[VILLAGE], [VILLAGE, FAR]], ids=["the only place", "one of two"])
async def test_a_place_lost_and_given_again_is_news_though_nothing_is_written(county: County, asked: list[str], first: list[int]) -> None:
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("village", *first)
    phone, colleague = await county.sign_in(name), await county.sign_in("worker-2")
    (changes, cursor), (_, other) = await level(phone), await level(colleague)
    copy = fold(changes)
    for path, said in ((f"places/{VILLAGE}/revoke", {}), ("places", {"place_id": VILLAGE, "reach": "below"})):
        assert (await admin.post(f"/v1/users/{user_id}/{path}", json=said)).status_code == 200
        page, statements = await next_page(phone, cursor, asked)
        assert statements == ["news", "page"]
        fold(page["changes"], copy)
        while page["more"]:
            page = await pull(phone, page["cursor"])
            fold(page["changes"], copy)
        cursor = page["cursor"]
        assert {key: doc["rev"] for key, doc in copy.items()} == await should_hold(county.owner, name)
        page, statements = await next_page(colleague, other, asked)
        assert (statements, page["changes"]) == (["news"], [])
        other = page["cursor"]


async def test_a_new_role_is_news(county: County) -> None:
    """What the old role held was a township, and nothing is held now."""
    admin, (user_id, name) = await county.sign_in("county-admin"), await county.user("township", TOWNSHIP)
    phone = await county.sign_in(name)
    changes, cursor = await level(phone)
    said = await admin.patch(f"/v1/users/{user_id}", json={"role": "village"}, headers={"Content-Type": "application/merge-patch+json"})
    assert said.status_code == 200
    removed, _ = await level(phone, cursor)
    assert fold(removed, fold(changes)) == {}


async def test_only_a_phone_that_is_level_is_asked(county: County, asked: list[str]) -> None:
    phone = await county.sign_in("worker-1")
    assert (await next_page(phone, "", asked))[1] == ["page"]
    _, cursor = await level(phone)
    unfinished = await pull(phone, limit=5)
    assert (await next_page(phone, unfinished["cursor"], asked))[1] == ["page"]
    assert (await next_page(phone, cursor, asked))[1] == ["news"]

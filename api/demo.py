"""The demonstration county: an invented county with invented families, as pure data, the same on each run.

No clock, no I/O: days count back from DEMO_DAY, ids are UUIDv5 of what they name, and each function draws from a generator seeded with a
text. The county's code starts with 99, which no province has; nobody here is anybody.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Any, Literal, TypedDict
from uuid import UUID, uuid5

from api.rules.catalogue_entry import STANDARD

DEMO_DAY = date(2026, 11, 20)
PASSWORD = "jiafang-demo-2026"  # meant to be known: it stands in var/demo.json and opens nothing but invented data
COUNTY_CODE = "990101000000"
DAYS_BACK = 425  # the visits of some fourteen months

_NAMESPACE = UUID("5f0c6a0e-3d43-5b5e-9a35-99010100000a")


class Place(TypedDict):
    """code is None for a group, group_number for all else, parent_id for the county."""

    id: UUID
    code: str | None
    name: str
    level: Literal["county", "township", "village", "group"]
    parent_id: UUID | None
    group_number: int | None


class Household(TypedDict):
    """place is the group, or the village where that has no groups. number: township, village, two digits of the group, own number."""

    id: UUID
    place: UUID
    number: str
    address: str
    phones: list[str]
    status: Literal["living_here", "away", "moved", "dissolved"]


class Visit(TypedDict):
    """author is the id of a user. Absent and declined visits carry no purposes, agreement or notes."""

    id: UUID
    household_id: UUID
    visited_on: date
    manner: Literal["home", "phone", "office"]
    outcome: Literal["met", "absent", "declined"]
    purposes: list[str]
    agreed: str | None
    notes: str | None
    author: UUID


class User(TypedDict):
    """places are memberships. household_id: the own household of a household head, whose seat in it is no membership."""

    id: UUID
    username: str
    name: str
    role: Literal["county", "township", "village", "household_head"]
    places: list[UUID]
    reach: Literal["self", "below"]
    household_id: UUID | None


# (name, digits 7-9 of the code, villages); 社区 are residents' committees, coded from 001, the others villagers' committees, from 201.
_TOWNSHIPS = (
    ("青禾镇", "100", ("柳湾村", "杏花村", "石磨村", "槐树村", "北塘村", "南塘村", "新桥村", "城东社区")),
    ("柳河镇", "101", ("河口村", "大柳村", "小柳村", "渡口村", "沙岭村", "杨家洼村", "东湖村", "西湖村")),
    ("石桥乡", "200", ("石桥村", "上坪村", "下坪村", "云峰村", "枣园村", "梨园村", "龙潭村", "白鹿村")),
)
_WITHOUT_GROUPS = {"城东社区", "沙岭村", "白鹿村"}
_NUMERALS = "一二三四五六"

# Roughly the percent of the population, for the forty most frequent.
_SURNAMES = {
    "王": 7.1, "李": 7.0, "张": 6.7, "刘": 5.1, "陈": 4.6, "杨": 3.2, "黄": 2.5, "赵": 2.2, "吴": 2.0, "周": 1.9, "徐": 1.6, "孙": 1.5,
    "马": 1.3, "朱": 1.3, "胡": 1.2, "郭": 1.2, "何": 1.2, "林": 1.2, "高": 1.1, "罗": 1.1, "郑": 1.0, "梁": 1.0, "谢": 0.8, "宋": 0.8,
    "唐": 0.8, "许": 0.7, "韩": 0.7, "邓": 0.7, "冯": 0.7, "曹": 0.6, "彭": 0.6, "曾": 0.6, "肖": 0.6, "田": 0.5, "董": 0.5, "潘": 0.5,
    "袁": 0.5, "蔡": 0.5, "蒋": 0.5, "余": 0.5,
}  # fmt: skip
_GIVEN = (
    "秀英", "桂英", "秀兰", "玉兰", "桂兰", "建国", "建华", "建军", "国强", "志强", "文明", "永强", "海燕", "丽华", "春梅", "红霞",
    "小红", "晓明", "伟", "芳", "敏", "静", "丽", "强", "磊", "军", "勇", "艳", "杰", "娟", "涛", "超",
    "明", "霞", "平", "刚", "玲", "鹏", "辉", "雪梅", "凤英", "金花", "德福", "长贵", "立新", "新民", "志远", "思远",
    "雨欣", "子涵", "浩然", "佳怡",
)  # fmt: skip

# As far as is known these are given to no operator; four zeros follow: such a number is nobody's.
_PHONE_PREFIXES = ("154", "168", "169", "179")
_LANDMARKS = ("村东头", "村西头", "村南头第二家", "老槐树旁", "小学北侧", "水塔下", "磨坊对面", "桥头第一家", "村委会后院", "卫生室隔壁")

_NOTES = {
    "policy_information": (
        "讲了{policy}，{who}都听明白了。",
        "{who}想要{policy}的明白纸，随后送到。",
        "{who}问起{policy}从哪天起算，查了文件答复。",
        "说明{policy}的办理地点和电话，{who}记在了本子上。",
        "{policy}之前已经知道，没有别的疑问。",
    ),
    "help_with_application": (
        "帮{who}在手机上填好{paper}，已提交。",
        "{paper}还差一张复印件，{who}改天补。",
        "核对{paper}的材料，都齐了，交镇上办。",
        "{who}不会用手机，代为填写{paper}，念给本人听过。",
        "{paper}已批下来，{who}已经知道。",
    ),
    "subsidy": (
        "{money}已到账，{who}核对过存折。",
        "{money}还没到账，记下卡号后四位去财政所问。",
        "{who}换了银行卡，{money}的账户需要改。",
        "告知{money}的发放时间，没有异议。",
        "和{who}一起核对{money}的金额，对得上。",
    ),
    "elder_care": (
        "{who}精神不错，正在院里{chore}。",
        "{who}一个人在家，子女每周打电话回来。",
        "问了日间照料和助餐，{who}愿意先去看看。",
        "帮{who}换了灯泡，看了看煤气阀门。",
        "{who}养老金认证已做完，明年再办。",
        "厨房地面滑，提醒{who}走路当心，建议装扶手。",
    ),
    "child_care": (
        "问托育班的名额和收费，把镇上园里的电话给了{who}。",
        "孩子放学后没人接，介绍了村里的四点半课堂。",
        "{who}想申请育儿补贴，讲了需要的材料。",
        "送去绘本两册，孩子很喜欢。",
        "打疫苗的日子{who}记得清楚，不用再提醒。",
    ),
    "disability": (
        "{who}的残疾人证快到期，讲了换证步骤。",
        "轮椅刹车不灵，联系镇残联来修。",
        "门口台阶高，{who}希望修一段坡道。",
        "{who}问居家康复服务怎么预约，已说明。",
        "助听器电池已送到，试用正常。",
    ),
    "migrant_service": (
        "{who}在外务工，居住地的免费服务已说明，家里会转告。",
        "{who}春节前回来，问返乡车票怎么订。",
        "居住登记两边都能查到，信息无误。",
        "孩子随迁上学，需要{paper}，已告知去哪里开。",
        "{who}换了工作地，联系方式由本人自愿更新。",
    ),
    "answer_to_request": (
        "上次反映的{matter}，已报村委会，排在{when}。",
        "{matter}已修好，{who}表示满意。",
        "{who}反映{matter}，归镇里管，说明了流程。",
        "回复关于{matter}的询问，{who}没有其他要求。",
        "{matter}仍未解决，向{who}说明原因并致歉。",
    ),
    "checkup_reminder": (
        "告知免费体检的时间地点，自愿参加。",
        "{who}问体检要不要空腹，已转告卫生院的说明。",
        "{who}想和邻居一起去体检，告知班车时间。",
        "体检改期，电话和口信都带到了。",
        "{who}行动不便，问能否上门体检，已记下去问。",
    ),
}  # fmt: skip
_AGREED = (
    "{when}再来一趟。",
    "{when}带材料到村委会办理。",
    "{when}前电话回复。",
    "由我向镇里询问，{when}答复。",
    "{who}准备好身份证和存折，{when}一起去镇上。",
    "有变化随时打电话。",
    "{when}陪{who}去便民服务中心。",
    "等通知，不用再跑。",
)
_SLOTS = {
    "policy": ("养老保险政策", "育儿补贴政策", "医保缴费渠道", "高龄津贴办法", "三孩政策", "危房改造政策", "免费体检安排", "防诈骗提示"),
    "paper": ("高龄津贴申请", "低保申请表", "居住证明", "务工证明", "养老保险参保表", "危房改造申请", "助学金申请", "医保异地备案"),
    "money": ("高龄津贴", "奖励扶助金", "育儿补贴", "残疾人补贴", "耕地补贴", "助学金"),
    "chore": ("晒玉米", "择菜", "晒太阳", "喂鸡", "编筐", "剥花生", "收拾柴火"),
    "matter": ("路灯不亮", "门前积水", "垃圾清运不及时", "自来水压力小", "路面坑洼", "信号不好", "有线电视不通"),
    "when": ("下周一", "下周三", "本周五", "月底", "下次赶集", "下个月初", "三天内", "两周内"),
    "title": ("大爷", "大娘", "大哥", "大嫂", "叔", "婶"),
}
_OPENINGS = {
    "home": ("", "", "", "上午入户。", "下午到家。", "傍晚上门。", "顺路看望。"),
    "phone": ("电话联系。", "通话几分钟。", "打电话了解。"),
    "office": ("本人来村委会。", "到便民服务点来问。"),
}


# At the door only, not over the phone or at the office.
_AT_HOME = ("elder_care", "child_care", "disability")

# The households of the users lead-1, head-1 and head-2.
_LEAD, _HEADS = "1101-01", ("1101-02", "1102-01")


def _id(what: str) -> UUID:
    return uuid5(_NAMESPACE, what)


def _random(what: str) -> Random:
    """Seeded with a text, which Random hashes by itself: the same in each process, whatever PYTHONHASHSEED is."""
    return Random(what)  # noqa: S311  # nothing secret is drawn


def _place(code: str | None, name: str, level: Literal["county", "township", "village"], parent: str | None) -> Place:
    above = None if parent is None else _id(f"place:{parent}")
    return {"id": _id(f"place:{code}"), "code": code, "name": name, "level": level, "parent_id": above, "group_number": None}


def _villages() -> Iterator[tuple[str, str, str]]:
    """(the two digits that begin household numbers, code, name) of each village."""
    for t, (_, digits, names) in enumerate(_TOWNSHIPS, 1):
        for v, name in enumerate(names, 1):
            yield f"{t}{v}", f"990101{digits}{1 if name.endswith('社区') else 200 + v:03d}", name


def _groups(village: str, name: str) -> list[int]:
    """The numbers of a village's groups, two to six, or none."""
    return [] if name in _WITHOUT_GROUPS else list(range(1, _random(f"groups:{village}").randint(2, 6) + 1))


def _surname(rng: Random) -> str:
    return rng.choices(list(_SURNAMES), list(_SURNAMES.values()))[0]


def surname(number: str) -> str:
    """The surname of the family with this household number: households carry no name, but the notes and the head's user do."""
    return _surname(_random(f"surname:{number}"))


def places() -> list[Place]:
    """The county, its townships, villages and groups, parents first."""
    found = [_place(COUNTY_CODE, "青禾县", "county", None)]
    found += [_place(f"990101{digits}000", name, "township", COUNTY_CODE) for name, digits, _ in _TOWNSHIPS]
    found += [_place(code, name, "village", f"{code[:9]}000") for _, code, name in _villages()]
    for _, village, name in _villages():
        for n in _groups(village, name):
            title = f"第{_NUMERALS[n - 1]}村民小组"
            above = _id(f"place:{village}")
            found.append(
                {"id": _id(f"place:{village}:{n}"), "code": None, "name": title, "level": "group", "parent_id": above, "group_number": n}
            )
    return found


def households() -> list[Household]:
    """Some 1,500 households, by village, group and number."""
    found: list[Household] = []
    rng = _random("households")
    for prefix, village, name in _villages():
        for group in _groups(village, name) or [0]:
            place = _id(f"place:{village}:{group}" if group else f"place:{village}")
            for n in range(1, rng.randint(11, 22) + (0 if group else 20)):
                number = f"{prefix}{group:02d}-{n:02d}"
                door = f"第{group}组{n}号" if group else f"{n}号"
                how_many = rng.choices((0, 1, 2), (12, 70, 18))[0]
                status: Literal["living_here", "away", "moved", "dissolved"]
                status = rng.choices(("living_here", "away", "moved", "dissolved"), (82, 15, 2, 1))[0]
                found.append(
                    {
                        "id": _id(f"household:{number}"),
                        "place": place,
                        "number": number,
                        "address": door if rng.random() < 0.88 else rng.choice(_LANDMARKS),
                        "phones": [f"{rng.choice(_PHONE_PREFIXES)}0000{rng.randrange(10_000):04d}" for _ in range(how_many)],
                        "status": "living_here" if number in (_LEAD, *_HEADS) else status,
                    }
                )
    return found


def users() -> list[User]:
    """First those that programs which try the service rely on, then those that the other places need.

    worker-1 and worker-2 serve one village, worker-3 another of the same township, worker-4 one of another township. lead-1 is the lead
    household of the first group of worker-1's village; head-1 and head-2 are households of its first and its second group.
    """
    first, second, *others = (village for _, village, _ in _villages())
    fourth = next(village for village in others if village[:9] != first[:9])
    townships = [f"990101{digits}000" for _, digits, _ in _TOWNSHIPS]
    rng = _random("users")

    def user(username: str, role: Literal["county", "township", "village", "household_head"], place: str | None, house: str = "") -> User:
        family = surname(house) if house else _surname(rng)
        return {
            "id": _id(f"user:{username}"),
            "username": username,
            "name": family + rng.choice(_GIVEN),
            "role": role,
            "places": [_id(f"place:{place}")] if place else [],
            "reach": "self" if house else "below",
            "household_id": _id(f"household:{house}") if house else None,
        }

    found = [
        user("county-admin", "county", COUNTY_CODE),
        user("township-1", "township", townships[0]),
        user("township-2", "township", townships[1]),
        user("worker-1", "village", first),
        user("worker-2", "village", first),
        user("worker-3", "village", second),
        user("worker-4", "village", fourth),
        user("lead-1", "household_head", f"{first}:1", _LEAD),
        user("head-1", "household_head", None, _HEADS[0]),
        user("head-2", "household_head", None, _HEADS[1]),
    ]
    found += [user(f"township-{n}", "township", township) for n, township in enumerate(townships[2:], 3)]
    found += [user(f"worker-{n}", "village", village) for n, village in enumerate((v for v in others if v != fourth), 5)]
    return found


def visits() -> list[Visit]:
    """Some 5,000 visits, oldest first, one a household and day at most, each by a worker of the village or the group's lead household."""
    above = {place["id"]: place["parent_id"] for place in places() if place["level"] == "group"}
    authors: dict[UUID, list[UUID]] = {}
    for user in users():
        for held in user["places"]:
            authors.setdefault(held, []).append(user["id"])
    found: list[Visit] = []
    rng = _random("visits")
    for household in households():
        place, number = household["place"], household["number"]
        who_may = authors.get(place, []) + authors.get(above.get(place) or place, [])
        family = surname(number)
        at_least = 3 if number in (_LEAD, *_HEADS) else 0
        how_many = max(at_least, rng.choices(range(9), (5, 12, 19, 20, 17, 12, 8, 5, 2))[0])
        for ago in rng.sample(range(DAYS_BACK), how_many):
            manner, outcome = _how(rng, household["status"] == "away")
            chosen = [code for code in STANDARD if manner == "home" or code not in _AT_HOME]
            purposes = rng.sample(chosen, rng.choices((1, 2), (78, 22))[0]) if outcome == "met" else []
            words = {slot: rng.choice(choices) for slot, choices in _SLOTS.items()}
            words["who"] = family + words["title"]
            notes = rng.choice(_OPENINGS[manner]) + "".join(rng.choice(_NOTES[purpose]) for purpose in purposes)
            agreed = rng.choice(_AGREED)
            found.append(
                {
                    "id": _id(f"visit:{number}:{ago}"),
                    "household_id": household["id"],
                    "visited_on": DEMO_DAY - timedelta(days=ago),
                    "manner": manner,
                    "outcome": outcome,
                    "purposes": purposes,
                    "agreed": agreed.format_map(words) if outcome == "met" and rng.random() < 0.45 else None,
                    "notes": notes.format_map(words) if outcome == "met" and rng.random() < 0.9 else None,
                    "author": rng.choice(who_may),
                }
            )
    return sorted(found, key=lambda visit: (visit["visited_on"], visit["id"]))


class Unsettled(TypedDict):
    """An edit that a phone brought and that did not go in as it was: `op` as it is pushed."""

    username: str
    phone: UUID
    lost: bool
    op: dict[str, Any]


def unsettled() -> list[Unsettled]:
    """Entries of worker-1's for the lists for people: a conflict (worker-2 edits first), a refused edit, one that waits for its household,
    and two from a phone that was reported lost."""
    [village] = next(user for user in users() if user["username"] == "worker-1")["places"]
    below = {place["id"] for place in places() if place["parent_id"] == village}
    in_village = {household["id"] for household in households() if household["place"] in below}
    edited, other = [visit for visit in visits() if visit["household_id"] in in_village and visit["notes"]][:2]
    household = {"household_id": str(other["household_id"])}
    new = {"visited_on": DEMO_DAY.isoformat(), "outcome": "met", "notes": "问了冬天取暖"}
    ops: list[tuple[str, str, str, str, int | None, dict[str, Any]]] = [
        ("worker-2", "phone", "09:00", str(edited["id"]), 1, {"notes": "补记：材料已带齐"}),
        ("worker-1", "phone", "10:00", str(edited["id"]), 1, {"notes": "补记：还缺一份证明"}),
        ("worker-1", "phone", "10:05", str(_id("visit to come")), None, {**new, "visited_on": "2062-11-20"} | household),
        ("worker-1", "phone", "10:10", str(_id("visit that waits")), None, {**new, "household_id": str(_id("household to come"))}),
        ("worker-1", "lost phone", "10:15", str(other["id"]), 1, {"agreed": "月底送材料"}),
        ("worker-1", "lost phone", "10:20", str(other["id"]), 1, {"manner": "phone"}),
    ]
    return [
        {
            "username": username,
            "phone": _id(f"{phone} of {username}"),
            "lost": phone == "lost phone",
            "op": {"kind": "visit", "id": record_id, "base_rev": base_rev, "at": f"{DEMO_DAY}T{at}:00+08:00", "doc": doc},
        }
        for username, phone, at, record_id, base_rev, doc in ops
    ]


def _how(rng: Random, away: bool) -> tuple[Literal["home", "phone", "office"], Literal["met", "absent", "declined"]]:
    manner: Literal["home", "phone", "office"] = rng.choices(("home", "phone", "office"), (40, 55, 5) if away else (76, 16, 8))[0]
    if manner == "office":  # who comes to the office is there
        return manner, "met"
    return manner, rng.choices(("met", "absent", "declined"), (80, 15, 5))[0]

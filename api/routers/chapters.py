"""What the docs page says before its calls: two minutes, a worker's morning, who does what, and what holds everywhere.

docs/morning.md is printed from here, and a test types its lines into a shell.
"""

from api.language import both, pick

TWO_MINUTES = both(
    """### 两分钟：从登录到记好一次家访
1. 点下面绿色的 **登录 Authorize**，用启动时打印的任一账号（也写在 `var/demo.json`），如用户名 `worker-1`、\
密码 `jiafang-demo-2026`，再点一次登录，然后关闭窗口。此后只列出这个角色可用的各项；页首可换回“全部”。
2. 展开下面的“户”→“列出户”，点 **试一试 Try it out**，再点 **发送 Execute**：看到的是 `worker-1` 所在村的户。
3. 展开“家访”→“新建家访”，同样试一试、发送：`201`，家访记好了。再发送一次：`200`，还是那一次，没有变成两次。
4. 换 `township-1`、`county-admin` 或 `lead-1` 登录再试：各人只看得到自己范围内的。\
登录 15 分钟后过期，过期请重新登录。

示例里的编号都是演示县（虚构的青禾县）的，可以直接发送；改动只影响演示数据。""",
    """### Two minutes, from signing in to a visit that is stored
1. Press the green **Authorize** below, sign in as any of the users that were printed at the start (they also stand in `var/demo.json`), \
such as user name `worker-1`, password `jiafang-demo-2026`; press Authorize again and close the window. \
From then on the page shows what this role may call; “All” at its top brings the rest back.
2. Expand “Households” → “List households” below, press **Try it out**, then **Execute**: these are the households of `worker-1`'s village.
3. Expand “Visits” → “Create a visit”, try it out and execute: `201`, the visit is stored. Execute again: `200`, and it is the same visit.
4. Sign in as `township-1`, `county-admin` or `lead-1` and try again: each sees only what is within reach. \
A sign-in lasts 15 minutes here; then sign in again.

The ids in the examples are those of the demonstration county, which is invented: \
send them as they stand. What you change is demonstration data only.""",
)  # fmt: skip

MORNING_CALLED = both("村级工作人员的一个上午", "A worker's morning")
# What is said, and what is typed then
MORNING = (
    (
        both(
            "出门前先看什么。手机从自己的副本显示同样的内容；这里用 curl，对着 `make run` 的服务。`…` 表示每次运行不同的内容。",
            "What a village worker opens before going out. A phone shows the same from its own copy; here it is with curl, against"
            " `make run`. `…`\nstands for what differs from run to run.",
        ),
        r"""$ BASE=http://127.0.0.1:8000
$ sign_in() { curl -s $BASE/v1/auth/token -d grant_type=password -d username=$1 -d password=jiafang-demo-2026 | sed 's/.*"access_token":"\([^"]*\)".*/Authorization: Bearer \1/'; }
$ WORKER=$(sign_in worker-1); COLLEAGUE=$(sign_in worker-2); TODAY=$(TZ=Asia/Shanghai date +%F)
$ list() { curl -s -G "$BASE/v1/$1" -H "$WORKER" "${@:2}"; }
$ send() { curl -s -X $1 "$BASE/v1/$2" -H "$3" -H "Content-Type: application/${5:-json}" -H "If-Match: ${6:-*}" -d "$4"; }""",  # noqa: E501
    ),
    (
        both(
            "昨天有人告诉同事，1101-01 户的扶手松了。今天到期，没有指定谁去，就是全村的：",
            "A colleague was told yesterday that the handrail of household 1101-01 is loose. It is due today, and nobody's by name,"
            " so it is the village's:",
        ),
        r"""$ FOLLOW_UP=0193b0a4-1111-7cc3-98c4-dc0c0c073901
$ send POST follow-ups "$COLLEAGUE" "{\"id\": \"$FOLLOW_UP\", \"household_id\": \"70c3042a-7aff-5629-b471-bcd21e064f3b\", \"reason\": \"elder_care\", \"words\": \"扶手松了，去看看\", \"due_on\": \"$TODAY\"}"
{"id":"0193b0a4-1111-7cc3-98c4-dc0c0c073901","rev":1,…"priority":"normal","assignee_id":null,…"status":"open",…}
$ list follow-ups -d due=today -d mine=true -d q=1101-01
{"items":[{"id":"0193b0a4-1111-7cc3-98c4-dc0c0c073901",…"words":"扶手松了，去看看",…}],"next":null}""",  # noqa: E501
    ),
    (
        both(
            "过期的（`due=overdue`）和一周之内的（`due=week`）各是一张单子；过期只是一种状态，不上锁。她记得名字，不记得户号："
            "名字的一部分、拼音、首字母或电话末四位，都找得到住在那里的人。",
            "What is overdue (`due=overdue`) and what comes within the week (`due=week`) are lists of their own; late is a state, not a"
            " lock. She remembers the\nname and not the number: a part of it, its pinyin, its initials or the last four digits of a phone"
            " find whoever lives there.",
        ),
        """$ list people -d q=lcm -d household_id=70c3042a-7aff-5629-b471-bcd21e064f3b
{"items":[{"id":"a68f6f24-b973-563e-89cc-6bb2b254fd3c",…"name":"刘春梅",…"relation":"head",…}],"next":null}""",
    ),
    (
        both("在门口她记下家访，并写明办好了到期的那件事。", "At the door she logs the visit, and says that it did what was due."),
        r"""$ VISIT=0193b0a4-2222-7cc3-98c4-dc0c0c073901
$ send POST visits "$WORKER" "{\"id\": \"$VISIT\", \"household_id\": \"70c3042a-7aff-5629-b471-bcd21e064f3b\", \"visited_on\": \"$TODAY\", \"outcome\": \"met\", \"met_ids\": [\"a68f6f24-b973-563e-89cc-6bb2b254fd3c\"], \"purposes\": [\"elder_care\"], \"agreed\": \"下周来人修\"}"
{"id":"0193b0a4-2222-7cc3-98c4-dc0c0c073901",…"met_ids":["a68f6f24-b973-563e-89cc-6bb2b254fd3c"],…}
$ send PATCH follow-ups/$FOLLOW_UP "$WORKER" "{\"status\": \"done\", \"done_by_visit_id\": \"$VISIT\"}" merge-patch+json '"1"'
{"id":"0193b0a4-1111-7cc3-98c4-dc0c0c073901","rev":2,…"status":"done",…}
$ list follow-ups -d due=today -d mine=true -d q=1101-01
{"items":[],"next":null}""",  # noqa: E501
    ),
    (
        both(
            "外出、搬走或已销的户，到期的事不再催：三张单子都不列，`silenced=true` 才看得到。户搬了，随访任务跟着到新的地方；"
            "工作人员不再负责一个地方，任务留在那里（`assignee_id` 变空），总在某人的单子上。两样都写在任务的修改历史里。",
            "A household that is away, moved or dissolved silences what is due there: the three lists leave it out, and `silenced=true`"
            " shows it. A household that\nmoves hands its follow-ups to the new place; a worker who loses a place leaves hers there"
            " (`assignee_id` becomes null), so that each stays on\nsomebody's list. Both stand in the history of the follow-up.",
        ),
        "",
    ),
)  # fmt: skip

CONVENTIONS = both(
    """### 谁能做什么
| 角色 | 是谁 | 看到的范围 |
|---|---|---|
| `county` | 县级管理员 | 全县 |
| `township` | 乡镇工作人员 | 本乡镇各村 |
| `village` | 村级工作人员 | 所负责的村和小组 |
| `household_head` | 户主，中心户长 | 自己这一户；中心户长还有自己的小组 |

每一项都写明谁可以用（机器可读的在 `x-roles`）。加上 `?role=village` 之类，这份文档只留下该角色可用的：只是便于阅读，不是保密。

### 各项通用的约定
- 编号 `id` 是 UUID，可由客户端生成；地方用编号 `place_id`；日期 `…_on` 是北京时间的日子，时刻 `…_at` 是 UTC。
- 列表逐页返回：把回复中的 `next` 作为 `cursor` 再发一次，直到它为空。不认识的查询参数会被拒绝。
- 修改时把读到的 `ETag` 放进 `If-Match`：别人先改过就得到 412，不会互相覆盖。
- 记录不删除，写明原因作废，修改历史一直在。
- 断线重发是安全的：同一 `id`、同样内容再次新建，得到已存的记录；不需要 `Idempotency-Key`。
- 出错时的回复是 RFC 9457 问题文档，`type` 指向说明页，说明是什么问题、怎么办（[全部问题](/problems)）；语言随 `Accept-Language`。
- 每个回复都有 `X-Request-ID`：找管理员时报这个号。503 和 429 带 `Retry-After`：几秒后再试；只有输密码、输卡号限次数。
- 本服务不主动调用别人，没有 webhook：要知道变化，请拉取（见“同步”）。

[这份文档的 JSON](/openapi.json)""",
    """### Who does what
| role | who | what is within reach |
|---|---|---|
| `county` | administrators of the county | the whole county |
| `township` | officers of a township | the villages of the township |
| `village` | workers of a village | the villages and groups held |
| `household_head` | the head of a household, the lead household of a group | the own household; a lead household's own group |

Each operation says who may call it (`x-roles` says it to machines). With `?role=village`, say, this document keeps what that role may \
call: a convenience of reading, not a secret.

### What holds everywhere
- An `id` is a UUID that the client may make; places are named by number, `place_id`; `…_on` is a day in China, `…_at` an instant in UTC.
- Lists come page by page: send `next` of the reply as `cursor`, until it is null. Unknown query parameters are refused.
- A change carries the `ETag` that was read as `If-Match`: \
where somebody changed the record meanwhile the answer is 412, and nothing is overwritten.
- Nothing is erased: a record is voided with a reason, and its history stays.
- Sending again after a lost reply is safe: a creation with the same `id` and content gives the stored record; \
no `Idempotency-Key` is needed.
- Errors are problem documents (RFC 9457): `type` is a page that says what it is and what to do ([all of them](/problems?lang=en)); \
`Accept-Language` chooses the language.
- Every reply has an `X-Request-ID`: name it when you ask an administrator. 503 and 429 say in `Retry-After` how many seconds to wait; \
only tries of a password or a card are limited in number.
- The service calls nobody, so there are no webhooks: who wants to know what changed pulls it (see “Sync”).

[This document as JSON](/openapi.json?lang=en)""",
)  # fmt: skip


def _morning(language: str) -> str:
    parts = (part for said, typed in MORNING for part in (pick(said, language), f"```console\n{typed}\n```" if typed else ""))
    return "\n\n".join(part for part in parts if part)


def introduction(language: str) -> str:
    morning = f"<details><summary>{pick(MORNING_CALLED, language)}</summary>\n\n{_morning(language)}\n\n</details>"
    return "\n\n".join((pick(TWO_MINUTES, language), morning, pick(CONVENTIONS, language)))


def morning_as_markdown() -> str:
    """docs/morning.md."""
    printed = "Printed from api/routers/chapters.py by `.venv/bin/python -m api.routers.openapi`; the docs page has it in Chinese too."
    return f"# {pick(MORNING_CALLED, 'en')}\n\n{printed} A test runs these\nlines.\n\n{_morning('en')}\n"

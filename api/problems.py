"""Every problem the service can answer with (RFC 9457): its slug, status and words.

A rule returns a `Problem`, an edge raises it. `Problem.document` is the body; its `type` is a page of this service (`/problems/{slug}`).
A problem never holds what was sent: facts are numbers, days and codes of our own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from api.language import both, pick, translated


class Fault(NamedTuple):
    """One place in what was sent, as a JSON pointer (or `?name` for a query parameter), and what is wrong there."""

    pointer: str
    code: str
    words: str


class Problem(Exception):
    def __init__(self, kind: "ProblemKind", faults: Iterable[Fault], headers: Mapping[str, str], facts: dict[str, Any]) -> None:
        super().__init__(kind.slug)
        self.kind, self.faults, self.headers, self.facts = kind, tuple(faults), headers, facts

    def document(self, language: str) -> dict[str, Any]:
        facts = {name: translated(fact, language) for name, fact in self.facts.items()}
        words = {name: fact for name, fact in facts.items() if not isinstance(fact, dict | list)}
        document = {
            "type": f"/problems/{self.kind.slug}",
            "title": pick(self.kind.title, language),
            "status": self.kind.status,
            "detail": pick(self.kind.detail, language).format(**words),
            **facts,
        }
        if self.faults:
            document["errors"] = [{"pointer": f.pointer, "code": f.code, "detail": pick(f.words, language)} for f in self.faults]
        return document

    def stored(self) -> dict[str, Any]:
        """To be kept with what was refused, and read again in either language."""
        return {"slug": self.kind.slug, "faults": [list(fault) for fault in self.faults], "facts": self.facts}


def restored(stored: Mapping[str, Any]) -> Problem:
    return Problem(ALL[stored["slug"]], (Fault(*fault) for fault in stored["faults"]), {}, stored["facts"])


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem; calling it makes the problem: `NOT_FOUND()`, `STALE(rev=7)`.
    `of_itself`: an edit earns it by what it says, whatever others did meanwhile; made offline it is rejected, never a conflict."""

    slug: str
    status: int
    title: str
    detail: str
    of_itself: bool = False

    def __post_init__(self) -> None:
        ALL[self.slug] = self

    def __call__(self, *faults: Fault, headers: Mapping[str, str] | None = None, **facts: Any) -> Problem:
        return Problem(self, faults, headers or {}, facts)

    def at(self, pointer: str, **facts: Any) -> Problem:
        """The problem of one member: its own words stand at the pointer as well."""
        return Problem(self, (Fault(pointer, self.slug, self.title),), {}, facts)


ALL: dict[str, ProblemKind] = {}

# Who is calling
NOT_SIGNED_IN = ProblemKind(
    "not-signed-in",
    401,
    both("请先登录", "Sign in first"),
    both("没有有效的登录凭证，请重新登录。", "There is no valid token with this request. Sign in again."),
)
WRONG_SIGN_IN = ProblemKind(
    "wrong-sign-in",
    400,  # RFC 6749, 5.2: a bad grant is a 400
    both("登录失败", "Sign-in failed"),
    both(
        "用户名、密码或刷新凭证不对。忘记密码请找上级管理员重置。",
        "The user name, password or refresh token is wrong. Whoever is above you can reset a forgotten password.",
    ),
)
DEVICE_REVOKED = ProblemKind(
    "device-revoked",
    403,
    both("此设备已停用", "This device has been revoked"),
    both(
        "此设备已被停用。未上传的记录请保留，联系上级管理员。",
        "This device may no longer sign in. Keep what it has not sent and ask whoever is above you.",
    ),
)
ACCOUNT_CLOSED = ProblemKind(
    "account-closed",
    403,
    both("账号已停用", "This account is closed"),
    both("此账号已停用；如有疑问，请联系上级管理员。", "This account has been closed. If that is a mistake, ask whoever is above you."),
)
TOO_MANY_ATTEMPTS = ProblemKind(
    "too-many-attempts",
    429,
    both("尝试次数过多", "Too many attempts"),
    both("登录尝试过多，请在 {retry_after} 秒后再试。", "Too many sign-in attempts. Try again in {retry_after} seconds."),
)
DEVICE_OF_ANOTHER = ProblemKind(
    "device-of-another",
    409,
    both("设备属于他人", "The device belongs to somebody else"),
    both(
        "此设备编号已属于另一位用户。换人使用时，请以新的设备编号登录。",
        "This device id belongs to another user. A phone that is handed over signs in with a new device id.",
    ),
)
NOT_ALLOWED = ProblemKind(
    "not-allowed",
    403,
    both("无权进行此操作", "Not yours to do"),
    both(
        "您的角色不能进行此操作；请找可以的人，文档写明是谁。",
        "Your role does not do this. The documentation says whose does: ask one of them.",
    ),
    of_itself=True,
)

# What was sent
NOT_FOUND = ProblemKind(
    "not-found",
    404,
    both("没有找到", "Not found"),
    both(
        "没有这条记录，或者它不在您的范围内。请核对编号和所负责的地方。",
        "There is no such record within your reach. Check the id, and which places you hold.",
    ),
    of_itself=True,
)
NO_SUCH_PATH = ProblemKind(
    "no-such-path",
    404,
    both("没有这个地址", "No such path"),
    both("此地址不存在；有哪些地址见 /docs。", "This service has nothing at this path. /docs lists those that it has."),
)
METHOD_NOT_ALLOWED = ProblemKind(
    "method-not-allowed",
    405,
    both("不支持此方法", "Method not allowed"),
    both("此地址不支持该方法；可用的见 Allow。", "This path does not know that method. Allow names those that it knows."),
)
INVALID = ProblemKind(
    "invalid",
    422,
    both("内容不符合要求", "Something in it is not as it should be"),
    both("请按 errors 中列出的位置逐项改正。", "Mend each place listed in errors."),
)
NOT_JSON = ProblemKind(
    "not-json",
    400,
    both("不是有效的 JSON", "Not valid JSON"),
    both("请求内容不是有效的 UTF-8 JSON，请改正后再发。", "The body is not valid JSON in UTF-8. Mend it and send it again."),
)
BAD_ENCODING = ProblemKind(
    "bad-encoding",
    400,
    both("压缩内容有误", "The compressed body is broken"),
    both("Content-Encoding 只能是 gzip，且内容须完整。", "Content-Encoding may be gzip only, and the stream must be whole."),
)
WRONG_MEDIA_TYPE = ProblemKind(
    "wrong-media-type",
    415,
    both("内容类型不对", "Wrong content type"),
    both("请使用文档中写明的 Content-Type。", "Send the Content-Type that the documentation names."),
)
TOO_SLOW = ProblemKind(
    "too-slow",
    408,
    both("发送太慢", "Sent too slowly"),
    both("请求内容在 {seconds} 秒内没有发完，请重发。", "The body was not complete within {seconds} seconds. Send it again."),
)
TOO_LARGE = ProblemKind(
    "too-large",
    413,
    both("内容过大", "Too large"),
    both("请求内容超过 {limit} 字节，请分几次发。", "The body is over {limit} bytes. Send less at a time."),
)
BAD_CURSOR = ProblemKind(
    "bad-cursor",
    422,
    both("翻页标记无效", "The cursor is of no use"),
    both(
        "请用列表返回的 next，并保持筛选条件不变；或从第一页开始。",
        "Send the list's own next with the same filters, or start from the first page.",
    ),
)

# What the state of the record says
IF_MATCH_REQUIRED = ProblemKind(
    "if-match-required",
    428,
    both("缺少 If-Match", "If-Match is required"),
    both("修改时请在 If-Match 中带上所依据的 ETag。", "Send the ETag of the copy that was edited as If-Match."),
)
STALE = ProblemKind(
    "stale",
    412,
    both("记录已被更新", "Somebody changed it meanwhile"),
    both("此记录已是第 {rev} 版。请重新读取后再改。", "The record is at revision {rev} now. Read it again, then change it."),
)
ID_TAKEN = ProblemKind(
    "id-taken",
    409,
    both("编号已被使用", "The id is taken"),
    both("此编号已有内容不同的记录。请换一个编号。", "Another record has this id, with other content. Use a new id."),
)
VOIDED = ProblemKind(
    "voided",
    409,
    both("记录已作废", "The record is voided"),
    both(
        "作废的记录不能再修改，也不能再添加内容；需要时请另建一条。",
        "A voided record takes no changes, and nothing is added to it. Make a new one where one is needed.",
    ),
)
HAS_RECORDS = ProblemKind(
    "has-records",
    409,
    both("名下还有记录", "Records still hang on it"),
    both(
        "请先作废其名下的记录；人已不在的户，请改状态而不要作废。",
        "Void what hangs on it first; a household that is gone gets another status instead.",
    ),
)
LOOKS_DOUBLE = ProblemKind(
    "looks-double",
    409,
    both("可能重复", "Looks like a double"),
    both(
        "已有看起来相同的记录（见 doubles）。确实不同时，请加 confirm=true 再次提交。",
        "There are records that look like the same thing (see doubles). If they are not, send it again with confirm=true.",
    ),
)
ALREADY_RECORDED = ProblemKind(
    "already-recorded",
    409,
    both("已经记录，不能再改", "Recorded already, and not changed any more"),
    both(
        "第一次记录的有效。记错了请用新的一笔更正（如退款）。",
        "What was recorded first stands. Put a mistake right by a new entry, a refund say.",
    ),
    of_itself=True,
)
ONLY_ADDED = ProblemKind(
    "only-added",
    405,
    both("此类记录只增不改", "Records of this kind are only added"),
    both("不能修改或作废；请用新的一笔更正。", "None is changed or voided; put it right by a new entry."),
)
FIXED = ProblemKind(
    "fixed",
    422,
    both("此项建立后不能修改", "This member is fixed once the record exists"),
    both("请作废这条记录，另建一条。", "Void the record and make a new one instead."),
    of_itself=True,
)
REFUSED_WORD = ProblemKind(
    "refused-word",
    422,
    both("含有不记录的内容", "Holds what is not recorded here"),
    both(
        "本系统不记录生育、避孕、孕情等内容；所写文字没有保存。请改写后再提交。",
        "This service keeps no reproductive records; the text was not stored. Write it in other words.",
    ),
    of_itself=True,
)
DAY_TO_COME = ProblemKind(
    "day-to-come",
    422,
    both("日期晚于明天", "A day after tomorrow"),
    both("只能记录到明天为止的日期；今天是 {today}。", "Days up to tomorrow can be recorded; today is {today}."),
    of_itself=True,
)
NO_IDENTITY_NUMBER = ProblemKind(
    "no-identity-number",
    422,
    both("不是有效的身份证号码", "Not a valid identity number"),
    both(
        "应为 18 位，出生日期和末位校验码须正确。请对照证件再输入一次。",
        "It has 18 characters, with a birthday that can have been and the right check digit at the end. Look at the card again.",
    ),
    of_itself=True,
)
CANNOT_BE_OPENED = ProblemKind(
    "cannot-be-opened",
    409,
    both("加密内容打不开", "What is sealed cannot be opened"),
    both(
        "服务器上没有它的密钥。请告诉管理员；或对照证件重新登记。",
        "The key to it is not on this server. Tell the administrator, or enter it again from the card.",
    ),
)
NOBODY_MET = ProblemKind(
    "nobody-met",
    422,
    both("没有见到人，不应有事项或记录", "Nobody was met, so there is nothing to note"),
    both(
        "结果为“未遇”或“谢绝”的家访不记录见到的人、事项、约定和备注，请去掉这些内容。",
        "A visit that is absent or declined carries nobody met, no purposes, no agreement and no notes. Leave them out.",
    ),
)
NOT_ENDED_SO = ProblemKind(
    "not-ended-so",
    422,
    both("状态与办结说明不一致", "The state and how it ended don't go together"),
    both(
        "已办的写明由哪次家访办结，不办的写明原因，待办的两项都不写。",
        "What is done names the visit that did it, what is dropped says why, what is open says neither.",
    ),
)
JOINED_ALREADY = ProblemKind(
    "joined-already",
    409,
    both("已并入另一条", "It was joined into another one"),
    both("这条已经并入 joined_into_id，请直接并入那一条。", "It was joined into joined_into_id; join into that one."),
)
UNKNOWN_CODE = ProblemKind(
    "unknown-code",
    422,
    both("代码不在目录中", "The code is in no catalogue"),
    both("请使用目录中的代码（GET /v1/catalogue-entries）。", "Use a code of the catalogue (GET /v1/catalogue-entries)."),
    of_itself=True,
)
CODE_TAKEN = ProblemKind(
    "code-taken",
    409,
    both("代码已被使用", "The code is taken"),
    both("此目录已有这个代码；代码用过就不再另作他用。", "This catalogue has the code already; a code is never used for something else."),
)
NOT_A_VILLAGE = ProblemKind(
    "not-a-village",
    422,
    both("这不是村", "This is no village"),
    both(
        "小组建在村下面，激活卡按村印：请用村的编号。",
        "A group lies below a village, and cards are printed for one: give the number of a village.",
    ),
)
NUMBER_TAKEN = ProblemKind(
    "number-taken",
    409,
    both("此村已有这个小组号", "The village has a group of that number"),
    both("请换一个小组号，或使用已有的小组。", "Choose another number, or use the group that is there."),
)
WRONG_PLACE = ProblemKind(
    "wrong-place",
    422,
    both("不能放在这一级", "Not at this level"),
    both(
        "户应放在村民小组，没有小组的放在村；随访任务由村或乡镇办。",
        "A household belongs to a group, or to its village where it has none; a follow-up is done by a village or a township.",
    ),
    of_itself=True,
)

# Check-ups
DECLINED_THIS_ROUND = ProblemKind(
    "declined-this-round",
    409,
    both("本轮已谢绝", "Declined for this round"),
    both(
        "本人已谢绝，本轮不再邀请，不问原因。本人改变主意时，写上 undone_at 收回。",
        "They declined and are not asked again in this round; no reason is asked. If they change their mind, say so with a new undone_at.",
    ),
    of_itself=True,
)
MAKE_UP_ONCE = ProblemKind(
    "make-up-once",
    409,
    both("补查只邀请一次", "One make-up invitation"),
    both(
        "没来的人只能再邀请一次，而且是补查场次（make_up_for_id）。想来随时可以来。",
        "Who missed it is asked once more, to a make-up session (make_up_for_id). They may come at any time all the same.",
    ),
    of_itself=True,
)
NOT_THIS_STEP = ProblemKind(
    "not-this-step",
    409,
    both("状态不能这样变", "Not a step from that state"),
    both(
        "从现在的状态不能直接到这个状态。记错了要收回时，写上新的 undone_at。",
        "This state does not follow from the present one. To take something back, say so with a new undone_at.",
    ),
    of_itself=True,
)
WRONG_ID = ProblemKind(
    "wrong-id",
    422,
    both("编号不对", "Not the id it has"),
    both(
        "这类记录的编号由内容算出（见文档中的 id）；可以不写，由服务器算出。",
        "The id of such a record follows from what it says (see `id` in the documentation); leave it out and the service computes it.",
    ),
    of_itself=True,
)
NO_SUCH_ROUND = ProblemKind(
    "no-such-round",
    422,
    both("项目没有这一轮", "The programme has no such round"),
    both("请用项目 rounds 中的轮次号。", "Use a number of the programme's rounds."),
    of_itself=True,
)
OTHER_ROUND = ProblemKind(
    "other-round",
    422,
    both("这一场属于别的项目或轮次", "The session is of another programme or round"),
    both("请选同一项目、同一轮的场次。", "Choose a session of the same programme and round."),
    of_itself=True,
)
NOT_OFFERED = ProblemKind(
    "not-offered",
    409,
    both("这一轮不再邀请", "Not offered any more"),
    both(
        "项目已停用，或这一轮已过，不再邀请；已经来的照样登记（attended）。",
        "The programme is not active, or the round is over, so nobody is asked; who came is written down all the same (attended).",
    ),
)
SESSION_OVER = ProblemKind(
    "session-over",
    409,
    both("这一场不再邀请", "The session is over or called off"),
    both(
        "这一场已结束、取消、作废或已过，不再邀请；请选别的场次。已经来的照样登记（attended）。",
        "It is closed, called off, voided or past: nobody is asked to it. Choose another. Who came is written down all the same.",
    ),
)
BEFORE_THE_ROUND = ProblemKind(
    "before-the-round",
    422,
    both("早于这一轮", "Before the round"),
    both("早于这一轮开始前 31 天，请核对日期和轮次。", "It is more than 31 days before the round begins. Check the day and the round."),
    of_itself=True,
)
ROUND_ENDS = ProblemKind(
    "round-ends",
    422,
    both("一轮最早今天结束", "A round ends today at the earliest"),
    both(
        "最后一天不能改到今天以前：公布的数以它为准，公布后不再变。",
        "Its last day is not moved before today: what is published of it goes by that day, and never changes.",
    ),
)
ROUND_KEPT = ProblemKind(
    "round-kept",
    409,
    both("用过的轮次不能去掉", "A round stays"),
    both(
        "轮次的日子可以改，轮次号留着：到检记录的编号由它算出。",
        "Its days may change, its number stays: ids of attendances are made of it.",
    ),
)
NOT_IN_ORDER = ProblemKind(
    "not-in-order",
    422,
    both("先后不对或重复", "Not in order, or there twice"),
    both("结束不能早于开始，轮次号不能重复。", "An end is not before its beginning, and the number of a round is there once."),
    of_itself=True,
)
WRONG_LEVEL = ProblemKind(
    "wrong-level",
    422,
    both("场次办在乡镇、村或小组", "A session is held in a township, village or group"),
    both("请用乡镇、村或小组的编号。", "Give the number of a township, village or group."),
    of_itself=True,
)

# Sync
OTHER_SIDE = ProblemKind(
    "other-side",
    422,
    both("这是对方一侧的", "It is the other side's"),
    both(
        "双地登记里，服务和现居住地由居住一侧写，户籍地和想请帮办的由户籍一侧写。",
        "In a residence, services and where somebody lives are written by the side of residence; where they are registered, and what is"
        " asked for, by the side of registration.",
    ),
    of_itself=True,
)
GUARDIAN_NEEDED = ProblemKind(
    "guardian-needed",
    422,
    both("要由监护人同意", "A guardian has to agree"),
    both(
        "不满十四周岁的，由监护人表示同意（个人信息保护法第三十一条）；收回则本人说了就算。",
        "For somebody under 14 a guardian agrees (Personal Information Protection Law, article 31); to take it back, the child's own"
        " word is enough.",
    ),
    of_itself=True,
)
CURSOR_UNUSABLE = ProblemKind(
    "cursor-unusable",
    409,
    both("同步标记已不能用", "The cursor can't be used any more"),
    both(
        "请保留未上传的修改，从头同步（cursor 留空）。原因：{reason}。",
        "Keep the unsent edits and start again with an empty cursor. Reason: {reason}.",
    ),
)
NO_FIELD_SEAT = ProblemKind(
    "no-field-seat",
    403,
    both("没有负责的小组", "No group to work in"),
    both(
        "只有中心户长可以同步其小组的记录；自己家的记录请在线查看。",
        "Only the lead household of a group syncs its records; a family reads its own online.",
    ),
)
NO_FAMILY_SEAT = ProblemKind(
    "no-family-seat",
    403,
    both("这个账号不是哪一户的户主", "This account heads no household"),
    both(
        "只有户主本人能看自己这一户。如果户主换了人或户口合并了，请告诉村里的工作人员。",
        "A household is read by its head alone. If somebody else heads it now, or two became one, tell the worker of your village.",
    ),
)
ENOUGH_ASKED = ProblemKind(
    "enough-asked",
    409,
    both("已经请过了", "It has been asked for"),
    both("还有 {count} 个请求没有办，先等答复。", "There are {count} requests that nobody has answered yet. Wait for these first."),
)
COULD_NOT_STORE = ProblemKind(
    "could-not-store",
    422,
    both("没能存入", "It could not be stored"),
    both(
        "数据库没有接受这一条；原文已保留在未接受列表，管理员可以查看。",
        "The database did not take this one. What was sent is kept on the rejected list, for an administrator to look at.",
    ),
)
SETTLED = ProblemKind(
    "settled",
    409,
    both("已经处理过", "It has been settled"),
    both("这一项已有人处理过，请刷新列表。", "Somebody has settled this already. Read the list again."),
)

# Users
USERNAME_TAKEN = ProblemKind(
    "username-taken",
    409,
    both("用户名已被使用", "The user name is taken"),
    both("请换一个用户名。", "Choose another user name."),
)
WRONG_REACH = ProblemKind(
    "wrong-reach",
    422,
    both("角色与地方不相配", "The role does not go with the place"),
    both(
        "县级角色用于县，乡镇角色用于乡镇，村级角色用于村或小组，中心户长用于小组。",
        "county goes with the county, township with a township, village with a village or group, household_head with a group.",
    ),
)
LAST_ADMINISTRATOR = ProblemKind(
    "last-administrator",
    409,
    both("县里最后一位管理员", "The county's last administrator"),
    both(
        "请先新建另一位县级管理员，再停用这一位或收回其权限。",
        "Create another county user first; a county is never without an administrator.",
    ),
)
FIRST_PASSWORD_OVER = ProblemKind(
    "first-password-over",
    403,
    both("初始密码已过期", "The first password is over"),
    both(
        "管理员给的密码 30 天内有效，到期还没有改成自己的，就不能再登录。请向给密码的人再要一个。",
        "A password that somebody else made is good for 30 days, within which it is changed to one's own. Ask whoever gave it for another.",
    ),
)
WEAK_PASSWORD = ProblemKind(
    "weak-password",
    422,
    both("密码太容易猜", "The password is too easy to guess"),
    both(
        "密码至少 10 个字符，不能包含用户名，也不能是常见或泄露过的密码、日期、电话。几个不相干的词连起来就好记又难猜。",
        "At least 10 characters, without the user name, and nothing common, leaked, or made of a date or a phone number. Some words that "
        "have nothing to do with each other are easy to keep in mind and hard to guess.",
    ),
)

WRONG_CARD = ProblemKind(
    "wrong-card",
    400,
    both("卡号或卡上的密码不对", "The number or the code of the card is wrong"),
    both(
        "请对照卡片再输一次；密码输错五次，卡就作废，可向村里要一张新的。",
        "Compare with the card and type it again. After five wrong codes the card is worth nothing; your village has another.",
    ),
)
CARD_SPENT = ProblemKind(
    "card-spent",
    409,
    both("这张卡已经用过或过期", "The card was used, or has expired"),
    both(
        "用过的：请用卡号和自己的密码登录。过期的：请向村里要一张新的。",
        "If you used it: sign in with its number and your own password. If it has expired: ask your village for another.",
    ),
    of_itself=True,
)
CARD_NOT_BOUND = ProblemKind(
    "card-not-bound",
    409,
    both("这张卡还没有登记给谁", "The card is nobody's yet"),
    both("等村里工作人员的手机联网以后再试。", "Try again once the phone of your village's worker has been online."),
)
NOT_A_HEAD = ProblemKind(
    "not-a-head",
    409,
    both("不是户主", "Heads no household"),
    both(
        "激活卡只给户主；户主换了人，请先登记。", "A card is for the head of a household. If somebody else heads it now, record that first."
    ),
)
# Money
ITEM_CLOSED = ProblemKind(
    "item-closed",
    422,
    both("此项目不能收费", "This item takes no charge"),
    both("{because}。", "{because}."),
    of_itself=True,
)
ITEM_INCOMPLETE = ProblemKind(
    "item-incomplete",
    422,
    both("收费项目不完整", "The fee item does not hold together"),
    both(
        "金额与计算办法恰写一个（只作记录的不写金额）；止期不早于起期；停收的理由中英文都写。",
        "Either an amount or a rule (none for what is recorded only); it ends no earlier than it begins; why it is closed is said in both"
        " languages.",
    ),
)
NOT_THE_AMOUNT = ProblemKind(
    "not-the-amount",
    422,
    both("与收费项目不符", "Not what the fee item says"),
    both(
        "金额应与项目一致；只作记录的项目金额为 0 并写凭证号，其余不写凭证号。",
        "The amount is that of the item; an item that is recorded only has the amount 0 and the number of the proof, others have none.",
    ),
    of_itself=True,
)
SAME_PERSON = ProblemKind(
    "same-person",
    409,
    both("要由另一个人来决定", "Another person has to decide"),
    both(
        "提出的人和批准的人、点交的双方不能是同一人；收款的人不批准退款；自己登记的应收，过了一天或有了缴款，由另一人作废。",
        "Who asks and who approves, and the two sides of a counting, are two people; who collected the money does not approve that it"
        " goes back; a charge of one's own is voided by somebody else after a day, or once something was paid of it.",
    ),
)
WAIVER_NOT_NOW = ProblemKind(
    "waiver-not-now",
    409,
    both("现在不能这样减免", "Not at this point of the waiver"),
    both("未缴清的应收可以提出减免；提出之后才能决定。", "A waiver is asked for while the charge is open, and decided after that."),
)
DECIDED = ProblemKind(
    "decided",
    409,
    both("已经决定过", "Decided already"),
    both("请刷新后再看。", "Read it again."),
)
MORE_THAN_PAID = ProblemKind(
    "more-than-paid",
    422,
    both("多于这笔缴款", "More than was paid"),
    both("退款合计不能多于缴款，请改小金额。", "All refunds of a payment together are no more than the payment. Give back less."),
)
NOT_FROM_THERE = ProblemKind(
    "not-from-there",
    422,
    both("不能从那里更正", "It is not corrected from there"),
    both(
        "转账记错了，从财政专户更正；收款人或乡镇手中的现金是别的户缴的。",
        "A transfer that never came is corrected in the special account: cash of a worker or a township came from other households.",
    ),
    of_itself=True,
)
NOT_ENOUGH = ProblemKind(
    "not-enough",
    409,
    both("那里没有这么多钱", "There is not that much money there"),
    both(
        "请从有这笔钱的地方退（收款人、乡镇或财政专户）。",
        "Pay it from where the money is: the collector, the township, or the special account.",
    ),
)
RANGE_TAKEN = ProblemKind(
    "range-taken",
    409,
    both("号码已分给别的票据本", "Numbers of another book"),
    both("同一字轨的号码只能分一次，请换一段。", "In a series a number is allotted once. Choose another range."),
)
BAD_RANGE = ProblemKind(
    "bad-range",
    422,
    both("起止号不对", "No range of numbers"),
    both("止号不小于起号，一本最多 1000 张。", "The last number is no less than the first, and a book has at most 1,000."),
    of_itself=True,
)
NUMBER_NOT_BLANK = ProblemKind(
    "number-not-blank",
    409,
    both("这个号码不是空白的", "The number is not blank"),
    both("不在这本里，或已经开出；见这本的各号码去向。", "It is not of this book, or was issued. The list of its numbers says which."),
)
MONTH_NOT_OVER = ProblemKind(
    "month-not-over",
    409,
    both("这个月还没有过完", "The month is not over"),
    both("过完的月份才能结账，按先后结。", "A month is closed once it is over, in order."),
)

# Imports
BAD_FILE = ProblemKind(
    "bad-file",
    422,
    both("文件有误，未导入任何内容", "The file has faults; nothing of it was imported"),
    both("共 {count} 处问题，见 errors；改正后重新上传。", "{count} faults; see errors. Mend them and send the file again."),
)
NOT_NOW = ProblemKind(
    "not-now",
    409,
    both("导入现在不能这样做", "Not at this point of the import"),
    both(
        "导入现在是 {state}。ready 时可以确认；running 时或做完一天之内可以撤销。",
        "The import is {state}. It is confirmed while it is ready, and undone while it is running or within a day of its end.",
    ),
)

# The service itself
BUSY = ProblemKind(
    "busy",
    503,
    both("服务繁忙", "Busy"),
    both("请在 {retry_after} 秒后重试；未保存的内容没有丢失。", "Try again in {retry_after} seconds; nothing that was stored is lost."),
)
BROKEN = ProblemKind(
    "broken",
    500,
    both("服务出错", "Something broke here"),
    both("请把编号 {id} 告诉管理员。", "Tell the administrator this id: {id}."),
)


def busy(seconds: int = 2) -> Problem:
    return BUSY(headers={"Retry-After": str(seconds)}, retry_after=seconds)

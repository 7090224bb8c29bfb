from typing import Any, Literal

from pydantic import BaseModel, Field

from api.language import both
from api.schemas.base import MAY_BE_ABSENT, Id, Instant, PlaceNumber, Revision, says

KINDS = Field(
    None,
    max_length=1000,
    description=both("只要这些种类，以逗号分隔；不写则为全部", "Only these kinds, separated by commas; without it all"),
)


class PullQuery(BaseModel):
    cursor: str = Field(
        "", max_length=400, description=both("上一次返回的 cursor；留空则从头开始", "cursor of the reply before; empty: from the start")
    )
    limit: int = Field(500, ge=1, le=1000, description=both("每页条数", "Changes a page"))
    kinds: str | None = KINDS


class DigestQuery(BaseModel):
    kinds: str | None = KINDS
    place_id: PlaceNumber | None = Field(
        None,
        description=both(
            "只算这个地方；县级须写明乡镇（1 为县本级）", "Only this place; the county names a township (1: the county itself)"
        ),
    )


class Upsert(BaseModel):
    """放入一条记录。A record to take in, new or changed."""

    op: Literal["upsert"] = says("放入", "Take it in", "upsert")
    kind: str = says("种类", "Kind of record", "visit")
    id: Id = says("记录编号", "Id of the record")
    rev: Revision = says("版本号", "Revision", 1)
    doc: dict[str, Any] = says("记录，与 GET 相同", "The record, the same as in a GET")


class Remove(BaseModel):
    """移除一条记录。A record whose copy is to be dropped; an edit that has not been sent stays and is sent."""

    op: Literal["remove"] = says("移除", "Drop the copy", "remove")
    kind: str = says("种类", "Kind of record", "visit")
    id: Id = says("记录编号", "Id of the record")
    reason: Literal["voided", "moved", "out_of_scope", "expired"] = says(
        "voided 已作废 · moved 已转到别处 · out_of_scope 不再负责 · expired 过了保留期",
        "moved: it belongs elsewhere now · out_of_scope: the place was taken away · expired: kept on phones long enough",
        "voided",
    )
    successor_id: Id = Field(
        description=both("合并到的记录；没有则不出现", "The record that it was joined into; absent where there is none"),
        json_schema_extra=MAY_BE_ABSENT,
    )


class Pull(BaseModel):
    """一页变化。A page of changes."""

    changes: list[Upsert | Remove] = says(
        "变化，按先后；一页之内一条记录只出现一次", "Changes in order; within a page a record comes once at most"
    )
    cursor: str = says("下一次的 cursor；跟上以后是一个整数", "cursor of the next call; an integer once all has been read", "197468161")
    more: bool = says("后面还有；只有最后一页不满", "Whether there is more; only the last page is not full", False)
    tick: int = says("这一页所依据的滴答", "The tick that this page is of", 48211)
    of: int = Field(
        description=both("大约共有多少条；只在第一页", "About how many changes are to come; on the first page only"),
        json_schema_extra=MAY_BE_ABSENT,
    )
    server_time: Instant = says("服务器时间（UTC）", "The time by the clock of the service (UTC)")


class KindDigest(BaseModel):
    """一个种类的核对数。The digest of one kind."""

    count: int = says("记录条数", "How many records", 1234)
    sum: int = says(
        '每条 sha256("编号:版本") 前 12 位十六进制数之和，模 2^48',
        'Sum, modulo 2^48, of the first 12 hexadecimal digits of sha256 of "{id}:{rev}" of each',
        81234567890,
    )


class Digest(BaseModel):
    """核对数。What a phone that is level should hold, in numbers."""

    tick: int = says(
        "所依据的滴答：与最后一页的相同才可比较", "The tick that it is of: compare only with the same one of the last page", 48211
    )
    kinds: dict[str, KindDigest] = says("各种类", "By kind")


class Clash(BaseModel):
    """两台设备改成了不同的值。A member that a phone and somebody else changed differently."""

    field: str = says("哪一项", "Which member", "notes")
    yours: Any = says("这台设备的值", "The value of this phone", "带了材料")
    theirs: Any = says("记录中保留的值", "The value that the record keeps", "材料未带")
    conflict_id: Id = says("用它来选定（/v1/conflicts）", "To choose by (/v1/conflicts)")


class PushResult(BaseModel):
    """一条的结果。What became of one op."""

    id: Id | None = says("记录编号", "Id of the record; null: it was no edit of a record")
    kind: str | None = says("种类", "Kind of record", "visit")
    outcome: Literal["applied", "unchanged", "merged", "conflict", "held", "inbox", "rejected"] = says(
        "applied 已存 · unchanged 无变化 · merged 已合并 · conflict 有冲突 · held 等待所属记录 · inbox 转给乡镇 · rejected 未接受",
        "What became of it (docs/sync.md)",
        "applied",
    )
    rev: int | None = Field(description=both("记录现在的版本", "The present revision of the record"), json_schema_extra=MAY_BE_ABSENT)
    doc: dict[str, Any] | None = Field(
        description=both("记录现在的内容；手机以此为准", "The record as it stands, where the phone has to take it"),
        json_schema_extra=MAY_BE_ABSENT,
    )
    doubles: list[Id] = Field(
        description=both("看起来相同的记录，仅供参考", "Records that look like the same thing; a hint"), json_schema_extra=MAY_BE_ABSENT
    )
    conflicts: list[Clash] = Field(description=both("冲突的各项", "The members that clash"), json_schema_extra=MAY_BE_ABSENT)
    problem: dict[str, Any] = Field(
        description=both("为什么没有接受，或哪一处文字没有保存", "Why it was refused, or which text was not stored"),
        json_schema_extra=MAY_BE_ABSENT,
    )
    kept: bool = Field(
        description=both("原文是否在未接受列表", "Whether the rejected list has what was sent"),
        json_schema_extra=MAY_BE_ABSENT,
    )


class Pushed(BaseModel):
    """上传的结果。What became of a push."""

    results: list[PushResult] = says("每条一个结果，次序相同", "One for each op, in the same order")
    clock_skew_seconds: int = says(
        "手机时钟快多少秒（慢则为负）；超过 600 应提醒", "Seconds by which the phone's clock is ahead; past 600 an app warns", 0
    )
    server_time: Instant = says("服务器时间（UTC）", "The time by the clock of the service (UTC)")

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.language import both
from api.schemas.base import MAY_BE_ABSENT, Id, Instant, PlaceNumber, Revision, says

KINDS = Field(
    None,
    max_length=1000,
    description=both("只要这些种类，以逗号分隔；不写则为全部", "Only these kinds, separated by commas; without it all"),
)


class PullQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    cursor: str = Field(
        "", max_length=400, description=both("上一次返回的 cursor；留空则从头开始", "cursor of the reply before; empty: from the start")
    )
    limit: int = Field(500, ge=1, le=1000, description=both("每页条数", "Changes a page"))
    kinds: str | None = KINDS


class DigestQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

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

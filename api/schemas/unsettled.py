from typing import Any, Literal

from pydantic import BaseModel, Field

from api.language import both
from api.schemas.base import Body, Id, Instant, Paging, PlaceNumber, says


class ListQuery(Paging):
    settled: bool = Field(False, description=both("只列出已处理的", "List only what is settled"))


class KeptOp(BaseModel):
    """一条没有直接存入的离线修改。An edit that was made offline and did not go in as it was."""

    id: Id = says("本项编号", "Id of the entry")
    kind: str = says("记录的种类", "Kind of the record", "visit")
    record_id: Id = says("记录编号", "Id of the record")
    # what a phone sent wrongly is kept as it was sent
    base_rev: Any = says(
        "所依据的版本，照原样；新建时为空", "`rev` of the copy that was edited, as it was sent; null: made on the phone", 3
    )
    at: Any = says(
        "修改时间（手机时钟），照原样", "When it was made, by the phone's clock, as it was sent", "2026-11-23T09:12:00.120+08:00"
    )
    doc: Any = says("修改的内容，照原样", "What was to be changed, as it was sent", {"notes": "老人精神好"})
    void: Any = says("作废原因，照原样", "Why it was to be withdrawn, as it was sent")
    reason: Literal["place_lost", "voided", "device_lost", "waited"] | None = says(
        "为什么转到收件箱：place_lost 已不负责该地方 · voided 记录已作废 · device_lost 设备已报失 · waited 等所属记录满 30 天",
        "Why it is in the inbox: the sender lost the place · the record was voided · the device was reported lost · it waited for 30 days",
        "place_lost",
    )
    problem: dict[str, Any] | None = says("为什么没有接受", "Why it was refused")
    waits_for: Id | None = says("在等哪条记录", "The record that it waits for")
    by_user_id: Id = says("谁修改的", "Whose edit it is")
    device_id: Id = says("用哪台设备", "On which device")
    place_id: PlaceNumber = says("属于哪个地方；未知时为修改人所在地方", "The place; the sender's own where it is not known", 5)
    received_at: Instant = says("到达时间（UTC）", "When it arrived (UTC)")
    settled: Literal["applied", "dismissed"] | None = says("怎样处理的；未处理为空", "How it was settled; null: it is open")
    settled_at: Instant | None = says("处理时间（UTC）", "When (UTC)")
    settled_by: Id | None = says("谁处理的", "By whom")


class Conflict(BaseModel):
    """一项冲突：两台设备改成了不同的值。A member that a phone and somebody else changed differently."""

    id: Id = says("冲突编号", "Id of the conflict")
    kind: str = says("记录的种类", "Kind of the record", "visit")
    record_id: Id = says("记录编号", "Id of the record")
    field: str = says("哪一项", "Which member", "notes")
    yours: Any = says("手机的值", "The value of the phone", "材料已交")
    theirs: Any = says("当时记录中的值，已保留", "The value of the record at that time, which stands", "材料未带")
    by_user_id: Id = says("谁的手机", "Whose phone")
    device_id: Id = says("哪台设备", "Which device")
    place_id: PlaceNumber = says("属于哪个地方", "The place", 5)
    made_at: Instant = says("修改时间（手机时钟）", "When the phone's value was set, by its clock")
    received_at: Instant = says("到达时间（UTC）", "When it arrived (UTC)")
    settled: Literal["mine", "theirs", "value"] | None = says("选定了什么；未选定为空", "What was chosen; null: it is open")
    settled_at: Instant | None = says("选定时间（UTC）", "When (UTC)")
    settled_by: Id | None = says("谁选定的", "By whom")


class Choice(Body):
    """选定一个值。Choosing the value that stands."""

    choose: Literal["mine", "theirs", "value"] = says(
        "mine 手机的值 · theirs 记录当时的值 · value 另写一个", "The phone's value, the record's at that time, or another", "mine"
    )
    value: Any = Field(None, description=both("choose 为 value 时的新值", "The new value, where `choose` is `value`"))


class Accepted(BaseModel):
    """收进去的结果。What became of an accepted entry."""

    outcome: Literal["applied", "unchanged", "merged", "conflict"] = says("结果，含义同上传", "As in a push", "applied")
    rev: int | None = says("记录现在的版本", "The present revision of the record", 2)

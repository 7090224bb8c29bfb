from typing import Annotated

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, Code, Day, Fen, Query, Record, Short, Words, says

Basis = Annotated[Words, StringConstraints(min_length=1, max_length=500)]


class FeeItem(Record):
    """收费项目：按哪条法律依据收多少；只加新版本，不改旧的。What may be charged and on which basis; versions are added, never edited."""

    code: Annotated[Code, GUARDED, says("代码；各版本相同", "Code, the same in each version", "waste_fee")]
    name: Annotated[Short, StringConstraints(max_length=50), GUARDED, says("中文名称", "Name in Chinese", "生活垃圾处理费")]
    name_en: Annotated[Short, StringConstraints(max_length=80), GUARDED, says("英文名称", "Name in English", "Waste fee")]
    basis: Annotated[
        Basis | None,
        GUARDED,
        says(
            "法律依据；没有依据就不能收",
            "The legal basis; without one nothing is charged",
            "《中华人民共和国固体废物污染环境防治法》第五十八条",
        ),
    ] = None
    amount_fen: Annotated[Fen | None, says("金额（分）；按 rule 计算时为空", "Amount in fen; null: as `rule` says", 6000)] = None
    rule: Annotated[Short | None, GUARDED, says("怎样计算，没有固定金额时", "How the amount is found, where it is not fixed")] = None
    valid_from: Annotated[
        Day, says("从哪一天起；同一代码里较新的版本取代旧的", "From which day; a later version of the code takes over then", "2026-01-01")
    ]
    valid_to: Annotated[Day | None, says("到哪一天为止", "Until which day")] = None
    record_only: Annotated[
        bool,
        says(
            "别的部门收的（如税务部门收的居民医保）：只记已缴和凭证号，不收钱",
            "Others collect it (the tax bureau, for residents' medical insurance): that it was paid is recorded, no money is taken",
            False,
        ),
    ] = False
    closed_because: Annotated[Short | None, GUARDED, says("为什么不收了", "Why it is no longer charged, in Chinese")] = None
    closed_because_en: Annotated[Short | None, GUARDED, says("为什么不收了（英文）", "Why, in English")] = None


class FeeItemQuery(Query):
    code: Code | None = Field(None, description=both("只看这个代码的各版本", "Only the versions of this code"))
    record_only: bool | None = Field(None, description=both("只记录、不收钱的", "Those that are recorded only"))
    in_force_on: Day | None = Field(None, description=both("这一天可以收的", "Those that could be charged on this day"))

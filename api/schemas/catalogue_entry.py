from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from api.language import both
from api.schemas.base import GUARDED, ONCE, Code, Query, Record, Short, says

Catalogue = Literal["visit_purpose", "follow_up_reason"]


class CatalogueEntry(Record):
    """目录条目：家访事项、随访原因等，由县里维护。An entry of a catalogue, kept by the county; a code is never reused."""

    catalogue: Annotated[Catalogue, ONCE, says("哪个目录", "Which catalogue", "visit_purpose")]
    code: Annotated[Code, ONCE, GUARDED, says("代码", "The code that records hold", "elder_care")]
    name: Annotated[Short, StringConstraints(max_length=50), GUARDED, says("中文名称", "Name in Chinese", "养老服务")]
    name_en: Annotated[Short, StringConstraints(max_length=80), GUARDED, says("英文名称", "Name in English", "Care for the elderly")]
    active: Annotated[
        bool, says("应用是否还提供这一项；离线时选过的仍会接受", "Whether apps still offer it; one chosen offline is accepted", True)
    ] = True


class CatalogueEntryQuery(Query):
    catalogue: Catalogue | None = Field(None, description=both("只看这个目录", "Only this catalogue"))
    active: bool | None = Field(None, description=both("是否还可以选", "Whether it may still be chosen"))

from typing import Literal

from pydantic import BaseModel, Field

from api.language import both
from api.schemas.base import Id, Instant, Line, says

RegisterKind = Literal["households", "people", "visits"]
State = Literal["reading", "ready", "faulty", "running", "done", "undoing", "undone"]


class NewImport(BaseModel):
    kind: RegisterKind = Field(
        description=both("households 户 · people 人 · visits 家访", "What the file is a register of"), examples=["households"]
    )
    file_name: Line = Field(
        min_length=1, max_length=200, description=both("文件名，便于以后认出", "By which people know the file again"), examples=["户册.csv"]
    )


class Finding(BaseModel):
    """文件中的一处。One place in a file."""

    row: int = says("第几行，如 Excel 所示；0 为整个文件", "The row as Excel counts it; 0: the file as a whole", 17)
    column: str = says("列的标题", "Heading of the column", "出生日期")
    cell: str = says("单元格", "The cell", "C17")
    code: str = says("代码", "A code for programs", "bad-day")
    detail: str = says("说明；从不重复单元格里的内容", "What is wrong there; it never says back what was in the cell")
    id: Id | None = says("有关的记录", "The record that it is about")


class ImportSummary(BaseModel):
    """一次导入：一个文件，一种登记簿。An import: one file, one kind of register."""

    id: Id = says("导入编号", "Id of the import")
    kind: RegisterKind = says("households 户 · people 人 · visits 家访", "What it is a register of", "people")
    file_name: str = says("文件名", "Name of the file")
    state: State = says(
        "reading 正在读 · ready 可以确认 · faulty 有问题，不导入 · running 正在导入 · done 完成 · undoing 正在撤销"
        " · undone 已撤销，或一天内没有确认",
        "reading; ready to be confirmed; faulty: nothing is imported; running; done; undoing; undone, or not confirmed within a day",
        "ready",
    )  # fmt: skip
    rows: int = says("有内容的行数", "Rows with something in them", 412)
    done: int = says("已处理的行数", "Rows that are done", 0)
    created: int = says("新建的记录", "Records that were created", 0)
    unchanged: int = says("原已有的记录，没有改动", "Records that were there already; they stay as they are", 0)
    refused: int = says("确认后情况有变、没有导入的行", "Rows that could not go in, since something changed after they were read", 0)
    undone: int = says("撤销时作废的记录", "Records that were voided when it was undone", 0)
    problem_count: int = says("问题总数", "How many problems there are", 0)
    note_count: int = says("提示总数", "How many notes there are", 0)
    by_user_id: Id | None = says("谁上传的；服务器命令行为空", "Who sent it; null: the command line of the server")
    created_at: Instant = says("上传时间（UTC）", "When it was sent (UTC)")
    ended_at: Instant | None = says("读完、做完或撤完的时间（UTC）", "When it was last read, run or undone to the end (UTC)")


class Import(ImportSummary):
    """一次导入的全部情况。An import, with what is said of its file."""

    problems: list[Finding] = says("前 500 个问题", "The first 500 problems")
    notes: list[Finding] = says(
        "前 500 个提示：疑似重复、内容不同的已有记录、撤销时留下的",
        "The first 500 notes: likely doubles, records that stay, rows that were refused",
    )

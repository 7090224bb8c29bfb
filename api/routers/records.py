"""The six calls that every kind of record has. What is special about a kind stands in its own file, which calls these."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any, TypeVar
from uuid import UUID, uuid4

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import Field, create_model
from starlette.responses import Response

from api import checkups, joining, road, way_in
from api.access import Access, access_of
from api.db.documents import Reads
from api.db.session import Tx
from api.decide import Op, Result
from api.kinds import CHILDREN, Kind
from api.language import both
from api.problems import (
    BAD_CURSOR,
    FIXED,
    ID_TAKEN,
    IF_MATCH_REQUIRED,
    LOOKS_DOUBLE,
    NOT_ALLOWED,
    NOT_FOUND,
    ONLY_ADDED,
    REFUSED_WORD,
    STALE,
    VOIDED,
    ProblemKind,
)
from api.road import write_one
from api.routers import wire
from api.routers.pages import page_model, page_of, read_cursor
from api.rules.caller import ROLES, Caller, Role, view_of
from api.schemas.base import Change, Voiding, change, creation, said
from api.schemas.base import Query as ListQuery
from api.schemas.joining import Touched

Q = TypeVar("Q", bound=ListQuery)
Preview = Annotated[bool, Query(description=both("只看会改动多少，不保存", "Only say how much it would change, and store nothing"))]
Confirm = Annotated[bool, Query(description=both("确认不是重复", "It is no double, store it"))]
ETAG = {"ETag": both("版本号，修改时放入 If-Match", "The revision, to be sent as If-Match")}
TOUCHED = wire.reply(Touched, both("改动了多少", "How many records it changes"))
READERS = ROLES


def reads_by(role: Role) -> Reads:
    """Field workers read by their places, officers by their townships: each has statements of its own, with the index that fits."""
    return "township" if role in ("county", "township") else "place"


class Records:
    """Adds a kind's calls to a router. `called`: its name in both languages; `many`: several of them in English, where an s does not do."""

    def __init__(self, router: APIRouter, kind: Kind, called: tuple[str, str], many: str = "") -> None:
        self.router, self.kind, self.called, self.many = router, kind, called, many or f"{called[1]}s"
        self.one = f"{'an' if called[1][0] in 'aeiou' else 'a'} {called[1]}"
        self.path, self.noun = f"/v1/{kind.plural}", kind.plural.replace("-", "_")
        self.doubles = (LOOKS_DOUBLE,) if kind.doubles else ()

    def lists(self, query_model: type[Q], meant: Callable[[Q, date], dict[str, Any]] = lambda query, today: {}) -> None:
        """`meant`: filters that others stand for, on this day."""
        kind, documents = self.kind, self.kind.documents
        words = (self.called[0], self.many)

        async def listing(request: Request, query: Annotated[query_model, Query()]) -> Response:  # type: ignore[valid-type]
            access = access_of(request)
            return await _page(access, request, kind, query, meant(query, access.today()))

        self._add(
            "GET",
            self.path,
            listing,
            f"list_{self.noun}",
            (f"列出{words[0]}", f"List {words[1]}"),
            (
                f"按 {documents.sort} {'降序' if documents.direction == 'desc' else '升序'}逐页返回您范围内的{words[0]}。",
                f"Those within your reach, page by page, by {documents.sort}, {documents.direction}ending.",
            ),
            kind.readers,
            wire.reply(page_model(kind.schema.__name__, kind.schema, *words), both("一页", "One page")),
            BAD_CURSOR,
        )

    def gets(self) -> None:
        kind = self.kind
        one, trail = kind.documents.get, kind.documents.revisions
        Trail = create_model(  # noqa: N806 - a class
            f"{kind.schema.__name__}Revisions",
            __doc__=f"{self.called[0]}的修改历史。History of {self.one}.",
            items=(list[Change], Field(description=both("各版本", "Each revision"))),
        )

        async def get(request: Request, id: UUID) -> Response:  # noqa: A002 - the name in the path
            [row] = await access_of(request).read(request, lambda role: one[view_of(role)], id)
            if row["doc"] is None:
                raise NOT_FOUND()
            return wire.document(row["doc"], row["rev"])

        async def revisions(request: Request, id: UUID) -> Response:  # noqa: A002
            [row] = await access_of(request).read(request, lambda role: trail[view_of(role)], id)
            if row["items"] is None:
                raise NOT_FOUND()
            return Response(f'{{"items":[{row["items"]}]}}', media_type="application/json")

        named = (f"取一条{self.called[0]}", f"Get one {self.called[1]}")
        says = ("作废的也能取到。", "Voided ones too.")
        answer = wire.reply(kind.schema, both("这条记录", "The record"), headers=ETAG)
        self._add("GET", self.path + "/{id}", get, f"get_{kind.name}", named, says, kind.readers, answer, NOT_FOUND)
        self._add(
            "GET",
            self.path + "/{id}/revisions",
            revisions,
            f"list_{kind.name}_revisions",
            (f"一条{self.called[0]}的修改历史", f"The history of one {self.called[1]}"),
            ("谁、何时、在哪台设备上，把什么改成了什么。", "Who changed what, when and on which device."),
            kind.readers,
            wire.reply(Trail, both("各版本", "Each revision")),
            NOT_FOUND,
        )

    def creates(self, *refusals: ProblemKind) -> None:
        kind, model = self.kind, creation(self.kind.schema)

        async def create(
            request: Request,
            confirm: Confirm = False,
        ) -> Response:
            access = access_of(request)
            caller, sent = await wire.asked(request, model)
            doc = {name: said(sent, name) for name in model.model_fields if name != "id"}
            record_id = getattr(sent, "id") or (kind.id_of(doc) if kind.id_of else uuid4())  # noqa: B009 - the model is made at run time
            op = Op(kind, record_id, doc)
            result = await _write(access, op, caller, confirm)
            created = result.outcome == "applied" and result.created
            return wire.document(result.doc or "", result.rev or 0, 201 if created else 200, Location=f"{self.path}/{op.id}")

        answer = both("建立好的记录", "The record as it was stored")
        again = both("这个 id 以同样内容提交过：已存的记录", "The same id with the same content was stored before: the stored record")
        self._add(
            "POST",
            self.path,
            create,
            f"create_{kind.name}",
            (f"新建{self.called[0]}", f"Create {self.one}"),
            (
                "可以自带 id；断线后以同样内容重发，得到 200 和已存的记录。",
                "It may bring its own id; sent again with the same content after a lost reply it gives 200 and the stored record.",
            ),
            tuple(kind.writers),
            {
                **wire.reply(kind.schema, answer, 201, {"Location": both("新记录的地址", "Path of the new record"), **ETAG}),
                **wire.reply(kind.schema, again, 200, ETAG),
            },
            NOT_ALLOWED,
            NOT_FOUND,
            ID_TAKEN,
            *refusals,
            *self.doubles,
            **wire.request_body(model),
        )

    def changes(self, *refusals: ProblemKind) -> None:
        kind, model = self.kind, change(self.kind.schema)
        carries = bool(CHILDREN[kind.name])  # a move takes others along: how many, one may ask beforehand

        async def patch(request: Request, id: UUID, confirm: Confirm = False, preview: Preview = False) -> Response:  # noqa: A002
            access = access_of(request)
            base = wire.revision_of(request)
            caller, sent = await wire.asked(request, model, wire.MERGE_PATCH)
            op = Op(kind, id, {name: said(sent, name) for name in sent.model_fields_set}, base_rev=base)
            if preview:
                records, _ = await access.database.write(
                    caller, lambda tx: road.touch(tx, caller, [op], today=access.today(), now=access.now(), preview=True)
                )
                return wire.json({"id": id, "records": records})
            result = await _write(access, op, caller, confirm)
            return wire.document(result.doc or "", result.rev or 0)

        async def patch_alone(request: Request, id: UUID, confirm: Confirm = False) -> Response:  # noqa: A002
            return await patch(request, id, confirm)

        self._add(
            "PATCH",
            self.path + "/{id}",
            patch if carries else patch_alone,
            f"change_{kind.name}",
            (f"修改{self.called[0]}", f"Change {self.one}"),
            (
                "JSON Merge Patch：没写的项不变，null 清空。" + "preview=true 时不保存，只回答会改动多少条。" * carries,
                "JSON Merge Patch: an absent member stays, null empties it."
                + " With preview=true nothing is stored: the answer says how many records it would change." * carries,
            ),
            tuple(kind.writers),
            wire.reply(
                kind.schema,
                both("修改后的记录；或会改动多少", "The record after the change, or how much it would change")
                if carries
                else both("修改后的记录", "The record after the change"),
                headers=ETAG,
                other=Touched if carries else None,
            ),
            NOT_ALLOWED,
            NOT_FOUND,
            IF_MATCH_REQUIRED,
            STALE,
            VOIDED,
            FIXED,
            *refusals,
            *self.doubles,
            **wire.request_body(model, wire.MERGE_PATCH),
            parameters=[wire.if_match()],
        )

    def voids(self, *refusals: ProblemKind) -> None:
        kind = self.kind

        async def void(request: Request, id: UUID) -> Response:  # noqa: A002
            access = access_of(request)
            caller, sent = await wire.asked(request, Voiding)
            result = await _write(access, Op(kind, id, void=sent.reason), caller, True)
            return wire.document(result.doc or "", result.rev or 0)

        self._add(
            "POST",
            self.path + "/{id}/void",
            void,
            f"void_{kind.name}",
            (f"作废{self.called[0]}", f"Void {self.one}"),
            (
                "写错的记录不删除，写明原因作废。再次作废没有变化。",
                "Nothing is erased: a wrong record is withdrawn with a reason. Again changes nothing.",
            ),
            tuple(kind.writers),
            wire.reply(kind.schema, both("作废后的记录", "The voided record"), headers=ETAG),
            NOT_ALLOWED,
            NOT_FOUND,
            REFUSED_WORD,
            *refusals,
            **wire.request_body(Voiding),
        )

    def stays(self) -> None:
        """Of a kind that is only added to: PATCH and void say so."""

        async def refuse(id: UUID) -> Response:  # noqa: A002
            raise ONLY_ADDED(headers={"Allow": "GET"})

        for method, path in (("PATCH", "/{id}"), ("POST", "/{id}/void")):
            self.router.add_api_route(self.path + path, refuse, methods=[method], name=ONLY_ADDED.slug, include_in_schema=False)

    def _add(self, method: str, path: str, endpoint: Any, *says: Any, **extra: Any) -> None:
        self.router.add_api_route(path, endpoint, methods=[method], **wire.documented(*says, **extra))


async def touched(access: Access, caller: Caller, record_id: UUID, ops: Callable[[Tx], Awaitable[list[Op]]], *, preview: bool) -> Response:
    """Carries out what `ops` finds to be done, or only looks; answers with how many records of each kind are changed."""

    async def work(tx: Tx) -> tuple[dict[str, int], set[UUID]]:
        found = await ops(tx)
        return await joining.carry_out(tx, caller, found, today=access.today(), now=access.now(), preview=preview)

    records, settles = await access.database.write(caller, work)
    await checkups.settle(access, caller.county_id, settles)
    return wire.json({"id": record_id, "records": records})


async def _write(access: Access, op: Op, caller: Caller, confirmed: bool) -> Result:
    async def work(tx: Tx) -> Result:
        return await write_one(tx, caller, op, today=access.today(), now=access.now(), confirmed=confirmed)

    result = await access.database.write(caller, work)
    await way_in.after_one(access, caller, op, result)
    return result


async def _page(access: Access, request: Request, kind: Kind, query: ListQuery, meant: dict[str, Any]) -> Response:
    """`{"items": […], "next": …}`. The cursor names the last row, sealed with the filters it was read with."""
    documents = kind.documents
    asked = query.model_dump(exclude_none=True) | meant
    given = {name: asked[name] for name in documents.filters if name in asked}
    sealed_with = orjson.dumps([kind.name, query.voided, given])
    after = read_cursor(access, query.cursor, sealed_with, documents.sort_type) if query.cursor else documents.start()
    rows = await access.read(
        request,
        lambda role: documents.list(reads_by(role), view_of(role), tuple(given)),
        query.limit + 1,
        query.voided,
        *after,
        *given.values(),
    )
    return page_of(access, rows, query.limit, sealed_with)

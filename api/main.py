"""Builds the app: routers, problems, docs page, lifespan."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logs
from api.access import Access, access_of
from api.db.migrations import newest
from api.db.session import Database
from api.files.receipt import Printer
from api.jobs import hourly, importing
from api.jobs import outbox as letters
from api.problems import BROKEN, METHOD_NOT_ALLOWED, NO_SUCH_PATH, NOT_FOUND, ONLY_ADDED, WRONG_CARD, WRONG_SIGN_IN, Problem
from api.routers import (
    about,
    activation_card,
    attendance,
    auth,
    catalogue_entry,
    charge,
    checkup_programme,
    checkup_session,
    consent,
    counting,
    deposit,
    docs,
    family,
    fee_item,
    follow_up,
    health,
    household,
    identity_number,
    imports,
    ledger,
    me,
    outbox,
    payment,
    person,
    place,
    problem_page,
    published_counts,
    push,
    putting_right,
    receipt,
    receipt_book,
    refund,
    residence,
    residence_proposal,
    sync,
    unsettled,
    user,
    visit,
    wire,
)
from api.schemas.faults import of_errors
from api.sealed import Seals, keys_in_use
from api.settings import Settings
from api.sign_in import Passwords
from api.tokens import Keys
from api.watched import Watched

log = logging.getLogger("jiafang")
# Paths are looked up in this order, and phones sync all day
ROUTERS = tuple(
    part.router
    for part in (
        *(sync, push, auth, me, family, visit, follow_up, household, person, identity_number, place, catalogue_entry),
        *(checkup_programme, checkup_session, attendance, published_counts),
        *(residence, residence_proposal, consent, outbox),
        *(fee_item, receipt_book, charge, payment, receipt, refund, counting, deposit, ledger),
        *(imports, activation_card, user, unsettled, putting_right, about, health, problem_page, docs),
    )
)


def build() -> FastAPI:
    """The app as the environment has it (settings.py): `uvicorn --factory api.main:build`. Needs JIAFANG_DATABASE_URL."""
    settings = Settings()
    if settings.database_url is None:
        raise RuntimeError("JIAFANG_DATABASE_URL is not set: `jiafang run` starts a PostgreSQL of its own")
    database = Database(settings.database_url, settings.pool_size, settings.slow_statement_ms)
    keys = Keys.load_or_create(settings.keys_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            await database.check_role()
            app.state.seals = await Seals.to_serve(settings.seals_file, database)
            app.state.seals_missing = await keys_in_use(database) - set(app.state.seals.ids)
            access = app.state.access
            jobs = [hourly.by_the_hour(access), importing.as_they_come(access, app.state.imports_wake), letters.as_they_come(access)]
            working = [asyncio.create_task(job) for job in jobs]
            yield
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
        finally:
            await database.close()

    app = FastAPI(
        title="Jiafang",
        version=version("jiafang"),
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.access = Access(database, keys, settings.today)
    app.state.settings, app.state.passwords, app.state.schema_version = settings, Passwords(), newest()
    app.state.imports_wake, app.state.printer = asyncio.Event(), Printer()
    for router in ROUTERS:
        app.include_router(router)
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_unknown)
    app.add_middleware(LastResort)
    app.add_middleware(Watched)
    return app


async def _problem(request: Request, problem: Problem) -> Response:
    if problem.kind.status in (401, 403, 404, 429) or problem.kind in (WRONG_SIGN_IN, WRONG_CARD):
        logs.security("refused", route=getattr(request.scope.get("route"), "path", "other"), problem=problem.kind.slug, **_who(request))
    return wire.say_no(request, problem)


def _who(request: Request) -> dict[str, Any]:
    """Whom the token names; nothing without a good one."""
    try:
        claims = access_of(request).claims(request)
    except Problem:
        return {}
    return logs.who(claims.county_id, claims.user_id, claims.device_id)


async def _invalid(request: Request, error: RequestValidationError) -> Response:
    """Query parameters that are wrong are named; an id in the path that is none names nothing that exists."""
    faults = error.errors()
    if any(fault["loc"][0] == "path" for fault in faults):
        return wire.say_no(request, NOT_FOUND())
    return wire.say_no(request, of_errors([{**fault, "loc": fault["loc"][1:]} for fault in faults], prefix="?"))


async def _unknown(request: Request, error: Exception) -> Response:
    """404 and 405 of the routing. One path's calls stand in several routers, so the methods it knows are collected here."""
    methods: set[str] = set()
    for route in (route for router in ROUTERS for route in router.routes):
        if route.matches(request.scope)[0] is not Match.NONE and getattr(route, "name", "") != ONLY_ADDED.slug:
            methods |= getattr(route, "methods", None) or set()
    if methods:
        return wire.say_no(request, METHOD_NOT_ALLOWED(headers={"Allow": ", ".join(sorted(methods))}))
    return wire.say_no(request, NO_SUCH_PATH())


class LastResort:
    """An error that nobody expected: a 500 with an id, and the same id in the log. The one place that catches everything."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return  # a cut connection is normal
        except Exception:
            if scope["type"] != "http" or begun:
                raise
            error_id = str(uuid4())
            log.exception("error %s at %s", error_id, getattr(scope.get("route"), "path", "other"))
            await wire.say_no(Request(scope), BROKEN(id=error_id))(scope, receive, send)

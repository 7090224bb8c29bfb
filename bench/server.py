"""The service as it is, and beside it a bare FastAPI route, the limit of what a route here can do."""

from fastapi import FastAPI

from api.main import build as build_service


def build() -> FastAPI:
    app = build_service()

    @app.get("/bare")
    async def bare() -> dict[str, str]:
        return {"hello": "world"}

    return app

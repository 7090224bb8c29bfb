"""Writes the OpenAPI document in both languages into build/, for the linter. Needs no database."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from api.main import build
from api.routers.openapi import document

if __name__ == "__main__":
    into = Path(__file__).parent / "build"
    into.mkdir(exist_ok=True)
    with TemporaryDirectory() as var:
        os.environ |= {"JIAFANG_DATABASE_URL": "postgresql://nobody@nowhere/none", "JIAFANG_VAR": var}
        app = build()
        for language in ("zh", "en"):
            (into / f"openapi.{language}.json").write_bytes(orjson.dumps(document(app, language), option=orjson.OPT_INDENT_2))

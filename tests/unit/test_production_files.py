"""Dockerfile, docker-compose.yml and deploy/: what they name exists, and what they run works, without a container."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from api import embedded
from api.db.migrations import migrate
from api.db.session import Database
from api.embedded import Postgres
from api.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOY = ROOT / "deploy"
SETTINGS = {f"JIAFANG_{name}".upper() for name in Settings.model_fields} | {"JIAFANG_SECRETS_DIR"}
FROM_OUTSIDE = {"JIAFANG_SITE"}  # what whoever starts docker compose says, besides settings


def secrets(folder: Path) -> Path:
    """What deploy/secrets.sh makes, in a copy of deploy."""
    for file in ("secrets.sh", "roles.sql", "backup.sh"):
        (folder / file).write_text((DEPLOY / file).read_text())
    subprocess.run(["sh", folder / "secrets.sh"], check=True)
    return folder / "secrets"


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    """Also where it is run again by somebody who may not write into a file that nobody may write into, as root may."""
    made = {file.name: file.read_bytes() for file in secrets(tmp_path).iterdir()}
    without_powers = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
    subprocess.run([*without_powers, "sh", tmp_path / "secrets.sh"], check=True)
    assert {file.name: file.read_bytes() for file in (tmp_path / "secrets").iterdir()} == made


@pytest.mark.parametrize(
    "file", ["Dockerfile", "docker-compose.yml", "deploy/backup.sh", "deploy/Caddyfile", "docs/operations.md", "README.md"]
)
def test_every_setting_that_is_named_exists(file: str) -> None:
    named = set(re.findall(r"\bJIAFANG_[A-Z_]+\b", (ROOT / file).read_text()))
    assert named - SETTINGS - FROM_OUTSIDE == set()


def test_no_image_is_of_whatever_version() -> None:
    images = [*re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE), *(service["image"] for service in COMPOSE["services"].values())]
    assert len(images) == 7
    assert [image for image in images if not re.search(r":\d+\.\d+", image)] == []


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_is_well() -> None:
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["10001:10001"]
    assert "/health/ready" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE


def test_the_proxy_answers_over_tls_alone() -> None:
    """A page for people leads on to HTTPS; a call in the clear is refused, so that an app that sends its token so is noticed at once."""
    sites = dict(re.findall(r"^(\S+) \{\n(.*?)^\}", (DEPLOY / "Caddyfile").read_text(), re.MULTILINE | re.DOTALL))
    assert sites.keys() == {"{$JIAFANG_SITE}", "http://{$JIAFANG_SITE}"}
    assert "reverse_proxy" not in sites["http://{$JIAFANG_SITE}"]
    assert "respond 403" in sites["http://{$JIAFANG_SITE}"]
    [pages] = re.findall(r"path (.+)", sites["http://{$JIAFANG_SITE}"])
    assert [path for path in pages.split() if path.startswith("/v1")] == []
    [lasting] = re.findall(r"header \?Strict-Transport-Security \"(.+)\"", sites["{$JIAFANG_SITE}"])
    assert lasting == "max-age=31536000; includeSubDomains"


def test_nothing_but_the_proxy_has_a_way_out() -> None:
    """The service calls nobody but PostgreSQL; if somebody made it, the network would not carry it."""
    ways = {name: service.get("networks") for name, service in COMPOSE["services"].items()}
    assert {name for name, networks in ways.items() if networks != ["inside"]} == {"proxy"}
    assert ways["proxy"] == ["inside", "outside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert {name for name, service in COMPOSE["services"].items() if "ports" in service} == {"proxy"}


def test_what_is_copied_and_mounted_is_there() -> None:
    """In the build's context too, which .dockerignore makes of a few names."""
    context = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    copied = {name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()}
    assert copied == context
    mounted = {volume.split(":")[0] for service in COMPOSE["services"].values() for volume in service.get("volumes", [])}
    files = {name for name in mounted if name.startswith("./")}
    assert mounted - files == COMPOSE["volumes"].keys()
    assert [name for name in (*context, *files) if not (ROOT / name).exists()] == []


def test_secrets_are_files_that_the_script_makes_and_nobody_else_gets_them(tmp_path: Path) -> None:
    made = secrets(tmp_path)
    before = {file.name: file.read_text() for file in made.iterdir()}
    secrets(tmp_path)
    assert {file.name: file.read_text() for file in made.iterdir()} == before
    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == before.keys() == COMPOSE["secrets"].keys()
    assert made.stat().st_mode & 0o777 == 0o700
    settings = {name for name in before if name.startswith("jiafang_")}
    assert {name.upper() for name in settings} <= SETTINGS
    given = {name: set(service.get("secrets", [])) for name, service in COMPOSE["services"].items()}
    assert given["jiafang"] == {"jiafang_database_url", "jiafang_metrics_token"}  # it can't be the owner
    assert [name for name, value in before.items() if any(value in str(part) for part in COMPOSE.values())] == []


def test_settings_are_read_from_the_secrets(tmp_path: Path) -> None:
    made = secrets(tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JIAFANG_")}
    code = "from api.settings import Settings; s = Settings(); print(s.database_url); print(s.metrics_token.get_secret_value()); print(s)"
    said = subprocess.run(
        [sys.executable, "-c", code], env={**environment, "JIAFANG_SECRETS_DIR": str(made)}, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert said[:2] == [(made / name).read_text() for name in ("jiafang_database_url", "jiafang_metrics_token")]
    assert said[1] not in said[2]


def test_the_roles_are_those_of_the_readme() -> None:
    def plain(text: str) -> list[str]:
        return re.findall(r"^CREATE .*$", re.sub(r":'\w+'", "'…'", text), re.MULTILINE)

    readme = (ROOT / "README.md").read_text().split("```sql\n")[1].split("```")[0]
    assert plain((DEPLOY / "roles.sql").read_text()) == plain(readme)


def test_the_database_that_the_roles_make_is_migrated_served_and_backed_up(tmp_path: Path) -> None:
    """As docker-compose.yml does it: roles.sql by psql as the superuser, `jiafang migrate` as the owner, the service, deploy/backup.sh."""
    made = secrets(tmp_path)
    roles = tmp_path / "roles.sql"
    roles.write_text(roles.read_text().replace("/run/secrets", str(made)))
    with Postgres(tmp_path / "postgres", options={"fsync": "off"}) as urls:

        async def as_admin(*statements: str) -> None:
            connection = await asyncpg.connect(urls.admin)
            for statement in statements:
                await connection.execute(statement)
            await connection.close()

        asyncio.run(as_admin("DROP DATABASE jiafang", "DROP ROLE jiafang_owner", "DROP ROLE jiafang_app"))
        psql = embedded.programs() / "psql"
        subprocess.run([psql, "-v", "ON_ERROR_STOP=1", "--quiet", "--no-psqlrc", "-f", roles, urls.admin], check=True)
        where = urls.owner.partition("@")[2].partition("?")[2]
        owner, app = (
            f"{(made / f'jiafang_{name}').read_text().partition('@')[0]}@/jiafang?{where}"
            for name in ("owner_database_url", "database_url")
        )
        migrate(owner)

        async def serve() -> None:
            database = Database(app, 1)
            await database.check_role()
            await database.close()

        asyncio.run(serve())
        backups = tmp_path / "backups"
        backups.mkdir()
        for name, days in (("old.backup", 31), ("young.backup", 29), (".killed.backup.77", 2), (".being-made.backup.78", 0)):
            (backups / name).touch()
            os.utime(backups / name, (time.time() - days * 86400,) * 2)
        (tmp_path / "jiafang").write_text(f'#!/bin/sh\nexec {sys.executable} -m api.cli "$@"\n')
        (tmp_path / "jiafang").chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "JIAFANG_VAR": str(tmp_path / "var"), "JIAFANG_OWNER_DATABASE_URL": owner}
        subprocess.run(["sh", tmp_path / "backup.sh", backups], env=environment, check=True, capture_output=True)
    being_made, new, young = sorted(file.name for file in backups.iterdir())
    assert (being_made, young) == (".being-made.backup.78", "young.backup")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{6}\.backup", new)


def test_what_the_image_has_is_what_was_tested() -> None:
    def pinned(name: str) -> set[str]:
        return set(
            re.findall(
                r"^[a-zA-Z0-9][\w.\-\[\]]*==\S+(?: ; [^\\]+)? \\(?:\n    --hash=\S+(?: \\)?)+", (ROOT / name).read_text(), re.MULTILINE
            )
        )

    run, every = pinned("requirements.run.lock"), pinned("requirements.lock")
    assert len(run) > 40
    assert run < every

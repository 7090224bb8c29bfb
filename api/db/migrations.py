"""Bringing a database to the newest schema, as the owner of its tables."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from alembic import command

ROOT = Path(__file__).parents[2]


def _config(url: str | None = None) -> Config:
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["url"] = url
    return config


def migrate(owner_url: str, to: str = "head") -> None:
    command.upgrade(_config(owner_url), to)


def roll_back(owner_url: str, to: str) -> None:
    command.downgrade(_config(owner_url), to)


def newest() -> str:
    """The version that this code needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    return head or ""


def knows(version: str) -> bool:
    """Whether this code can bring a database that is at `version` to its own."""
    return version in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}

"""Every setting, its default and its meaning. Environment variables carry the prefix JIAFANG_."""

import os
from datetime import date
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

POSTGRES = "^postgres(ql)?://"


class Settings(BaseSettings):
    # In the folder of JIAFANG_SECRETS_DIR, files such as jiafang_database_url: what nobody should read in an environment
    model_config = SettingsConfigDict(env_prefix="JIAFANG_", env_ignore_empty=True, secrets_dir=os.environ.get("JIAFANG_SECRETS_DIR"))

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on")
    var: Path = Field(Path("var"), description="Folder for everything that is kept: the embedded PostgreSQL, keys, demo.json")
    database_url: str | None = Field(
        None, pattern=POSTGRES, description="A given PostgreSQL, as the app's role; none: the embedded one under var/"
    )
    owner_database_url: str | None = Field(
        None,
        pattern=POSTGRES,
        description="The same database as the owner of the tables: `jiafang migrate` and `jiafang run` bring it to the newest schema",
    )
    pool_size: int = Field(10, ge=1, description="Connections to PostgreSQL per process")
    today: date | None = Field(
        None, ge=date(1950, 1, 1), le=date(2200, 1, 1), description="The day the rules take for today; demonstration and tests only"
    )
    operator: str = Field("", description="The county office that operates this service, named by /v1/about")
    filing_number: str = Field("", description="The filing number (备案号) of the app, named by /v1/about")

    public_url: str | None = Field(
        None,
        pattern=r"^https?://[A-Za-z0-9.:\[\]-]+(/[\w.~-]+)*/?$",
        max_length=200,
        description="Where families reach this service, such as https://jiafang.example.gov.cn: the QR code of a receipt leads there; "
        "none: to the address that it listens on, which does for trying alone",
    )

    trusted_proxies: str = Field(
        "127.0.0.1", description="Addresses or networks of proxies, comma-separated, whose X-Forwarded-For says where a request is from"
    )
    metrics_token: SecretStr | None = Field(None, min_length=16, description="The bearer token of GET /metrics; none: no such path")
    slow_statement_ms: int = Field(1000, ge=0, description="Statements that take longer are logged, without values; 0: none")
    least_free_mb: int = Field(1024, ge=0, description="/health/ready warns where less is free on the disk of var")
    backups: Path | None = Field(
        None, description="Folder of the files that `jiafang backup` makes, NAME.backup: /health/ready looks at them"
    )
    backup_hours: int = Field(26, ge=1, description="/health/ready warns where the newest of them is older")

    @property
    def address(self) -> str:
        """Where it listens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def keys_file(self) -> Path:
        return self.var / "keys.json"

    @property
    def seals_file(self) -> Path:
        return self.var / "seals.json"

"""Runs migrations as the owner of the tables, over asyncpg like everything else."""

import asyncio
import os

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from alembic import context
from api.db.tables.every import METADATA

LIMITS = ("SET lock_timeout = '5s'", "SET statement_timeout = '10min'")


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()


async def online(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        for limit in LIMITS:
            await connection.exec_driver_sql(limit)
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=METADATA)
    with context.begin_transaction():
        for limit in LIMITS:
            context.execute(limit)
        context.run_migrations()
else:
    asyncio.run(online(context.config.attributes.get("url") or os.environ["JIAFANG_OWNER_DATABASE_URL"]))

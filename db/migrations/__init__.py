"""Alembic's migrations, for SQLite and PostgreSQL alike, and the call that brings a database up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

if TYPE_CHECKING:
    from alembic.config import Config

_VERSIONS = Path(__file__).parent / "versions"


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest revision; safe to call from several processes at once."""
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7145201)")
        if not _is_newest(connection):
            from alembic import command  # 0.1 s of every start, where hardly one finds anything to do

            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _is_newest(connection: Connection) -> bool:
    """Whether the database's only revision is that of the last file, whose name begins with it."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    return found == [max(path.stem for path in _VERSIONS.glob("[0-9]*.py")).partition("_")[0]]


def configuration() -> Config:
    """Alembic's configuration, without an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config

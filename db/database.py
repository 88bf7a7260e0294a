"""The connection to the database, and the two ways to use it: `reading` and `transaction`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from errors import DatabaseUnavailable
from settings import Settings, get_settings

SessionLocal = sessionmaker[Session](expire_on_commit=False)
"""Plain sessions; this program's own work goes through `reading` and `transaction`."""

_ReadingSession = sessionmaker[Session](expire_on_commit=False)
_WritingSession = sessionmaker[Session](expire_on_commit=False)

UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)
"""What SQLAlchemy raises where the database is away, busy or out of reach."""

_TRUSTED_SECONDS = 2.0
"""For so long after its last use a connection is taken to be alive; after that it is asked first."""


def connect(settings: Settings) -> Engine:
    """Point every session of this process at the settings' database; nothing is opened before its first use."""
    url = make_url(settings.database)
    embedded = url.get_backend_name() == "sqlite"
    engine = _sqlite_engine(settings) if embedded else _server_engine(settings)
    SessionLocal.configure(bind=engine)
    # On a server each statement sees its own moment anyway, and BEGIN and ROLLBACK would be two more round trips.
    _ReadingSession.configure(bind=engine if embedded else engine.execution_options(isolation_level="AUTOCOMMIT"))
    _WritingSession.configure(bind=engine.execution_options(writes=True))
    return engine


def _server_engine(settings: Settings) -> Engine:
    engine = create_engine(
        settings.database,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_timeout=10,
        connect_args={"connect_timeout": 5},
    )

    @event.listens_for(engine, "checkin")
    def remember(_: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    # Instead of `pool_pre_ping`, which asks before each use: a busy worker uses a connection a hundred times a second.
    @event.listens_for(engine, "checkout")
    def ask_if_idle(connection: Any, record: Any, _: Any) -> None:
        if time.monotonic() > record.info.get("used", float("inf")) + _TRUSTED_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as error:
                raise InvalidatePoolError from error

    return engine


def _sqlite_engine(settings: Settings) -> Engine:
    engine = create_engine(settings.database, connect_args={"timeout": 20, "isolation_level": None})

    @event.listens_for(engine, "do_connect")
    def make_folder(*_: Any) -> None:
        settings.data_dir.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A deferred transaction that turns to writing fails at once where another writes; an immediate one waits.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _translated(session: Session) -> Iterator[Session]:
    try:
        with session:
            yield session
    except UNAVAILABLE as error:
        raise DatabaseUnavailable(context=type(error).__name__) from error


@contextmanager
def reading() -> Iterator[Session]:
    """A session for reading; what it hands out may be used after it is closed."""
    with _translated(_ReadingSession()) as session:
        yield session


@contextmanager
def transaction() -> Iterator[Session]:
    """One transaction that writes: committed at the end, rolled back on any error. Keep it short."""
    with _translated(_WritingSession()) as session, session.begin():
        yield session


def get_db() -> Iterator[Session]:
    """A reading session for the length of a request (FastAPI dependency)."""
    with _translated(SessionLocal()) as session:
        yield session


connect(get_settings())

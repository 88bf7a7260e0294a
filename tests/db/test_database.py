"""Connections: which are trusted, and what happens to one that the server has closed."""

import pytest
from sqlalchemy import create_engine, text

from db import database
from db.database import connect, reading, transaction
from settings import Settings

pytestmark = pytest.mark.service


def _close_all(url: str) -> None:
    """What a restart of the server, or a proxy's idle limit, does to this process's connections."""
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        mine = "datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}"))
    admin.dispose()


@pytest.fixture
def server(postgres_url, tmp_path):
    engine = connect(Settings(data_dir=tmp_path, database_url=postgres_url))
    with reading() as one, transaction() as other:
        assert (one.scalar(text("SELECT 1")), other.scalar(text("SELECT 1"))) == (1, 1)
    yield postgres_url
    engine.dispose()


def test_idle_connections_that_the_server_closed_are_replaced(server, monkeypatch):
    monkeypatch.setattr(database, "_TRUSTED_SECONDS", -1.0)
    _close_all(server)
    with reading() as one, transaction() as other:
        assert (one.scalar(text("SELECT 2")), other.scalar(text("SELECT 2"))) == (2, 2)


def test_reading_leaves_nothing_behind_that_would_commit_a_write_at_once(server):
    with transaction() as session:
        session.execute(text("CREATE TABLE kept (n int)"))
    with transaction() as session:  # on the pooled connection that read before
        session.execute(text("INSERT INTO kept VALUES (1)"))
        session.rollback()
    with reading() as session:
        assert session.scalar(text("SELECT count(*) FROM kept")) == 0

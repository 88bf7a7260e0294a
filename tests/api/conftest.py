"""The real application behind a real server, over SQLite and a folder made for one test. No worker runs."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.tokens import issue_token
from billing import ledger
from db import users
from db.database import connect, transaction
from db.models import Base, User
from settings import Settings, get_settings
from storage import LocalStorage

CSV = b"name,city\nAda,London\nGrace,New York\n"
ADDRESS_SETTINGS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "S3_BUCKET", "SECRET_KEY")


class Stage:
    """A server of its own thread for the whole session; each test puts its app on it."""

    def __init__(self, door: socket.socket) -> None:
        self.app: FastAPI | None = None
        self.url = "http://{}:{}".format(*door.getsockname())
        config = uvicorn.Config(self._play, log_level="critical", ws="none", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([door],))

    async def _play(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    @contextmanager
    def playing(self, app: FastAPI) -> Iterator[httpx.Client]:
        """A client of this app."""
        self.app = app
        with httpx.Client(base_url=self.url, timeout=20) as client:
            yield client


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with socket.create_server(("127.0.0.1", 0)) as door, Stage(door) as stage:
        yield stage


@pytest.fixture
def settings(tmp_path, monkeypatch, stage) -> Iterator[Settings]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("EVENTS_SECONDS", "0.05")
    monkeypatch.setenv("PUBLIC_URL", stage.url)
    for name in ADDRESS_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    get_settings.cache_clear()
    engine = connect(get_settings())
    Base.metadata.create_all(engine)
    yield get_settings()
    engine.dispose()
    get_settings.cache_clear()
    monkeypatch.undo()
    connect(get_settings())


@pytest.fixture
def app(settings) -> FastAPI:
    return create_app()


@pytest.fixture
def client(app, stage) -> Iterator[httpx.Client]:
    with stage.playing(app) as client:
        yield client


@pytest.fixture
def storage(settings) -> LocalStorage:
    return LocalStorage(settings.data_dir / "files", settings.secret, settings.public_url)


@pytest.fixture
def make_user(settings) -> Callable[..., User]:
    def make(email: str = "ada@example.com", credits: int = 10_000) -> User:
        with transaction() as session:
            user = users.add(session, email)
            if credits:
                ledger.grant(session, user.id, credits, "for a test")
        return user

    return make


@pytest.fixture
def sign_in(settings) -> Callable[[User], dict[str, str]]:
    def headers(user: User) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue_token(settings.secret, user.id, 5)[0]}"}

    return headers


@pytest.fixture
def user(make_user) -> User:
    return make_user()


@pytest.fixture
def signed_in(client, user, sign_in) -> httpx.Client:
    client.headers.update(sign_in(user))
    return client

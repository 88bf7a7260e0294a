"""The real application behind a real server, over SQLite and a folder made for one test. No worker runs."""

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Self

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import create_engine
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.tokens import issue_token
from billing import ledger
from db import tasks, users
from db.database import connect, transaction
from db.models import Base, Task, User
from settings import Settings, get_settings
from storage import LocalStorage

CSV = b"name,city\nAda,London\nGrace,New York\n"


class Stage:
    """A server of its own thread for the whole session; each test puts its app on it."""

    def __init__(self, door: socket.socket) -> None:
        self.app: FastAPI | None = None
        self.url = "http://{}:{}".format(*door.getsockname())
        config = uvicorn.Config(self, interface="asgi3", log_level="error", ws="none", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([door],))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
    # With its protocol named asyncio turns Nagle's algorithm off; else every answer waits 40 ms for an acknowledgement.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
        door.bind(("127.0.0.1", 0))
        with Stage(door) as stage:
            yield stage


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """A database with its tables, to be copied: making it takes longer than most tests."""
    path = tmp_path_factory.mktemp("database") / "agensium.db"
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    return path


@pytest.fixture
def settings(monkeypatch, stage, empty_database) -> Iterator[Settings]:
    monkeypatch.setenv("EVENTS_SECONDS", "0.05")
    monkeypatch.setenv("PUBLIC_URL", stage.url)
    get_settings.cache_clear()
    settings = get_settings()
    settings.data_dir.mkdir()
    shutil.copy(empty_database, settings.data_dir)
    engine = connect(settings)
    yield settings
    engine.dispose()


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


@pytest.fixture
def make_task(signed_in, storage) -> Callable[..., str]:
    """Order clean-my-data over the API; with `sent` its file is there, with `queued` it is submitted too."""

    def make(sent: bool = True, queued: bool = False) -> str:
        task_id = signed_in.post("/tasks", json={"tool_id": "clean-my-data"}).json()["task_id"]
        if sent or queued:
            wanted = {"files": {"primary": {"filename": "people.csv", "content_type": "text/csv"}}}
            link = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
            signed_in.put(link["url"], headers=link["headers"], content=CSV).raise_for_status()
        if queued:
            signed_in.post(f"/tasks/{task_id}/process").raise_for_status()
        return task_id

    return make


@pytest.fixture
def change_task(settings) -> Callable[..., None]:
    """What a worker would do to the row."""

    def change(task_id: str, event: str | None = None, **values: object) -> None:
        with transaction() as session:
            task = session.get(Task, task_id)
            for name, value in values.items():
                setattr(task, name, value)
            if event:
                tasks.record(session, task, event, "a test's worker", agent="type-fixer")

    return change


@pytest.fixture
def finish_task(change_task, storage, tmp_path) -> Callable[..., None]:
    """Give a task the outputs of a run that went well."""

    def finish(task_id: str, user_id: str) -> None:
        prefix = f"users/{user_id}/tasks/{task_id}/attempts/1/outputs"
        contents = {"report.json": b'{"alerts": []}', "report.html": b"<p>Hi</p>", "cleaned.csv": CSV}
        files = []
        for filename, content in contents.items():
            (tmp_path / filename).write_bytes(content)
            storage.put(tmp_path / filename, f"{prefix}/{filename}")
            files.append({"filename": filename, "size_bytes": len(content), "sha256": sha256(content).hexdigest()})
        change_task(task_id, "task_completed", status="COMPLETED", outputs={"prefix": prefix, "files": files})

    return finish

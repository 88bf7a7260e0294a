"""What every test stands on: settings of its own, and real servers on request."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from settings import Settings, get_settings
from tests import services
from tests.services import PostgresServer, RabbitServer, RedisServer, S3Server

if TYPE_CHECKING:
    from tests.browser import Browser

T = TypeVar("T")


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of the developer's environment, .env or AWS profile reaches a test; DATA_DIR is the test's own."""
    for name in list(os.environ):
        if name.lower() in Settings.model_fields or name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    with _service(services.redis_server()) as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A running, empty Redis; the test may stop, freeze or restart it."""
    shared_redis.empty()
    return shared_redis


@pytest.fixture(scope="session")
def redis_factory() -> Iterator[Callable[..., RedisServer]]:
    """Further Redis servers, with the options given (`"--appendonly", "yes"`); they live until the session ends."""
    with contextlib.ExitStack() as servers:
        yield lambda *options: servers.enter_context(_service(services.own_redis(*options)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with _service(services.postgres_server()) as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a new, empty PostgreSQL database."""
    url = postgres_server.create_database()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server that takes any signature; `create_bucket()` gives an empty bucket."""
    with _service(services.s3_server()) as server:
        yield server


@pytest.fixture(scope="session")
def rclone_s3() -> Iterator[S3Server]:
    """An S3 server that refuses wrong signatures; `create_bucket()` gives an empty bucket."""
    with _service(services.rclone_s3()) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """A Chromium that shows local files; it has no network."""
    pytest.importorskip("fcntl", reason="Chromium is spoken to through pipes that Windows doesn't have")
    from tests.browser import browser

    with _service(browser()) as found:
        yield found


@pytest.fixture(scope="session")
def shared_rabbitmq() -> Iterator[RabbitServer]:
    """No wheel ships a RabbitMQ, so where none is, its tests are skipped on CI too."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(services.rabbitmq_server())
        except services.Unavailable as reason:
            pytest.skip(f"RabbitMQ: {reason}")
        yield server


@pytest.fixture
def rabbitmq_server(shared_rabbitmq: RabbitServer) -> RabbitServer:
    """A running RabbitMQ without our queues; the test may stop or restart it."""
    shared_rabbitmq.empty()
    return shared_rabbitmq


@contextlib.contextmanager
def _service(server: contextlib.AbstractContextManager[T]) -> Iterator[T]:
    """A server; where there is none the test is skipped at home and fails on CI."""
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(server)
        except services.Unavailable as reason:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(reason))
        yield found

"""A runner on SQLite and a local folder, whose lean children follow scripts."""

from collections.abc import Callable, Iterator

import pytest

from celery_queue import lease, world
from celery_queue.publish import publisher
from celery_queue.runner import Runner
from celery_queue.slot import Children
from db.database import connect
from db.migrations import upgrade
from db.models import Task, User
from settings import Settings, get_settings
from storage import open_storage
from tests.celery_queue.service import Service, submit
from tests.rows import make_task, make_user

FAST = {
    "LEASE_SECONDS": "2",
    "HEARTBEAT_SECONDS": "0.4",
    "WATCH_SECONDS": "0.1",
    "SWEEP_SECONDS": "0.3",
    "REPUBLISH_SECONDS": "3",
    "RETRY_DELAY_SECONDS": "1",
    "CHILD_MEMORY_MB": "300",
    "TASK_SOFT_TIME_LIMIT": "20",
}
"""Short leases and sweeps, so that a test needn't wait for minutes."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """This process's settings, with short times."""
    for name, value in FAST.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    return get_settings()


@pytest.fixture
def runner(settings: Settings) -> Iterator[Runner]:
    """A runner on a new database, its children following the script that their input is."""
    engine = connect(settings)
    upgrade(engine)
    lease.stopping.value = False
    runner = Runner(settings, open_storage(settings, settings.secret))
    runner.children = Children(settings, "tests.celery_queue.scripted_child")
    yield runner
    lease.stopping.value = False
    runner.children.close()
    engine.dispose()


@pytest.fixture
def broker(request) -> dict[str, str]:
    """The settings that name the broker: Redis, unless the test is parametrized with others (indirect)."""
    server = request.getfixturevalue("redis_server")
    address = server.url.rpartition("/")[0]
    match getattr(request, "param", "redis"):
        case "redis":
            return {"REDIS_URL": address}
        case "redis, one database":
            return {"REDIS_URL": f"{address}/0", "REDIS_KEY_PREFIX": "agensium:"}
        case "rabbitmq":
            return {"CELERY_BROKER_URL": request.getfixturevalue("rabbitmq_server").url}
    raise ValueError(request.param)


@pytest.fixture
def service(settings, broker, postgres_url, s3_server, tmp_path, monkeypatch) -> Iterator[Service]:
    """A real broker, PostgreSQL and S3, this process a client of them; workers are started by the test."""
    environment = {
        **broker,
        "DATABASE_URL": postgres_url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "only for tests",
        "REGISTRATION_OPEN": "true",
        "S3_BUCKET": s3_server.create_bucket(),
        "S3_ENDPOINT_URL": s3_server.endpoint_url,
        "S3_ACCESS_KEY_ID": s3_server.access_key_id,
        "S3_SECRET_ACCESS_KEY": s3_server.secret_access_key,
        **FAST,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    world.runner.cache_clear()
    engine = connect(get_settings())
    upgrade(engine)
    publisher.start(get_settings())
    service = Service(environment, tmp_path)
    yield service
    service.end()
    publisher.stop()
    engine.dispose()
    world.runner.cache_clear()


@pytest.fixture
def order(service, tmp_path) -> Callable[..., Task]:
    """A factory of submitted tasks that follow a script."""

    def make(*steps: str, user: User | None = None) -> Task:
        path = tmp_path / "script.txt"
        path.write_text("\n".join(steps))
        return submit(user or make_user(100_000), path, agents=["type-fixer"])

    return make


@pytest.fixture
def user(runner: Runner) -> User:
    """A user with credits."""
    return make_user()


@pytest.fixture
def scripted_task(runner: Runner, user: User, tmp_path) -> Callable[..., Task]:
    """A factory of queued tasks whose input is the given script."""

    def make(*orders: str, **values: object) -> Task:
        script = tmp_path / "script.txt"
        script.write_text("\n".join(orders))
        key = f"scripts/{len(list(runner.storage.list('scripts')))}"
        runner.storage.put(script, key)
        return make_task(user, inputs={"primary": {"key": key, "filename": "script.txt"}}, **values)

    return make

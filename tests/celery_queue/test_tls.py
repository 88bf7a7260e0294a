"""A hosted Redis: one bare rediss:// address with a password, its certificate from a private authority."""

import time
from collections.abc import Iterator

import httpx
import pytest

from celery_queue import inspection
from celery_queue.broker import check_broker
from db.models import TaskStatus
from errors import BrokerUnavailable
from settings import Settings, get_settings
from tests.celery_queue.service import ended, submit, until
from tests.rows import make_user, reload
from tests.services import running
from tests.tls import Authority, TlsDoor

pytestmark = pytest.mark.service
PASSWORD = "only-for-tests"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def plain_port(redis_factory) -> int:
    server = redis_factory()
    server.url = server.url.replace("//", f"//:{PASSWORD}@")
    with server.client() as client:
        client.config_set("requirepass", PASSWORD)
    return int(server.url.rpartition(":")[2].partition("/")[0])


@pytest.fixture
def broker(authority: Authority, plain_port: int) -> Iterator[dict[str, str]]:
    with running(TlsDoor(plain_port, authority.certificate_for("127.0.0.1"))) as door:
        url = f"rediss://:{PASSWORD}@127.0.0.1:{door.port}"
        yield {"REDIS_URL": url, "REDIS_CA_FILE": str(authority.certificates)}


def test_every_process_speaks_to_a_verified_redis(service, tmp_path):
    api, flower = service.api(), service.flower()
    service.worker("--concurrency=1")
    table = tmp_path / "people.csv"
    table.write_text("name,age\nAda,7\n")
    task = submit(make_user(), table, agents=["type-fixer"])
    until(lambda: ended([task]), 60)
    assert reload(task).status == TaskStatus.COMPLETED
    until(lambda: inspection.celery_state(get_settings(), task.celery_task_id) == "SUCCESS")
    until(lambda: httpx.get(f"{api}/health/ready").json()["checks"]["broker"] == "ok")
    until(lambda: _says(f"{flower}/task/{task.celery_task_id}", "SUCCESS"), 60)
    assert _says(f"{flower}/broker", "analysis")


def _says(url: str, word: str) -> bool:
    answer = httpx.get(url)
    return answer.is_success and word in answer.text


@pytest.mark.parametrize("fault", ["another authority", "the system's authorities", "another host's certificate"])
def test_a_certificate_that_nobody_vouches_for_is_refused(fault, authority, plain_port, tmp_path):
    files = {"another authority": Authority(tmp_path, "theirs").certificates, "the system's authorities": None}
    address = "127.0.0.9" if fault.startswith("another host") else "127.0.0.1"
    with running(TlsDoor(plain_port, authority.certificate_for(address))) as door:
        url = f"rediss://:{PASSWORD}@127.0.0.1:{door.port}"
        settings = Settings(redis_url=url, redis_ca_file=files.get(fault, authority.certificates))
        for ask in (check_broker, inspection.workers, lambda given: inspection.celery_state(given, "any")):
            asked = time.monotonic()
            with pytest.raises(BrokerUnavailable, match="certificate") as refusal:
                ask(settings)
            assert PASSWORD not in refusal.value.message
            assert time.monotonic() - asked < 15

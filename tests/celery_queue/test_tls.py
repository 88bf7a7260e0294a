"""A Redis whose certificate nobody vouches for; tests/test_smoke.py runs the whole service on one that is right."""

import time

import pytest

from celery_queue import inspection
from celery_queue.broker import check_broker
from errors import BrokerUnavailable
from settings import Settings
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

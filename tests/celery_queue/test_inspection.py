"""What Celery says of itself, on a real worker and without any."""

import pytest

from celery_queue import inspection
from errors import BrokerUnavailable
from settings import Settings, get_settings
from tests.celery_queue.service import until


def test_a_worker_answers_and_a_message_has_a_state(service):
    service.worker("--pool=threads", "--concurrency=3")
    found = []
    until(lambda: found.extend(inspection.workers(get_settings())) or found)
    worker = found[0]
    assert (worker.slots, worker.active, worker.reserved) == (3, [], [])
    assert inspection.celery_state(get_settings(), "unknown") == "PENDING"


def test_without_a_broker_it_says_so():
    nowhere = Settings(redis_url="redis://127.0.0.1:1")
    with pytest.raises(BrokerUnavailable):
        inspection.workers(nowhere)
    with pytest.raises(BrokerUnavailable):
        inspection.celery_state(nowhere, "unknown")

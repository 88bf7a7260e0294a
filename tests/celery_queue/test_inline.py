"""INLINE_FALLBACK: the web process works while the broker is down, and only then."""

import httpx
import pytest

from db import tasks
from db.database import transaction
from db.models import TaskStatus
from tests.celery_queue.service import check_history, ended, events_of, until
from tests.rows import make_user, reload

pytestmark = pytest.mark.service
SCRIPTED = "tests.celery_queue.scripted_worker"


@pytest.fixture
def web(service, redis_server):
    """A web process with a slot of its own, its broker down; answers its address."""
    service.environment["INLINE_FALLBACK"] = "true"
    redis_server.stop()
    url = service.api("tests.celery_queue.scripted_api:app")
    until(lambda: answers(url), 120)
    yield url
    redis_server.start()


def answers(url):
    try:
        return httpx.get(f"{url}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def runners_of(task):
    with transaction() as session:
        return {each.actor for each in tasks.events(session, task.id) if each.event == "task_started"}


def test_a_broker_that_is_down_and_comes_back_costs_no_task_and_doubles_none(service, redis_server, order, web):
    busy, other = make_user(100_000), make_user(100_000)
    ordered = [order("step", "sleep 0.5", user=busy) for _ in range(4)]
    ordered.insert(1, order("step", user=other))
    until(lambda: ended([ordered[1]]), 60)
    assert answers(web)
    inline = runners_of(ordered[1])
    assert inline == {f"worker {reload(ordered[1]).worker_hostname} {service.latest.pid}"}
    redis_server.start()
    service.worker("--concurrency=1", app=SCRIPTED)
    ordered.append(order("step"))
    until(lambda: ended(ordered), 60)
    assert {reload(task).attempt for task in ordered} == {1}
    assert runners_of(ordered[-1]) != inline
    check_history(ordered)


def test_a_web_process_that_stops_hands_back_what_it_runs(service, redis_server, order, web):
    task = order("step", "sleep 60")
    until(lambda: "agent_finished" in events_of(task), 60)
    service.latest.terminate()
    until(lambda: reload(task).status == TaskStatus.QUEUED, 30)
    assert events_of(task)[-1] == "task_handed_back"
    assert (reload(task).attempt, reload(task).handed_back) == (1, 1)

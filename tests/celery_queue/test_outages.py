"""What goes away for a while, or for good, under tasks that run: the database, the one process, every free slot."""

import time

import httpx
import pytest

from celery_queue.embedded import LOCAL_ADMIN
from db import users
from db.database import connect, reading, transaction
from db.models import Task, TaskStatus
from settings import get_settings
from tests.celery_queue.conftest import FAST
from tests.celery_queue.service import Service, check_history, ended, events_of, submit, until
from tests.rows import reload

SCRIPTED = "tests.celery_queue.scripted_worker"
OUTAGE_SECONDS = 6  # three leases


@pytest.mark.service
def test_a_database_that_is_down_for_three_leases_costs_no_step(service, postgres_server, order):
    service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 4", "step")
    until(lambda: "agent_finished" in events_of(task), 60)
    postgres_server.stop()
    time.sleep(OUTAGE_SECONDS)
    postgres_server.start()
    until(lambda: ended([task]), 90)
    assert reload(task).status == TaskStatus.COMPLETED
    assert events_of(task).count("agent_finished") == 2
    check_history([task])


@pytest.mark.service
def test_a_lost_task_is_recovered_while_the_only_solo_worker_is_busy_and_no_beat_runs(service, order):
    service.worker("--pool=solo", app=SCRIPTED)
    busy = order("step", "sleep 8")
    until(lambda: "agent_finished" in events_of(busy), 60)
    lost = order("step")
    with transaction() as session:
        row = session.get_one(Task, lost.id)
        row.status, row.attempt, row.fence = TaskStatus.PROCESSING, 1, 1
        row.lease_expires_at = row.created_at
    until(lambda: "task_requeued" in events_of(lost), 10)
    assert reload(busy).status == TaskStatus.PROCESSING
    until(lambda: ended([busy, lost]), 60)
    assert {reload(task).status for task in (busy, lost)} == {TaskStatus.COMPLETED}
    check_history([busy, lost])


@pytest.mark.service
def test_tasks_that_take_their_child_along_harm_no_neighbour(service, order):
    service.worker("--concurrency=2", app=SCRIPTED)
    poison, greedy = order("die"), order("take 400")
    neighbours = [order("step", "sleep 1") for _ in range(3)]
    until(lambda: ended([poison, greedy, *neighbours]), 90)
    assert [(row.error_code, row.attempt) for row in map(reload, (poison, greedy))] == [
        ("POISON_TASK", 3),
        ("OUT_OF_MEMORY", 1),
    ]
    assert {(row.status, row.attempt) for row in map(reload, neighbours)} == {(TaskStatus.COMPLETED, 1)}
    check_history([poison, greedy, *neighbours])


@pytest.fixture
def embedded(settings, tmp_path, monkeypatch):
    """The service without any server; this process is a client of its folder."""
    service = Service({"DATA_DIR": str(settings.data_dir), "SECRET_KEY": "only for tests", **FAST}, tmp_path)
    monkeypatch.setenv("SECRET_KEY", "only for tests")
    get_settings.cache_clear()
    engine = connect(get_settings())
    yield service
    service.end()
    engine.dispose()


def serve(service):
    url = service.api("tests.celery_queue.scripted_api:app")
    until(lambda: _answers(url), 120)


def _answers(url):
    try:
        return httpx.get(f"{url}/health/ready", timeout=5).is_success
    except httpx.TransportError:
        return False


def test_an_embedded_server_that_is_killed_resumes_its_task_when_it_is_started_again(embedded, tmp_path):
    serve(embedded)
    with reading() as session:
        admin = users.by_email(session, LOCAL_ADMIN)
    path = tmp_path / "script.txt"
    path.write_text("step\nsleep 3\nstep")
    task = submit(admin, path, agents=["type-fixer"])
    until(lambda: "agent_finished" in events_of(task), 60)
    embedded.kill(embedded.latest)
    assert reload(task).status == TaskStatus.PROCESSING
    serve(embedded)
    until(lambda: ended([task]), 60)
    assert (reload(task).status, reload(task).attempt) == (TaskStatus.COMPLETED, 2)
    assert events_of(task).count("agent_finished") == 2
    check_history([task])

"""Real Redis, PostgreSQL and S3, real worker processes."""

import json
import time
from base64 import b64decode

import httpx
import pytest
from celery import Celery
from celery.result import AsyncResult

from billing import ledger
from celery_queue.celery_config import configuration
from db import tasks
from db.database import transaction
from db.models import TaskStatus
from settings import get_settings
from tests.celery_queue.service import ended, submit, until
from tests.rows import make_user, reload

pytestmark = pytest.mark.service
SCRIPTED = "tests.celery_queue.scripted_worker"


@pytest.fixture
def celery_app(service):
    """A client of the test's Redis: it asks workers and reads Celery's results."""
    app = Celery("tests", set_as_current=False)
    app.conf.update(configuration(get_settings()))
    yield app
    app.close()


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("name,age\nAda,7\nAda,7\n Bo,N/A\n")
    return path


def script(tmp_path, *orders):
    path = tmp_path / "script.txt"
    path.write_text("\n".join(orders))
    return path


def events_of(task):
    with transaction() as session:
        return [each.event for each in tasks.events(session, task.id)]


def wallet_of(user):
    with transaction() as session:
        return ledger.wallet(session, user.id)


def test_two_workers_complete_the_tasks_of_two_users_and_charge_each_once(service, table):
    service.worker("--concurrency=1")
    service.worker("--concurrency=1")
    users = [make_user(100_000), make_user(100_000)]
    submitted = [submit(users[number % 2], table) for number in range(20)]
    until(lambda: ended(submitted), 120)
    assert {reload(task).status for task in submitted} == {TaskStatus.COMPLETED}
    for user in users:
        with transaction() as session:
            charged = sum(ledger.charged(session, task.id) for task in submitted if task.user_id == user.id)
        assert wallet_of(user) == ledger.Wallet(balance=100_000 - charged, held=0)


def test_registered_tasks_are_the_one_analysis_the_health_check_and_maintenance(service, celery_app):
    service.worker("--concurrency=1")
    answers = {}
    # A worker may say that it is ready a moment before it listens to its operators.
    until(lambda: answers.update(celery_app.control.inspect(timeout=2).registered() or {}) or answers)
    (registered,) = answers.values()
    assert sorted(registered) == [
        "queue.maintenance.apply_retention",
        "queue.maintenance.audit_ledger",
        "queue.maintenance.expire_idle",
        "queue.monitoring.collect_metrics",
        "queue.tasks.health_check",
        "queue.tasks.process_analysis",
    ]


def test_a_worker_killed_in_the_middle_loses_nothing_and_charges_once(service, tmp_path):
    user = make_user()
    first = service.worker("--concurrency=1", app=SCRIPTED)
    task = submit(user, script(tmp_path, "step", "sleep 3", "step"), agents=["type-fixer"])
    until(lambda: "agent_finished" in events_of(task))
    service.kill(first)
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]), 30)
    row = reload(task)
    assert (row.status, row.attempt) == (TaskStatus.COMPLETED, 2)
    assert wallet_of(user) == ledger.Wallet(balance=980, held=0)
    assert events_of(task).count("agent_finished") == 2


def test_a_message_that_redis_lost_is_sent_again(service, redis_server, table):
    user = make_user()
    submitted = [submit(user, table) for _ in range(3)]
    until(lambda: any(reload(task).published_at for task in submitted))
    redis_server.empty()
    service.worker("--concurrency=1")
    until(lambda: ended(submitted), 40)
    assert {reload(task).status for task in submitted} == {TaskStatus.COMPLETED}


def test_after_submit_the_broker_holds_one_message_with_two_ids(service, redis_server, table):
    task = submit(make_user(), table)
    client = redis_server.client()
    until(lambda: client.llen("analysis") == 1)
    time.sleep(1)
    assert client.llen("analysis") == 1
    message = json.loads(client.lindex("analysis", 0))
    assert message["headers"]["id"] == task.celery_task_id
    args, kwargs, _ = json.loads(b64decode(message["body"]))
    assert (args, kwargs) == ([task.id, task.user_id], {})
    assert "people.csv" not in str(message)


def test_a_worker_survives_a_restart_of_redis(service, redis_server, tmp_path):
    worker = service.worker("--concurrency=2", app=SCRIPTED)
    user = make_user()
    running = submit(user, script(tmp_path, "step", "sleep 2"), agents=["type-fixer"])
    until(lambda: "agent_finished" in events_of(running))
    redis_server.restart()
    until(lambda: ended([running]), 20)
    following = submit(user, script(tmp_path, "step"), agents=["type-fixer"])
    until(lambda: ended([following]), 20)
    assert worker.poll() is None
    assert {reload(task).status for task in (running, following)} == {TaskStatus.COMPLETED}


def test_a_failed_task_ends_as_failure_with_its_code_and_without_a_traceback(service, celery_app, tmp_path):
    service.worker("--concurrency=1", app=SCRIPTED)
    task = submit(make_user(), script(tmp_path, "refuse"), agents=["type-fixer"])
    until(lambda: ended([task]))
    result = AsyncResult(task.celery_task_id, app=celery_app)
    until(lambda: result.state == "FAILURE", 5)
    assert "UNREADABLE_FILE" in str(result.result)
    assert not result.traceback


def test_flower_shows_the_tasks_of_the_worker(service, table):
    flower = service.flower()
    until(lambda: _answers(flower), 30)
    service.worker("--concurrency=1")
    task = submit(make_user(), table)
    until(lambda: ended([task]))
    until(lambda: _state_in(flower, task) == "SUCCESS", 20)


def _answers(flower):
    try:
        return httpx.get(f"{flower}/healthcheck").is_success
    except httpx.TransportError:
        return False


def _state_in(flower, task):
    page = httpx.get(f"{flower}/task/{task.celery_task_id}")
    return "SUCCESS" if page.is_success and "SUCCESS" in page.text else page.status_code


@pytest.mark.parametrize("broker", ["redis, one database", "rabbitmq"], indirect=True)
def test_other_brokers_carry_the_same_messages(service, table):
    service.worker("--concurrency=1")
    submitted = [submit(make_user(), table) for _ in range(3)]
    until(lambda: ended(submitted), 40)
    assert {reload(task).status for task in submitted} == {TaskStatus.COMPLETED}
    assert {reload(task).attempt for task in submitted} == {1}


@pytest.mark.parametrize("broker", ["redis, one database"], indirect=True)
def test_keys_of_a_shared_redis_carry_the_prefix(service, redis_server, table):
    task = submit(make_user(), table)
    client = redis_server.client()
    until(lambda: reload(task).published_at)
    assert {key.decode().partition(":")[0] for key in client.scan_iter()} == {"agensium"}

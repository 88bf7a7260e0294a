"""What dies, hangs or doubles while real workers run: every task still ends once, and is charged once or not at all."""

import os
import signal
import time

import psutil
import pytest
from celery import Celery
from sqlalchemy import func, select

from celery_queue.celery_config import ANALYSIS_TASK, configuration
from celery_queue.publish import publisher
from db.database import transaction
from db.models import Task, TaskEvent, TaskStatus
from settings import get_settings
from tests.celery_queue.service import check_history, ended, events_of, until
from tests.rows import make_user, reload

pytestmark = pytest.mark.service
SCRIPTED = "tests.celery_queue.scripted_worker"


def running_slot(worker) -> psutil.Process:
    """The pool process that has a lean child."""
    return next(each for each in psutil.Process(worker.pid).children() if each.children())


def test_a_killed_pool_process_resumes_at_the_agent_it_was_in(service, order):
    worker = service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 2", "step")
    until(lambda: "agent_finished" in events_of(task))
    running_slot(worker).send_signal(signal.SIGKILL)
    until(lambda: ended([task]))
    assert events_of(task).count("agent_finished") == 2
    check_history([task])


def test_the_same_message_ten_times_at_once_runs_once(service, order):
    task = order("step", "sleep 1")
    client = Celery("tests", set_as_current=False)
    client.conf.update(configuration(get_settings()))
    for _ in range(9):
        client.send_task(ANALYSIS_TASK, args=(task.id, task.user_id), queue="analysis")
    client.close()
    service.worker("--concurrency=4", app=SCRIPTED)
    until(lambda: ended([task]))
    time.sleep(1)
    assert reload(task).attempt == 1
    check_history([task])


def test_an_owner_frozen_past_its_lease_can_not_finish_what_another_took(service, order):
    zombie = service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 3")
    until(lambda: "agent_finished" in events_of(task))
    frozen = [psutil.Process(zombie.pid), *psutil.Process(zombie.pid).children(recursive=True)]
    for process in frozen:
        process.suspend()
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: reload(task).fence == 2)
    for process in frozen:
        process.resume()
    until(lambda: ended([task]))
    time.sleep(2)
    assert reload(task).fence == 2
    check_history([task])


def test_a_broker_that_is_down_delays_nothing_but_the_start(service, redis_server, order):
    redis_server.stop()
    try:
        began = time.monotonic()
        task = order("step")
        assert time.monotonic() - began < 1
    finally:
        redis_server.start()
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]))
    check_history([task])


def test_a_broker_that_never_answers_delays_nothing_but_the_start(service, redis_server, order):
    redis_server.freeze()
    try:
        began = time.monotonic()
        ordered = [order("step") for _ in range(5)]
        assert time.monotonic() - began < 8  # waiting for the broker would take each two seconds at least
    finally:
        redis_server.resume()
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended(ordered))
    check_history(ordered)


def test_a_dead_result_backend_changes_nothing(service, order):
    service.environment["CELERY_RESULT_BACKEND"] = "redis://127.0.0.1:1/0"
    service.worker("--concurrency=1", app=SCRIPTED)
    ordered = [order("step"), order("refuse")]
    until(lambda: ended(ordered), 60)
    assert [reload(task).status for task in ordered] == [TaskStatus.COMPLETED, TaskStatus.FAILED]
    check_history(ordered)


def test_a_task_whose_message_was_never_sent_still_runs(service, order):
    publisher.stop()
    task = order("step")
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]))
    check_history([task])


def test_a_stopped_worker_hands_its_task_back_at_once(service, order):
    first = service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 4", "step")
    until(lambda: "agent_finished" in events_of(task))
    first.terminate()
    until(lambda: reload(task).status == TaskStatus.QUEUED, 5)
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]))
    row = reload(task)
    assert (row.attempt - row.handed_back, events_of(task).count("agent_finished")) == (1, 2)
    check_history([task])


def test_a_slot_that_is_stuck_itself_is_ended_by_the_hard_limit(service, order):
    service.environment |= {"TASK_TIME_LIMIT": "4", "TASK_SOFT_TIME_LIMIT": "3"}
    service.worker("--concurrency=1", app=SCRIPTED)
    stuck = order("stick", "sleep 60")
    until(lambda: ended([stuck]))
    assert reload(stuck).error_code == "HARD_TIMEOUT"
    after = order("step")
    until(lambda: ended([after]))
    check_history([stuck, after])


def test_a_database_that_goes_away_for_a_while_costs_no_task(service, postgres_server, order):
    service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 2", "step")
    until(lambda: "agent_finished" in events_of(task))
    postgres_server.restart()
    until(lambda: _is_ended(task), 60)
    check_history([task])


def _is_ended(task: Task) -> bool:
    from errors import DatabaseUnavailable

    try:
        return ended([task])
    except DatabaseUnavailable:
        return False


def test_twenty_tasks_survive_a_flushed_redis_and_a_killed_worker(service, redis_server, order):
    user = make_user(100_000)
    ordered = [order("step", user=user) for _ in range(20)]
    first = service.worker("--concurrency=2", app=SCRIPTED)
    until(lambda: _completed() >= 3)
    redis_server.empty()
    service.kill(first)
    service.worker("--concurrency=2", app=SCRIPTED)
    until(lambda: ended(ordered), 60)
    check_history(ordered)


def _completed() -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).where(TaskEvent.event == "task_completed")) or 0


def test_one_users_many_tasks_do_not_starve_anothers_one(service, order):
    service.worker("--pool=solo", app=SCRIPTED)
    busy, other = make_user(100_000), make_user(100_000)
    many = [order("sleep 0.5", user=busy) for _ in range(12)]
    until(lambda: reload(many[0]).status == TaskStatus.PROCESSING)
    one = order("step", user=other)
    until(lambda: ended([one]))
    with transaction() as session:
        queued, started = (
            session.scalars(select(TaskEvent.id).where(TaskEvent.task_id == one.id, TaskEvent.event == event)).one()
            for event in ("task_queued", "task_started")
        )
        between = select(func.count()).where(TaskEvent.event == "task_started", TaskEvent.id.between(queued, started))
        assert session.scalar(between) <= 2 + 1
    until(lambda: ended(many), 60)
    check_history([*many, one])


def test_no_lean_child_outlives_its_worker(service, order):
    worker = service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 30")
    until(lambda: "agent_finished" in events_of(task))
    (child,) = running_slot(worker).children()
    os.kill(worker.pid, signal.SIGKILL)
    running = [child]
    until(lambda: not psutil.wait_procs(running, timeout=0.1)[1], 15)

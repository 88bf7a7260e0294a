"""How many of one user's tasks run at a time, on a worker with slots to spare."""

import pytest
from celery import Celery
from sqlalchemy import select

from celery_queue.celery_config import ANALYSIS_TASK, configuration
from db import counters
from db.counters import Count
from db.database import reading, transaction
from db.models import Task, TaskEvent
from settings import get_settings
from tests.celery_queue.service import check_history, ended, until
from tests.rows import make_user

pytestmark = pytest.mark.service
SCRIPTED = "tests.celery_queue.scripted_worker"


def most_at_once(shares):
    """The most shares of these tasks that ran at any moment, by the order of their events."""
    query = select(TaskEvent.task_id, TaskEvent.event).where(TaskEvent.task_id.in_(shares)).order_by(TaskEvent.id)
    running, most = 0, 0
    with reading() as session:
        for task_id, event in session.execute(query):
            running += shares[task_id] * {"task_started": 1, "task_completed": -1}.get(event, 0)
            most = max(most, running)
    return most


def send_all(ordered):
    """A message for every task, whether or not it has its turn."""
    client = Celery("tests", set_as_current=False)
    client.conf.update(configuration(get_settings()))
    for task in ordered:
        client.send_task(ANALYSIS_TASK, args=(task.id, task.user_id), queue="analysis")
    client.close()


def test_no_more_of_a_user_runs_than_may_and_a_large_task_counts_for_several(service, order):
    service.environment["MAX_RUNNING_PER_USER"] = "2"
    user = make_user(100_000)
    ordered = [order("step", "sleep 0.5", user=user) for _ in range(6)]
    with transaction() as session:
        session.get_one(Task, ordered[2].id).shares = 2
    send_all(ordered)
    service.worker("--concurrency=4", app=SCRIPTED)
    until(lambda: ended(ordered), 90)
    assert most_at_once({task.id: 2 if task is ordered[2] else 1 for task in ordered}) == 2
    with reading() as session:
        assert counters.read(session)[Count.CLAIMS_POSTPONED] >= 1
    check_history(ordered)

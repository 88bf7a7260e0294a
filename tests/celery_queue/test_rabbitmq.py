"""The main faults with RabbitMQ as the broker, which gives a message again as soon as a connection is lost."""

import time

import pytest
from celery import Celery
from kombu import Connection

from celery_queue.celery_config import ANALYSIS_TASK, configuration
from db.models import TaskStatus
from settings import get_settings
from tests.celery_queue.service import check_history, ended, events_of, until
from tests.rows import reload

pytestmark = [pytest.mark.service, pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)]
SCRIPTED = "tests.celery_queue.scripted_worker"


def test_a_message_may_be_worked_on_for_longer_than_the_longest_run(service, rabbitmq_server):
    service.worker("--concurrency=1", app=SCRIPTED)
    arguments = {"x-consumer-timeout": get_settings().visibility_timeout * 1000}
    assert get_settings().visibility_timeout > get_settings().task_time_limit
    with Connection(rabbitmq_server.url) as connection, connection.channel() as channel:
        # RabbitMQ refuses to declare a queue again with other arguments than it has.
        channel.queue_declare("analysis", durable=True, auto_delete=False, arguments=arguments)


def test_a_killed_worker_loses_nothing(service, order):
    first = service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 3", "step")
    until(lambda: "agent_finished" in events_of(task))
    service.kill(first)
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]))
    assert events_of(task).count("agent_finished") == 2
    check_history([task])


def test_the_same_message_ten_times_at_once_runs_once(service, order):
    task = order("step", "sleep 1")
    with Celery("tests", set_as_current=False) as client:
        client.conf.update(configuration(get_settings()))
        for _ in range(9):
            client.send_task(ANALYSIS_TASK, args=(task.id, task.user_id), queue="analysis")
    service.worker("--concurrency=4", app=SCRIPTED)
    until(lambda: ended([task]))
    time.sleep(1)
    assert reload(task).attempt == 1
    check_history([task])


def test_a_broker_that_restarts_gives_a_running_task_again_and_is_refused(service, rabbitmq_server, order):
    worker = service.worker("--concurrency=2", app=SCRIPTED)
    running = order("step", "sleep 4", "step")
    until(lambda: "agent_finished" in events_of(running))
    rabbitmq_server.stop()
    began = time.monotonic()
    waiting = order("step")
    assert time.monotonic() - began < 1
    rabbitmq_server.start()
    until(lambda: ended([running, waiting]), 60)
    assert worker.poll() is None
    assert {reload(task).status for task in (running, waiting)} == {TaskStatus.COMPLETED}
    assert reload(running).attempt == 1
    check_history([running, waiting])


def test_a_stopped_worker_hands_its_task_back_at_once(service, order):
    first = service.worker("--concurrency=1", app=SCRIPTED)
    task = order("step", "sleep 4", "step")
    until(lambda: "agent_finished" in events_of(task))
    first.terminate()
    until(lambda: "task_handed_back" in events_of(task), 10)
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]))
    row = reload(task)
    assert (row.attempt - row.handed_back, events_of(task).count("agent_finished")) == (1, 2)
    check_history([task])

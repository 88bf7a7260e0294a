"""Beat as operators run it, and a second one by mistake."""

from datetime import UTC, datetime, timedelta

import pytest
from celery import Celery

from celery_queue.celery_config import RETENTION_TASK, configuration
from db import tasks
from db.database import reading
from settings import get_settings
from tests.celery_queue.service import until
from tests.rows import make_task, make_user

pytestmark = pytest.mark.service


def removals(task):
    with reading() as session:
        return [each.event for each in tasks.events(session, task.id)].count("inputs_removed")


def test_two_beats_call_the_worker_and_what_both_ask_for_is_done_once(service, tmp_path):
    user = make_user()
    old = [make_task(user, status="FAILED", finished_at=datetime.now(UTC) - timedelta(days=8)) for _ in range(20)]
    service.environment["BEAT_HEALTH_SECONDS"] = "1"
    service.worker("--concurrency=2")
    for name in ("one", "two"):
        beat = ("-m", "celery", "-A", "celery_queue.celery_app", "beat", "--loglevel=info")
        service.start(tmp_path / f"{name}.log", *beat, f"--schedule={tmp_path / name}", "--pidfile=")
    client = Celery("tests", set_as_current=False)
    client.conf.update(configuration(get_settings()))
    for _ in range(2):  # what both would do at two o'clock
        client.send_task(RETENTION_TASK)
    client.close()
    worker_log = tmp_path / "w0@test.log"
    until(lambda: worker_log.read_text().count("queue_metrics") >= 3, 120)
    until(lambda: all(map(removals, old)), 60)
    assert {removals(task) for task in old} == {1}
    assert "Traceback" not in worker_log.read_text()

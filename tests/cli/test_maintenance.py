"""`python main.py maintenance`, and what Beat calls."""

from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from celery_queue import maintenance, tasks, world
from celery_queue.celery_config import configuration
from cli.app import app
from db.database import connect
from db.migrations import upgrade
from settings import get_settings
from tests.rows import make_task, make_user, reload

LONG_AGO = datetime.now(UTC) - timedelta(days=40)


@pytest.fixture(autouse=True)
def _database():
    engine = connect(get_settings())
    upgrade(engine)
    world.runner.cache_clear()
    yield
    engine.dispose()
    world.runner.cache_clear()


def ask(*options):
    said = CliRunner().invoke(app, ["maintenance", *options])
    return said.exit_code, said.stdout


def test_a_dry_run_says_what_the_next_one_does():
    user = make_user()
    old = make_task(user, status="FAILED", finished_at=LONG_AGO)
    waiting = make_task(user, expires_at=LONG_AGO)
    status, foreseen = ask("--dry-run")
    assert (status, reload(old).inputs_removed_at, reload(waiting).status) == (0, None, "QUEUED")
    status, done = ask()
    assert done.splitlines() == foreseen.splitlines()[1:]
    assert "1 ended tasks had their inputs removed." in done
    assert "1 tasks that waited too long expired." in done
    assert reload(old).inputs_removed_at is not None
    assert "0 ended tasks had their inputs removed." in ask()[1]


def test_a_ledger_that_is_wrong_is_told():
    task = make_task(make_user(), status="COMPLETED", finished_at=datetime.now(UTC))
    status, said = ask()
    assert (status, said.splitlines()[-1]) == (1, f"task {task.id} is COMPLETED and was not settled")


def test_beat_calls_what_is_registered_on_the_queues_of_upkeep():
    config = configuration(get_settings())
    for entry in config["beat_schedule"].values():
        assert entry["task"] in tasks.app.tasks
        assert entry["options"]["expires"] > 0
    daily = config["beat_schedule"]["apply-retention"]["schedule"]
    assert (daily.hour, daily.minute) == ({2}, {0})
    routes = config["task_routes"]
    assert routes["queue.monitoring.*"]["queue"] == routes["queue.tasks.health_check"]["queue"] == "monitoring"


def test_what_beat_calls_answers_with_what_was_done():
    make_task(make_user(), status="FAILED", finished_at=LONG_AGO)
    maintenance.app.set_current()
    assert maintenance.apply_retention.apply().result["inputs"] == {"done": 1, "failed": 0}
    assert maintenance.audit_ledger.apply().result == {"status": "balanced", "faults": 0}
    assert maintenance.collect_metrics.apply().result["depth"] == 0

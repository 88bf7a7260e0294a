"""A worker whose children do nothing, and bare Celery's own no-op task: `celery -A benchmarks.noop_worker worker`."""

import celery_queue.callbacks
import celery_queue.tasks
from celery_queue import world
from celery_queue.celery_app import app
from celery_queue.slot import Children
from settings import get_settings

BARE_TASK = "benchmarks.bare"
real_runner = world.runner


def runner_of_noops():
    """The process's runner with children that do nothing."""
    runner = real_runner()
    if not isinstance(runner.children, NoopChildren):
        runner.children = NoopChildren(get_settings(), "benchmarks.noop_child")
    return runner


class NoopChildren(Children):
    """Marks that the children were replaced."""


celery_queue.tasks.runner = runner_of_noops


@app.task(name=BARE_TASK)
def bare() -> str:
    """What Celery alone costs."""
    return "done"

"""A worker as operators run it, but for its lean children: `celery -A tests.chaos.worker worker`."""

import celery_queue.tasks
from celery_queue import world
from celery_queue.celery_app import app
from celery_queue.runner import Runner
from celery_queue.slot import Children
from settings import get_settings

__all__ = ["app"]

real_runner = world.runner


class SoakChildren(Children):
    """Marks that the children were replaced."""


def soak_runner() -> Runner:
    """The process's runner with children that can be told to misbehave."""
    runner = real_runner()
    if not isinstance(runner.children, SoakChildren):
        runner.children = SoakChildren(get_settings(), "tests.chaos.child")
    return runner


celery_queue.tasks.runner = soak_runner

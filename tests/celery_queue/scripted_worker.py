"""A worker whose lean children follow scripts: `celery -A tests.celery_queue.scripted_worker worker`."""

import time

import celery_queue.tasks
from celery_queue import world
from celery_queue.celery_app import app
from celery_queue.progress import report_to_celery
from celery_queue.runner import Runner
from celery_queue.slot import Children
from settings import get_settings

__all__ = ["app"]


class ScriptedChildren(Children):
    """Marks that the children were replaced."""


def scripted_runner() -> Runner:
    """The process's runner with children that follow scripts."""
    runner = world.runner()
    if not isinstance(runner.children, ScriptedChildren):
        runner.children = ScriptedChildren(get_settings(), "tests.celery_queue.scripted_child")
    return runner


def hang_or_report(progress: int, current_agent: str | None, task_id: str) -> None:
    """Report, unless the script wants the slot stuck."""
    if current_agent == "stick":
        time.sleep(60)
    report_to_celery(progress, current_agent, task_id)


celery_queue.tasks.runner = scripted_runner
celery_queue.tasks.report_to_celery = hang_or_report

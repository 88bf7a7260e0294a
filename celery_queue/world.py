"""What a process that runs tasks is made of, put together once per process."""

import functools

from celery_queue.runner import Runner
from settings import get_settings
from storage import open_storage


@functools.cache
def runner() -> Runner:
    """This process's runner."""
    settings = get_settings()
    return Runner(settings, open_storage(settings, settings.secret))


def close() -> None:
    """End the idle children of this process, if it ever ran a task."""
    if runner.cache_info().currsize:
        runner().children.close()

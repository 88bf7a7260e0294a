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

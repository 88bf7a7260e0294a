"""Celery's results on Redis, as the decoration that they are.

Celery itself would wait 19 seconds for a result backend that is down, then fail the task: here a result that can't be
stored is left out, and the backend is left alone for a while.
"""

import time
from typing import Any

import structlog
from celery.backends.redis import RedisBackend
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

QUIET_SECONDS = 30


class RedisResults(RedisBackend):
    """Stores what it can."""

    _quiet_until = 0.0

    def store_result(self, task_id: str, result: Any, state: str, *args: Any, **kwargs: Any) -> Any:
        """Store a state unless the backend was down a moment ago; answer the result as Celery's own does."""
        if time.monotonic() < self._quiet_until:
            return result
        try:
            return super().store_result(task_id, result, state, *args, **kwargs)
        except (RedisError, KombuError, OperationalError, CeleryError, OSError) as error:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("result_not_stored", celery_task_id=task_id, state=state, error=type(error).__name__)
            return result

"""What Celery itself says, for operators: its workers and its own state of a message. Our state never depends on it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from celery_queue.broker import check_broker, unavailable
from celery_queue.celery_config import configuration
from errors import BrokerUnavailable
from settings import Settings

_SECONDS = 2
_OUT_OF_REACH = (OperationalError, KombuError, CeleryError, RedisError, OSError)

T = TypeVar("T")


@dataclass(frozen=True)
class Worker:
    """A worker that answered: the Celery ids of what its slots run, and of what they have reserved."""

    name: str
    pid: int | None
    slots: int | None
    active: list[str]
    reserved: list[str]


def workers(settings: Settings) -> list[Worker]:
    """The workers that answer within two seconds; a solo one that is busy doesn't. BrokerUnavailable without broker."""
    check_broker(settings)  # Celery itself would try for longer
    inspect = _app(settings).control.inspect(timeout=_SECONDS)
    stats = _reached(inspect.stats)
    if not stats:
        return []
    active, reserved = _reached(inspect.active) or {}, _reached(inspect.reserved) or {}
    return [
        Worker(
            name=name,
            pid=told.get("pid"),
            slots=(told.get("pool") or {}).get("max-concurrency"),
            active=[each["id"] for each in active.get(name, [])],
            reserved=[each["id"] for each in reserved.get(name, [])],
        )
        for name, told in sorted(stats.items())
    ]


def celery_state(settings: Settings, celery_task_id: str) -> str:
    """Celery's own state of a message: PENDING also where it knows nothing of it."""
    if settings.result_backend.startswith("disabled"):
        raise BrokerUnavailable("Celery keeps no results here.")
    meta: Mapping[str, Any] = _reached(lambda: _app(settings).backend.get_task_meta(celery_task_id, cache=False))
    return str(meta["status"])


def _reached(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except _OUT_OF_REACH as error:
        raise unavailable("Celery's broker or result store", error) from error


@functools.lru_cache(maxsize=4)
def _app(settings: Settings) -> Celery:
    app = Celery("agensium-operator", set_as_current=False)
    app.conf.update(configuration(settings))
    app.loader.override_backends = dict.fromkeys(("redis", "rediss"), "celery_queue.results:RedisResults")
    return app

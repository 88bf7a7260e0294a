"""What a worker does when it starts, forks and stops, and what it says of every message."""

from typing import Any

import structlog
from billiard.exceptions import TimeLimitExceeded
from celery import Task, signals

import logs
from celery_queue import lease
from celery_queue.error_handlers import classify_error
from celery_queue.publish import publisher
from celery_queue.reconciler import Reconciler
from celery_queue.runner import remove_stale_folders
from celery_queue.world import close, runner
from db.database import connect
from settings import get_settings

log = structlog.get_logger(__name__)

AnyTask = Task[Any, Any]
_STALE_SECONDS = 24 * 3600
_reconcilers: list[Reconciler] = []


@signals.celeryd_init.connect
def starting(**_: Any) -> None:
    """A worker logs as every other process of the service does."""
    logs.configure(get_settings().log_level, "worker", get_settings().log_folder)


@signals.setup_logging.connect
def speaking(**_: Any) -> None:
    """Celery's own handlers would say everything twice. A worker logs by now, so this is Beat, which does the same."""
    if not logs.configured():
        logs.configure(get_settings().log_level, "beat", get_settings().log_folder)


@signals.worker_process_init.connect
def forked(**_: Any) -> None:
    """A pool process makes its own connections: two processes can't share one."""
    connect(get_settings())
    runner.cache_clear()
    publisher.start(get_settings())


@signals.worker_ready.connect
def started(**_: Any) -> None:
    """The worker's main process looks after lost work."""
    settings = get_settings()
    lease.stopping.value = False
    remove_stale_folders(settings.data_dir, _STALE_SECONDS)
    reconciler = Reconciler(settings)
    reconciler.start()
    _reconcilers.append(reconciler)
    log.info("worker_ready", broker=settings.broker.partition("://")[0])


@signals.task_prerun.connect
def taken(task: AnyTask, task_id: str, **_: Any) -> None:
    """Every line until `left` belongs to the request that the message names."""
    structlog.contextvars.bind_contextvars(celery_task_id=task_id)
    if request_id := (task.request.headers or {}).get("request_id"):
        structlog.contextvars.bind_contextvars(request_id=request_id)


@signals.task_postrun.connect
def left(**_: Any) -> None:
    """The thread or process is free for another message."""
    structlog.contextvars.unbind_contextvars("celery_task_id", "request_id")


@signals.task_success.connect
def succeeded(sender: AnyTask, result: Any, **_: Any) -> None:
    """The message was dealt with, however its task fared."""
    log.info("message_done", celery_task=sender.name, status=result.get("status"))


@signals.task_retry.connect
def retried(sender: AnyTask, reason: Any, **_: Any) -> None:
    """Celery sends the message again, for a fault before the claim or, as a view for operators, after it."""
    log.info("message_retried", celery_task=sender.name, reason=type(getattr(reason, "exc", None) or reason).__name__)


@signals.task_failure.connect
def failed(task_id: str | None = None, exception: BaseException | None = None, **_: Any) -> None:
    """Celery's hard limit killed a slot: its run can't end itself. May be told twice.

    Of whatever else went through the task the row knows nothing: its lease runs out, and that attempt is counted.
    """
    if exception is None:
        return
    if task_id and isinstance(exception, TimeLimitExceeded):
        runner().end_overrun(task_id)
    else:
        verdict = classify_error(exception)
        log.error("message_failed", celery_task_id=task_id, code=verdict.code, exc_info=exception)


@signals.worker_shutting_down.connect
def stopping(**_: Any) -> None:
    """Whatever the slots run goes back to the queue, to be resumed elsewhere after its last finished agent."""
    lease.stopping.value = True


@signals.worker_shutdown.connect
def stopped(**_: Any) -> None:
    """End what `started` began."""
    while _reconcilers:
        _reconcilers.pop().stop()
    close()

"""What Beat calls. Recovery never depends on it: that is the reconciler's."""

from typing import Any

import structlog

from billing import ledger
from celery_queue import reconciler, retention
from celery_queue.celery_app import app
from celery_queue.celery_config import AUDIT_TASK, EXPIRE_TASK, METRICS_TASK, RETENTION_TASK
from celery_queue.world import runner
from db import gauges
from db.database import reading, transaction
from settings import get_settings

log = structlog.get_logger(__name__)


@app.task(name=AUDIT_TASK)
def audit_ledger() -> dict[str, Any]:
    """Add the ledger up and name the runs where it is wrong."""
    with reading() as session:
        faults = ledger.audit(session)
    for fault in faults:
        log.error("ledger_fault", fault=fault)
    return {"status": "faulty" if faults else "balanced", "faults": len(faults)}


@app.task(name=EXPIRE_TASK)
def expire_idle() -> dict[str, Any]:
    """End tasks whose files never came, and those that waited too long."""
    with transaction() as session:
        return {"expired": reconciler.expire(session, get_settings())}


@app.task(name=RETENTION_TASK)
def apply_retention() -> dict[str, Any]:
    """Remove the files, and archive the rows, of tasks that ended long enough ago."""
    return {stage: vars(removed) for stage, removed in retention.apply(get_settings(), runner().storage).items()}


@app.task(name=METRICS_TASK)
def collect_metrics() -> dict[str, Any]:
    """Write down how the queue is, for whoever reads the log; GET /metrics counts for itself."""
    with reading() as session:
        found = vars(gauges.read(session))
    log.info("queue_metrics", **{name: value for name, value in found.items() if name != "by_status"})
    return found

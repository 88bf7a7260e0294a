"""What Beat calls. Recovery never depends on it: that is the reconciler's."""

from typing import Any

import structlog

from billing import ledger
from celery_queue import reconciler
from celery_queue.celery_app import app
from celery_queue.celery_config import AUDIT_TASK, EXPIRE_TASK
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

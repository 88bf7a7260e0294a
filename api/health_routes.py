"""Whether the service lives, and whether what it needs answers."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import text

from api.dependencies import SettingsNow, StorageNow
from api.errors import answer
from api.refusals import refuses
from celery_queue.broker import check_broker
from db.database import reading
from errors import Unavailable

router = APIRouter(tags=["health"])


@router.get("/")
def service(request: Request) -> dict[str, str]:
    """What this is, and where to go on."""
    return {"service": request.app.title, "version": request.app.version, "docs": "/docs", "tools": "/tools"}


@router.get("/health")
def health() -> dict[str, str]:
    """This process lives."""
    return {"status": "ok"}


@router.get("/health/ready", response_model=dict[str, Any], responses=refuses(Unavailable))
def ready(settings: SettingsNow, storage: StorageNow) -> Response | dict[str, Any]:
    """Database, storage and broker answer; 503 names the one that doesn't."""
    faults = {
        "database": _fault(check_database),
        "storage": _fault(storage.check),
        "broker": _fault(lambda: check_broker(settings)),
    }
    checks = {name: fault.message if fault else "ok" for name, fault in faults.items()}
    down = {name: fault for name, fault in faults.items() if fault}
    if not down:
        return {"status": "ready", "checks": checks}
    first = next(iter(down.values()))
    return answer(503, first.code, f"{', '.join(down)} not available", checks)


def check_database() -> None:
    """Raise DatabaseUnavailable unless the database answers."""
    with reading() as session:
        session.execute(text("SELECT 1"))


def _fault(check: Callable[[], None]) -> Unavailable | None:
    try:
        check()
    except Unavailable as fault:
        return fault
    return None

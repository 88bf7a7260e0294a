"""For operators: everybody's tasks, those that were given up, the workers, and a task beside Celery's view of it."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy.orm import Session

from api.admin_schemas import AdminTask, AdminTaskPage, CeleryView, QueueAnswer, WorkersAnswer
from api.dependencies import AdminUser, Database, RequestIdNow, SettingsNow, StorageNow, TaskId, is_id
from api.refusals import refuses
from api.schemas import EventAnswer, SubmissionAnswer, TimelineAnswer, cursor_of, read_cursor
from api.submission_routes import RETRY, queued_answer
from billing import ledger
from billing.ledger import TaskCredits
from celery_queue import inspection, retries
from db import gauges, tasks
from db.database import reading
from db.models import Task, TaskStatus
from errors import BrokerUnavailable, NotPermitted, TaskNotFound
from settings import Settings

router = APIRouter(prefix="/admin", tags=["admin"], responses=refuses(NotPermitted))

Limit = Annotated[int, Query(ge=1, le=100)]
UserId = Annotated[str | None, Query(pattern=r"^[0-9a-f-]{1,36}$")]
Stuck = Annotated[bool, Query(description="Only running tasks whose lease has ended.")]


@router.get("/tasks")
def list_all_tasks(
    _: AdminUser,
    session: Database,
    status: TaskStatus | None = None,
    user_id: UserId = None,
    stuck: Stuck = False,
    limit: Limit = 20,
    cursor: str | None = None,
) -> AdminTaskPage:
    """Everybody's tasks, newest first, and how the queue is."""
    before = read_cursor(cursor) if cursor else None
    found = tasks.page_of_all(session, limit=limit + 1, before=before, status=status, user_id=user_id, stuck=stuck)
    return _page(session, found, limit)


@router.get("/dead-letters")
def list_dead_letters(_: AdminUser, session: Database, limit: Limit = 20, cursor: str | None = None) -> AdminTaskPage:
    """Tasks that were given up after their last attempt, newest first."""
    before = read_cursor(cursor) if cursor else None
    found = tasks.page_of_all(
        session, limit=limit + 1, before=before, status=TaskStatus.FAILED, error_code=gauges.POISON
    )
    return _page(session, found, limit)


@router.post("/tasks/{task_id}/requeue", status_code=202, responses=refuses(*RETRY))
def requeue_task(task_id: TaskId, admin: AdminUser, storage: StorageNow, request_id: RequestIdNow) -> SubmissionAnswer:
    """Run anybody's failed task again, for a new hold on its owner's credits."""
    with reading() as session:
        task = tasks.find(session, task_id)
    if task is None:
        raise TaskNotFound
    again = retries.retry(task.id, task.user_id, storage, actor=f"admin {admin.id}", request_id=request_id)
    return queued_answer(again)


@router.get("/tasks/{task_id}/timeline")
def get_whole_timeline(task_id: TaskId, _: AdminUser, session: Database) -> TimelineAnswer:
    """Everything that happened to anybody's task, with the tracebacks of its errors."""
    if tasks.find(session, task_id) is None:
        raise TaskNotFound
    events = [EventAnswer.of(each, whole=True) for each in tasks.events(session, task_id)]
    return TimelineAnswer(task_id=task_id, events=events)


@router.get("/workers")
def list_workers(_: AdminUser, settings: SettingsNow) -> WorkersAnswer:
    """The workers that answer Celery within seconds, and those that hold a task by its row."""
    with reading() as session:
        holding = tasks.holders(session)
    try:
        answering = inspection.workers(settings)
    except BrokerUnavailable as error:
        return WorkersAnswer.of(holding, [], error.message)
    return WorkersAnswer.of(holding, answering, None)


@router.get("/celery-tasks/{celery_task_id}", responses=refuses(TaskNotFound))
def get_celery_task(celery_task_id: str, _: AdminUser, session: Database, settings: SettingsNow) -> CeleryView:
    """The row and its attempt, and Celery's own state of its message, side by side."""
    task = tasks.by_celery_id(session, celery_task_id) if is_id(celery_task_id) else None
    if task is None:
        raise TaskNotFound
    (shown,) = _shown(session, [task])
    return CeleryView(task=shown, celery_state=_celery_state(settings, celery_task_id))


def _celery_state(settings: Settings, celery_task_id: str) -> str:
    try:
        return inspection.celery_state(settings, celery_task_id)
    except BrokerUnavailable:
        return "UNAVAILABLE"


def _page(session: Session, found: list[Task], limit: int) -> AdminTaskPage:
    shown = found[:limit]
    return AdminTaskPage(
        items=_shown(session, shown),
        next_cursor=cursor_of(shown[-1]) if len(found) > limit else None,
        queue=QueueAnswer.model_validate(gauges.read(session), from_attributes=True),
    )


def _shown(session: Session, found: list[Task]) -> list[AdminTask]:
    credits = ledger.of_tasks(session, [task.id for task in found])
    return [AdminTask.of(task, credits.get(task.id, TaskCredits())) for task in found]

"""Tasks: order, watch, read, cancel, delete."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api import outputs, tokens
from api.dependencies import (
    CurrentUser,
    Database,
    OwnTask,
    RequestIdNow,
    SettingsNow,
    StorageNow,
    TaskId,
    WatchedTask,
)
from api.events import LiveEvents
from api.refusals import refuses
from api.schemas import (
    CancelAnswer,
    DownloadsAnswer,
    EventAnswer,
    Links,
    TaskAnswer,
    TaskOrder,
    TaskPage,
    TicketAnswer,
    TimelineAnswer,
    cursor_of,
    read_cursor,
)
from api.submission_routes import create_order
from api.views import whole_task
from billing import ledger
from billing.ledger import TaskCredits
from celery_queue import orders, removal, uploads
from db import tasks
from db.database import reading
from db.models import Task, TaskStatus
from errors import (
    InvalidParameters,
    MissingInput,
    NotCompleted,
    OutputGone,
    ServiceError,
    TaskNotCancellable,
    TaskNotFound,
    UnknownAgent,
    UnknownTool,
)

router = APIRouter(tags=["tasks"])

_OUTPUT = refuses(NotCompleted, OutputGone)
_EVENT_ID = re.compile(r"[0-9]{1,18}")


@router.post(
    "/tasks",
    status_code=201,
    responses=refuses(
        UnknownTool, UnknownAgent, InvalidParameters, MissingInput, TaskNotFound, NotCompleted, OutputGone
    ),
)
def create_task(body: TaskOrder, user: CurrentUser, storage: StorageNow, request_id: RequestIdNow) -> TaskAnswer:
    """Order a tool and get a quote; the files come next."""
    task = create_order(body, user.id, request_id)
    try:
        uploads.copy_references(task, storage)
    except ServiceError:
        removal.delete(task.id, user.id, storage)
        raise
    return whole_task(task.id, user.id)


@router.get("/tasks")
def list_tasks(
    user: CurrentUser,
    session: Database,
    status: TaskStatus | None = None,
    tool_id: Annotated[str | None, Query(pattern=r"^[a-z0-9-]{1,64}$")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
) -> TaskPage:
    """One's own tasks, newest first."""
    before = read_cursor(cursor) if cursor else None
    found = tasks.page(session, user.id, limit=limit + 1, status=status, tool_id=tool_id, before=before)
    shown = found[:limit]
    credits = ledger.of_tasks(session, [task.id for task in shown])
    items = [TaskAnswer.of(task, credits.get(task.id, TaskCredits())) for task in shown]
    return TaskPage(items=items, next_cursor=cursor_of(shown[-1]) if len(found) > limit else None)


@router.get("/tasks/{task_id}")
def get_task(task_id: TaskId, user: CurrentUser) -> TaskAnswer:
    """One task, whole."""
    return whole_task(task_id, user.id)


@router.get(
    "/tasks/{task_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Events until the end of the task."},
        204: {"description": "The task has ended and nothing is new: don't come back."},
    },
)
def watch_task(task: WatchedTask, request: Request, last_event_id: Annotated[str | None, Header()] = None) -> Response:
    """Live progress as server-sent events: `progress`, `event`, and at the end of the task `end`."""
    after = int(last_event_id) if last_event_id and _EVENT_ID.fullmatch(last_event_id) else 0
    if after and TaskStatus(task.status).terminal and not _news(task, after):
        return Response(status_code=204)  # tells EventSource to stop coming back
    live: LiveEvents = request.app.state.live_events
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(live.stream(task.id, after), media_type="text/event-stream", headers=headers)


@router.post("/tasks/{task_id}/events/ticket")
def create_ticket(task: OwnTask, settings: SettingsNow) -> TicketAnswer:
    """A one-minute ticket for the event stream, for a browser's EventSource."""
    token, expires_at = tokens.issue_ticket(settings.secret, task.user_id, task.id)
    return TicketAnswer(token=token, expires_at=expires_at, url=f"{Links.of(task.id).events}?token={token}")


@router.get("/tasks/{task_id}/timeline")
def get_timeline(task_id: TaskId, user: CurrentUser, session: Database) -> TimelineAnswer:
    """Everything that happened to the task, in order."""
    task = tasks.get(session, task_id, user.id)
    return TimelineAnswer(task_id=task.id, events=[EventAnswer.of(each) for each in tasks.events(session, task.id)])


@router.get("/tasks/{task_id}/report", response_class=StreamingResponse, responses=_OUTPUT | outputs.JSON)
def get_report(task: OwnTask, storage: StorageNow) -> StreamingResponse:
    """The report as JSON."""
    return outputs.stream_output(task, "report.json", storage)


@router.get("/tasks/{task_id}/report.html", response_class=StreamingResponse, responses=_OUTPUT | outputs.HTML)
def get_report_page(task: OwnTask, storage: StorageNow) -> StreamingResponse:
    """The report as a page."""
    headers = {"Content-Security-Policy": outputs.REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
    return outputs.stream_output(task, "report.html", storage, headers)


@router.get("/tasks/{task_id}/downloads", responses=_OUTPUT)
def list_downloads(task: OwnTask, storage: StorageNow, settings: SettingsNow) -> DownloadsAnswer:
    """The files of the result, each with a link."""
    return DownloadsAnswer(task_id=task.id, files=outputs.downloads(task, storage, settings.download_link_seconds))


@router.post("/tasks/{task_id}/cancel", responses=refuses(TaskNotCancellable))
def cancel_task(task_id: TaskId, user: CurrentUser) -> CancelAnswer:
    """Cancel what waits; ask what runs to stop."""
    task = orders.cancel(task_id, user.id)
    return CancelAnswer(
        task_id=task.id, status=TaskStatus(task.status), cancelling=task.status == TaskStatus.PROCESSING
    )


@router.delete("/tasks/{task_id}", status_code=204)
def delete_task(task_id: TaskId, user: CurrentUser, storage: StorageNow) -> None:
    """Remove a task and its files; one that runs is stopped first."""
    removal.delete(task_id, user.id, storage)


def _news(task: Task, after: int) -> bool:
    with reading() as session:
        return bool(tasks.events(session, task.id, after=after))

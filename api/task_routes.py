"""Tasks: order, send files, submit, watch, read, cancel."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response
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
from api.forms import AnalyzeForm, read_form
from api.openapi import analyze_body
from api.schemas import (
    CancelAnswer,
    DownloadsAnswer,
    EventAnswer,
    ExpectedFiles,
    Links,
    Submission,
    SubmissionAnswer,
    TaskAnswer,
    TaskOrder,
    TaskPage,
    TicketAnswer,
    TimelineAnswer,
    UploadAnswer,
    UploadsAnswer,
    cursor_of,
    read_cursor,
)
from billing import ledger
from billing.ledger import TaskCredits
from celery_queue import orders
from celery_queue.orders import Upload
from db import tasks
from db.database import reading
from db.models import Task, TaskStatus
from errors import ServiceError
from storage import Storage
from transformers.tools import tool_of

router = APIRouter(tags=["tasks"])

_EVENT_ID = re.compile(r"[0-9]{1,18}")


@router.post("/tasks", status_code=201)
def create_task(body: TaskOrder, user: CurrentUser, request_id: RequestIdNow) -> TaskAnswer:
    """Order a tool and get a quote; the files come next."""
    task = _create(body, user.id, request_id)
    return _whole(task.id, user.id)


@router.post("/tasks/{task_id}/upload-urls")
def create_upload_urls(body: ExpectedFiles, task_id: TaskId, user: CurrentUser, storage: StorageNow) -> UploadsAnswer:
    """A link for each file, by role; may be asked again until the task is submitted."""
    files = {role: Upload(each.filename, each.content_type, each.size_bytes) for role, each in body.files.items()}
    _, links = orders.expect_uploads(task_id, user.id, files, storage, has_parameters=body.has_parameters)
    task = _whole(task_id, user.id)
    uploads = {role: UploadAnswer.model_validate(link, from_attributes=True) for role, link in links.items()}
    return UploadsAnswer(task=task, status=task.status, uploads=uploads)


@router.post("/tasks/{task_id}/process", status_code=202)
def process_task(
    task_id: TaskId, user: CurrentUser, storage: StorageNow, request_id: RequestIdNow, body: Submission | None = None
) -> SubmissionAnswer:
    """Check the files, hold the credits, put the task into the queue."""
    return _submit(task_id, user.id, storage, request_id, body or Submission())


@router.post("/analyze", status_code=202, openapi_extra=analyze_body())
def analyze(
    form: Annotated[AnalyzeForm, Depends(read_form)], user: CurrentUser, storage: StorageNow, request_id: RequestIdNow
) -> SubmissionAnswer:
    """Order, send files and submit in one call."""
    tool_of(form.order.tool_id).check_roles(form.files)
    task = _create(form.order, user.id, request_id)
    try:
        _store(task, form, storage)
        return _submit(task.id, user.id, storage, request_id, Submission())
    except ServiceError as error:
        error.context["task_id"] = task.id  # so that the files needn't be sent again once the cause is gone
        raise


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
def get_task(task_id: TaskId, user: CurrentUser, session: Database) -> TaskAnswer:
    """One task, whole."""
    task = tasks.get(session, task_id, user.id)
    return TaskAnswer.of(task, ledger.of_tasks(session, [task.id]).get(task.id, TaskCredits()))


@router.get("/tasks/{task_id}/events", response_class=StreamingResponse)
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


@router.get("/tasks/{task_id}/report", response_class=StreamingResponse)
def get_report(task: OwnTask, storage: StorageNow) -> StreamingResponse:
    """The report as JSON."""
    return outputs.stream_output(task, "report.json", storage)


@router.get("/tasks/{task_id}/report.html", response_class=StreamingResponse)
def get_report_page(task: OwnTask, storage: StorageNow) -> StreamingResponse:
    """The report as a page."""
    headers = {"Content-Security-Policy": outputs.REPORT_POLICY, "X-Content-Type-Options": "nosniff"}
    return outputs.stream_output(task, "report.html", storage, headers)


@router.get("/tasks/{task_id}/downloads")
def list_downloads(task: OwnTask, storage: StorageNow, settings: SettingsNow) -> DownloadsAnswer:
    """The files of the result, each with a link."""
    return DownloadsAnswer(task_id=task.id, files=outputs.downloads(task, storage, settings.download_link_seconds))


@router.post("/tasks/{task_id}/cancel")
def cancel_task(task_id: TaskId, user: CurrentUser) -> CancelAnswer:
    """Cancel what waits; ask what runs to stop."""
    task = orders.cancel(task_id, user.id)
    return CancelAnswer(
        task_id=task.id, status=TaskStatus(task.status), cancelling=task.status == TaskStatus.PROCESSING
    )


def _create(order: TaskOrder, user_id: str, request_id: str) -> Task:
    sources = {role: each.model_dump() for role, each in (order.inputs_from or {}).items()}
    return orders.create(
        user_id,
        order.tool_id,
        order.agents,
        order.parameters,
        dataset=order.dataset,
        inputs_from=sources or None,
        request_id=request_id,
    )


def _store(task: Task, form: AnalyzeForm, storage: Storage) -> None:
    expected = {role: Upload(file.filename or role, size_bytes=file.size) for role, file in form.files.items()}
    _, links = orders.expect_uploads(task.id, task.user_id, expected, storage)
    for role, file in form.files.items():
        storage.write(file.file, links[role].key)


def _submit(task_id: str, user_id: str, storage: Storage, request_id: str, how: Submission) -> SubmissionAnswer:
    task = orders.submit(
        task_id, user_id, storage, not_before=how.not_before, expires_at=how.expires_at, request_id=request_id
    )
    return SubmissionAnswer(
        task_id=task.id,
        status=TaskStatus.QUEUED,
        celery_task_id=task.celery_task_id,
        message="The task is in the queue.",
        links=Links.of(task.id),
    )


def _whole(task_id: str, user_id: str) -> TaskAnswer:
    with reading() as session:
        task = tasks.get(session, task_id, user_id)
        return TaskAnswer.of(task, ledger.of_tasks(session, [task.id]).get(task.id, TaskCredits()))


def _news(task: Task, after: int) -> bool:
    with reading() as session:
        return bool(tasks.events(session, task.id, after=after))

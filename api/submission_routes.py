"""Putting tasks into the queue: submit, order and submit in one call, run again."""

from hashlib import sha256
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.dependencies import CurrentUser, RequestIdNow, SettingsNow, StorageNow, TaskId
from api.events import LiveEvents
from api.forms import AnalyzeForm, read_form
from api.idempotency import Keep, MayRepeat, Repeatable, once
from api.openapi import analyze_body
from api.refusals import refuses
from api.schemas import ExecutionMode, Links, Submission, SubmissionAnswer, TaskAnswer, TaskOrder
from api.views import whole_task
from celery_queue import orders, removal, retries
from celery_queue.orders import Upload
from db.models import Task, TaskStatus
from errors import (
    BadRequest,
    IdempotencyConflict,
    InputGone,
    InsufficientCredits,
    InvalidParameters,
    MissingInput,
    ServiceError,
    TaskAlreadyProcessing,
    TaskNotFound,
    TaskNotRetryable,
    TooLarge,
    UnknownAgent,
    UnknownTool,
    UnsupportedMediaType,
)
from settings import Settings
from storage import Storage
from storage.port import CHUNK
from transformers.tools import tool_of

router = APIRouter(tags=["tasks"])

_FINISHED: dict[int | str, dict[str, Any]] = {
    200: {"model": TaskAnswer, "description": "execution_mode sync: the task has ended."}
}

RETRY = (InsufficientCredits, TaskNotRetryable, InputGone)
"""How running a task again is refused."""
_ORDER = (MissingInput, InsufficientCredits, IdempotencyConflict, TooLarge, InvalidParameters)
_SUBMISSION = refuses(*_ORDER, TaskNotFound, TaskAlreadyProcessing)
_ANALYSIS = refuses(*_ORDER, BadRequest, UnknownTool, UnknownAgent, UnsupportedMediaType)


@router.post("/tasks/{task_id}/process", status_code=202, responses=_FINISHED | _SUBMISSION)
async def process_task(
    task_id: TaskId,
    repeatable: MayRepeat,
    storage: StorageNow,
    request_id: RequestIdNow,
    request: Request,
    response: Response,
    settings: SettingsNow,
    body: Submission | None = None,
) -> SubmissionAnswer | TaskAnswer:
    """Check the files, hold the credits, put the task into the queue; `execution_mode` sync waits for its end."""
    how = body or Submission()

    def work(keep: Keep) -> SubmissionAnswer:
        return _submit(task_id, repeatable.user_id, storage, request_id, how, keep)

    fingerprint = repeatable.fingerprint(how.model_dump_json())
    queued = await run_in_threadpool(once, repeatable, fingerprint, SubmissionAnswer, work)
    return await _finished(queued, repeatable.user_id, how.execution_mode, settings, request, response)


@router.post("/analyze", status_code=202, openapi_extra=analyze_body(), responses=_FINISHED | _ANALYSIS)
async def analyze(
    form: Annotated[AnalyzeForm, Depends(read_form)],
    repeatable: MayRepeat,
    storage: StorageNow,
    request_id: RequestIdNow,
    request: Request,
    response: Response,
    settings: SettingsNow,
) -> SubmissionAnswer | TaskAnswer:
    """Order, send files and submit in one call."""
    queued = await run_in_threadpool(_analyze_once, form, repeatable, storage, request_id)
    return await _finished(queued, repeatable.user_id, form.execution_mode, settings, request, response)


@router.post("/tasks/{task_id}/retry", status_code=202, responses=refuses(*RETRY))
def retry_task(task_id: TaskId, user: CurrentUser, storage: StorageNow, request_id: RequestIdNow) -> SubmissionAnswer:
    """Run a failed task again, as it was ordered, for a new hold of the same price."""
    return queued_answer(retries.retry(task_id, user.id, storage, request_id=request_id))


def create_order(order: TaskOrder, user_id: str, request_id: str) -> Task:
    """The row of an order."""
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


def queued_answer(task: Task) -> SubmissionAnswer:
    """What is said of a task that is in the queue now."""
    return SubmissionAnswer(
        task_id=task.id,
        status=TaskStatus.QUEUED,
        celery_task_id=task.celery_task_id,
        message="The task is in the queue.",
        links=Links.of(task.id),
    )


def _submit(
    task_id: str, user_id: str, storage: Storage, request_id: str, how: Submission, keep: Keep
) -> SubmissionAnswer:
    def keep_answer(session: Session, task: Task) -> None:
        keep(session, queued_answer(task))

    task = orders.submit(
        task_id,
        user_id,
        storage,
        not_before=how.not_before,
        expires_at=how.expires_at,
        request_id=request_id,
        also=keep_answer,
    )
    return queued_answer(task)


def _analyze_once(form: AnalyzeForm, repeatable: Repeatable, storage: Storage, request_id: str) -> SubmissionAnswer:
    def work(keep: Keep) -> SubmissionAnswer:
        return _analyze(form, repeatable.user_id, storage, request_id, keep)

    content = [form.order.model_dump_json(), str(form.execution_mode)]
    if repeatable.key:
        content += _digests(form)
    return once(repeatable, repeatable.fingerprint(*content), SubmissionAnswer, work)


def _digests(form: AnalyzeForm) -> list[str]:
    return [f"{role} {file.filename} {_digest(file.file)}" for role, file in sorted(form.files.items())]


def _digest(stream: BinaryIO) -> str:
    digest = sha256()
    while piece := stream.read(CHUNK):
        digest.update(piece)
    stream.seek(0)
    return digest.hexdigest()


def _analyze(form: AnalyzeForm, user_id: str, storage: Storage, request_id: str, keep: Keep) -> SubmissionAnswer:
    tool_of(form.order.tool_id).check_roles(form.files)
    task = create_order(form.order, user_id, request_id)
    try:
        _store(task, form, storage)
        return _submit(task.id, user_id, storage, request_id, Submission(), keep)
    except ServiceError as error:
        error.context["task_id"] = task.id  # so that the files needn't be sent again once the cause is gone
        raise
    except IntegrityError:
        removal.delete(task.id, user_id, storage)  # the same request came twice at once, and the other was first
        raise


def _store(task: Task, form: AnalyzeForm, storage: Storage) -> None:
    expected = {role: Upload(file.filename or role, size_bytes=file.size) for role, file in form.files.items()}
    _, links = orders.expect_uploads(task.id, task.user_id, expected, storage)
    for role, file in form.files.items():
        storage.write(file.file, links[role].key)


async def _finished(
    queued: SubmissionAnswer,
    user_id: str,
    mode: ExecutionMode | None,
    settings: Settings,
    request: Request,
    response: Response,
) -> SubmissionAnswer | TaskAnswer:
    """The task itself where it was to be waited for and has ended; no thread and no connection waits for it."""
    live: LiveEvents = request.app.state.live_events
    mode = mode or settings.default_execution_mode
    if mode == "async" or not await live.ended(queued.task_id, settings.sync_wait_seconds):
        return queued
    response.status_code = 200
    return await run_in_threadpool(whole_task, queued.task_id, user_id)

"""Sending a task's files: links for each, whole or in parts, and a look at what has come."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from api.dependencies import CurrentUser, OwnTask, StorageNow, TaskId
from api.refusals import refuses
from api.schemas import (
    ROLE,
    ExpectedFiles,
    PartAnswer,
    PreviewAnswer,
    UploadAnswer,
    UploadsAnswer,
    UploadsComplete,
)
from api.views import whole_task
from celery_queue import orders, uploads
from celery_queue.orders import Upload
from db.models import Task
from errors import (
    InvalidParameters,
    MissingInput,
    NotFound,
    RateLimited,
    TaskNotFound,
    TooLarge,
    UnreadableFile,
    UnsupportedMediaType,
    WrongState,
)
from storage import PartedUpload, Storage, UploadLink

router = APIRouter(tags=["tasks"])

Previewer = Callable[[Task, str, Storage], Mapping[str, Any]]
"""What a file of a task, by its role, looks like; the process that serves the API brings it along."""


@router.post(
    "/tasks/{task_id}/upload-urls", responses=refuses(WrongState, TooLarge, UnsupportedMediaType, InvalidParameters)
)
def create_upload_urls(body: ExpectedFiles, task_id: TaskId, user: CurrentUser, storage: StorageNow) -> UploadsAnswer:
    """A link for each file, by role; may be asked again until the task is submitted."""
    files = {role: Upload(each.filename, each.content_type, each.size_bytes) for role, each in body.files.items()}
    links, parted = uploads.expect(task_id, user.id, files, storage, has_parameters=body.has_parameters)
    task = whole_task(task_id, user.id)
    answers = {role: _upload(link, parted.get(role)) for role, link in links.items()}
    return UploadsAnswer(task=task, status=task.status, uploads=answers)


@router.post("/tasks/{task_id}/upload-complete", responses=refuses(MissingInput, WrongState))
def complete_uploads(task_id: TaskId, user: CurrentUser, storage: StorageNow) -> UploadsComplete:
    """Put the parts together and confirm that every announced file is there."""
    sizes = uploads.complete(task_id, user.id, storage)
    task = whole_task(task_id, user.id)
    return UploadsComplete(task=task, status=task.status, files=sizes)


def get_previewer(request: Request) -> Previewer:
    """What this process previews files with."""
    previewer: Previewer | None = request.app.state.previewer
    if previewer is None:
        raise NotFound("There are no previews here.")
    return previewer


@router.get(
    "/tasks/{task_id}/preview", responses=refuses(TaskNotFound, NotFound, TooLarge, UnreadableFile, RateLimited)
)
def preview_input(
    task: OwnTask,
    storage: StorageNow,
    previewer: Annotated[Previewer, Depends(get_previewer)],
    role: Annotated[
        str | None, Query(pattern=f"^{ROLE.pattern}$", description="Which file; empty = the first.")
    ] = None,
) -> PreviewAnswer:
    """The first rows of an uploaded file, and how it is read: format, encoding, delimiter, types of its columns."""
    inputs = {name: each for name, each in task.inputs.items() if name != orders.PARAMETERS}
    chosen = role or next(iter(inputs), None)
    if chosen is None or chosen not in inputs:
        raise NotFound("The task has no such file.", role=chosen)
    found = previewer(task, chosen, storage)
    return PreviewAnswer.model_validate({"role": chosen, "filename": inputs[chosen]["filename"], **found})


def _upload(link: UploadLink, parted: PartedUpload | None) -> UploadAnswer:
    answer = UploadAnswer.model_validate(link, from_attributes=True)
    if parted is not None:
        answer.parts = [PartAnswer.model_validate(each, from_attributes=True) for each in parted.parts]
    return answer

"""The bodies of tasks and tools that come in and go out."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.body import Body, Name, example
from billing.ledger import TaskCredits
from db.models import Task, TaskEvent, TaskStatus
from errors import BadRequest

DAY = timedelta(days=1)
LONGEST_WAIT = timedelta(days=30)

ROLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""A role is part of a storage key."""

Role = Annotated[str, StringConstraints(pattern=f"^{ROLE.pattern}$")]
ContentType = Annotated[str, StringConstraints(max_length=100, pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*$")]


class OutputOf(Body):
    """A file that a finished task of one's own made."""

    task_id: Name
    file: str = Field(min_length=1, max_length=255)


class TaskOrder(Body):
    """What to run. The files follow, or come from earlier tasks by `inputs_from`."""

    model_config = example(
        {
            "tool_id": "clean-my-data",
            "agents": ["type-fixer", "null-handler"],
            "parameters": {"type-fixer": {"date_order": "dmy"}},
        }
    )

    tool_id: Name
    agents: list[Name] | None = Field(None, max_length=100, description="Agents to run; empty = the tool's defaults.")
    parameters: dict[str, Any] | None = Field(None, description="Parameters by agent.")
    dataset: str | None = Field(None, pattern=r"^[a-z0-9-]{1,64}$", description="What lives longer than one run.")
    inputs_from: dict[Role, OutputOf] | None = Field(None, description="Outputs of finished tasks, by role.")


class ExpectedFile(Body):
    """A file that the client will send. With its size the link takes exactly so many bytes, and parts are offered."""

    filename: str = Field(min_length=1, max_length=1000)
    content_type: ContentType | None = None
    size_bytes: int | None = Field(None, ge=0, le=1 << 60)


class ExpectedFiles(Body):
    """The files that the client will send, by role."""

    model_config = example(
        {"files": {"primary": {"filename": "people.csv", "content_type": "text/csv", "size_bytes": 1048576}}}
    )

    files: dict[Role, ExpectedFile] = Field(max_length=64)
    has_parameters: bool = Field(False, description="A parameters.json comes too; it replaces those of the order.")


ExecutionMode = Literal["async", "sync"]


class Submission(Body):
    """How to run."""

    model_config = example({"execution_mode": "sync"})

    execution_mode: ExecutionMode | None = Field(None, description="sync: answer with the finished task if it can be.")
    not_before: AwareDatetime | None = Field(None, description="Start no earlier; at most 24 hours ahead.")
    expires_at: AwareDatetime | None = Field(None, description="Don't start any more after this moment.")

    @model_validator(mode="after")
    def _within_reach(self) -> Submission:
        now = datetime.now(UTC)
        if self.not_before and not now - DAY <= self.not_before <= now + DAY:
            raise ValueError("not_before is more than 24 hours away")
        if self.expires_at and not max(now, self.not_before or now) < self.expires_at <= now + LONGEST_WAIT:
            raise ValueError("expires_at must lie ahead, after not_before, and within 30 days")
        return self


class PartAnswer(BaseModel):
    """Where to PUT one part of a large file, without headers of one's own; parts may be sent in any order."""

    number: int
    url: str
    size_bytes: int


class UploadAnswer(BaseModel):
    """Where and how to send one file: whole to `url`, or all of its `parts` and then POST …/upload-complete."""

    url: str
    method: str
    headers: dict[str, str]
    key: str
    expires_at: datetime
    parts: list[PartAnswer] | None = None


class ProgressDetail(BaseModel):
    """What a running task is at."""

    model_config = ConfigDict(extra="allow")

    stage: str | None = None
    current_agent: str | None = None
    agents_total: int | None = None
    agents_completed: int | None = None


class Links(BaseModel):
    """Where the rest of a task is."""

    self: str
    events: str
    timeline: str
    report: str
    downloads: str

    @classmethod
    def of(cls, task_id: str) -> Links:
        """From the task's id."""
        here = f"/tasks/{task_id}"
        return cls(
            self=here,
            events=f"{here}/events",
            timeline=f"{here}/timeline",
            report=f"{here}/report",
            downloads=f"{here}/downloads",
        )


class TaskAnswer(BaseModel):
    """A task, whole."""

    model_config = ConfigDict(from_attributes=True)

    task_id: str
    tool_id: str
    status: TaskStatus
    agents: list[str]
    parameters: dict[str, Any]
    inputs: dict[str, str] = Field(description="File names by role.")
    dataset: str | None
    progress: int = Field(ge=0, le=100)
    progress_detail: ProgressDetail
    created_at: datetime
    updated_at: datetime
    upload_expires_at: datetime | None
    queued_at: datetime | None
    not_before: datetime | None
    expires_at: datetime | None
    started_at: datetime | None
    cancel_requested_at: datetime | None
    finished_at: datetime | None
    inputs_removed_at: datetime | None
    outputs_removed_at: datetime | None
    archived_at: datetime | None
    duration_seconds: float | None
    attempt: int
    run_no: int
    retry_count: int
    trigger_type: str
    parent_task_id: str | None
    celery_task_id: str | None
    worker_hostname: str | None
    credits_quoted: int
    credits_held: int
    credits_charged: int
    error_code: str | None
    error_message: str | None
    links: Links

    @classmethod
    def of(cls, task: Task, credits: TaskCredits) -> Self:
        """From its row and what the ledger says of it."""
        own = {
            "task_id": task.id,
            "status": task.status,
            "inputs": {role: each["filename"] for role, each in task.inputs.items()},
            "duration_seconds": _duration(task),
            "credits_held": credits.held,
            "credits_charged": credits.charged,
            "links": Links.of(task.id),
        }
        same = {name: getattr(task, name) for name in cls.model_fields if name not in own}
        return cls.model_validate(same | own)


def _duration(task: Task) -> float | None:
    """Seconds from the last start to the end, or till now."""
    if task.started_at is None:
        return None
    ended = task.finished_at or datetime.now(UTC)
    return max(0.0, round((ended - task.started_at).total_seconds(), 3))


class TaskPage(BaseModel):
    """Tasks, newest first; `next_cursor` continues after the last one."""

    items: list[TaskAnswer]
    next_cursor: str | None


class UploadsAnswer(BaseModel):
    """The task, and a link for each of its files."""

    task: TaskAnswer
    status: TaskStatus
    uploads: dict[str, UploadAnswer]


class UploadsComplete(BaseModel):
    """The task, and the sizes of its files in bytes by role: they are all there."""

    task: TaskAnswer
    status: TaskStatus
    files: dict[str, int]


class PreviewColumn(BaseModel):
    """A column, and what its first values look like."""

    name: str
    type: str


class PreviewAnswer(BaseModel):
    """How a file is read: its first rows, a missing or empty cell null, cells cut at 200 characters."""

    role: str
    filename: str
    format: str
    encoding: str | None
    delimiter: str | None
    columns_total: int = Field(description="May be more than are listed.")
    columns: list[PreviewColumn]
    rows: list[list[str | None]]
    notes: list[str]


class SubmissionAnswer(BaseModel):
    """The task is in the queue."""

    task_id: str
    status: TaskStatus
    celery_task_id: str | None
    message: str
    links: Links


class CancelAnswer(BaseModel):
    """CANCELLED, or PROCESSING with `cancelling` true: the worker stops within seconds."""

    task_id: str
    status: TaskStatus
    cancelling: bool


class EventAnswer(BaseModel):
    """One thing that happened to a task. `actor`: a user, an admin, a worker with its process id, the reconciler, or
    the retention; `fence` counts the attempts of all runs."""

    id: int
    event: str
    actor: str
    request_id: str | None
    run_no: int
    attempt: int
    fence: int
    detail: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, event: TaskEvent, *, whole: bool = False) -> EventAnswer:
        """From its row; `whole` with the traceback, which is for operators alone."""
        shown = {name: value for name, value in event.detail.items() if whole or name != "trace"}
        return cls.model_validate({name: getattr(event, name) for name in cls.model_fields} | {"detail": shown})


class TimelineAnswer(BaseModel):
    """Everything that happened to a task, in order."""

    task_id: str
    events: list[EventAnswer]


class TicketAnswer(BaseModel):
    """One minute to open the event stream at `url` without a bearer token."""

    token: str
    expires_at: datetime
    url: str


class DownloadAnswer(BaseModel):
    """A file of the result and a link to it."""

    download_id: str
    filename: str
    type: str
    mime_type: str
    size_bytes: int
    sha256: str
    url: str
    expires_at: datetime


class DownloadsAnswer(BaseModel):
    """The files of the result."""

    task_id: str
    files: list[DownloadAnswer]


class FileRole(BaseModel):
    """A file that a tool takes."""

    role: str
    required: bool
    many: bool = Field(description="Any number of files whose role begins with this name.")
    help: str


class AgentAnswer(BaseModel):
    """A step of a tool."""

    id: str
    title: str
    help: str
    credits: int
    default: bool = Field(description="Runs where no agents are named.")
    always: bool = Field(description="Runs whatever is named.")
    parameters: dict[str, Any] = Field(description="JSON Schema.")


class ToolAnswer(BaseModel):
    """A tool: its files, and its agents in the order in which they run."""

    id: str
    title: str
    help: str
    files: list[FileRole]
    agents: list[AgentAnswer]
    input_parameters: dict[str, Any] = Field(description="JSON Schema of how files are read: `parameters.input`.")
    output_parameters: dict[str, Any] | None = Field(
        description="JSON Schema of what results may show: `parameters.output`; null of a tool that masks nothing."
    )
    main_output: str


class ErrorBody(BaseModel):
    """Every error."""

    error: str
    detail: str
    context: dict[str, Any]


def cursor_of(task: Task) -> str:
    """Where a page ended, in a form that fits an address."""
    return base64.urlsafe_b64encode(f"{task.created_at.isoformat()} {task.id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """The moment and id at which the page before ended."""
    try:
        moment, _, task_id = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        when = datetime.fromisoformat(moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRequest("This cursor was not made here.") from error
    if not task_id.isascii() or not task_id.replace("-", "").isalnum():
        raise BadRequest("This cursor was not made here.")
    return when, task_id

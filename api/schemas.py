"""The bodies that come in and go out."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, EmailStr, Field, StringConstraints, model_validator

from billing.ledger import TaskCredits
from celery_queue.inspection import Worker
from db.models import ApiKey, LedgerEntry, LedgerKind, Task, TaskEvent, TaskStatus, User
from errors import BadRequest

DAY = timedelta(days=1)
LONGEST_WAIT = timedelta(days=30)
DEEPEST = 30

ROLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""A role is part of a storage key."""

Role = Annotated[str, StringConstraints(pattern=f"^{ROLE.pattern}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
ContentType = Annotated[str, StringConstraints(max_length=100, pattern=r"^[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*$")]


class Body(BaseModel):
    """A request's body: no unknown field, and nothing in it that a database can't keep."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        check_storable(value)
        return value


def check_storable(value: Any, depth: int = 0) -> None:
    """Raise ValueError for what JSON can say and PostgreSQL can't keep: a NUL, half a surrogate pair, NaN."""
    if depth > DEEPEST:
        raise ValueError(f"is nested more than {DEEPEST} levels deep")
    if isinstance(value, str) and ("\0" in value or not _encodable(value)):
        raise ValueError("holds a character that is not text")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("holds a number that is not finite")
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for each in value:
            check_storable(each, depth + 1)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _example(body: dict[str, Any]) -> ConfigDict:
    """What documentation shows as a body of that kind."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Credentials(Body):
    """Who signs in."""

    model_config = _example({"email": "ada@example.com", "password": "a long password"})

    email: str = Field(max_length=320)
    password: str = Field(max_length=200)


class Registration(Body):
    """Who wants an account."""

    model_config = _example({"email": "ada@example.com", "password": "a long password"})

    email: EmailStr = Field(max_length=320)
    password: str = Field(min_length=8, max_length=200)


class UserAnswer(BaseModel):
    """An account."""

    id: str
    email: str
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> UserAnswer:
        """From its row."""
        return cls(id=user.id, email=user.email, is_admin=user.is_admin, created_at=user.created_at)


class TokenAnswer(BaseModel):
    """A bearer token: send it as `Authorization: Bearer …`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_at: datetime
    user: UserAnswer


class ApiKeyOrder(Body):
    """What the key is for."""

    model_config = _example({"name": "nightly import"})

    name: Name


class ApiKeyAnswer(BaseModel):
    """An API key: what it is for and how it begins."""

    id: str
    name: str
    start: str
    created_at: datetime

    @classmethod
    def of(cls, key: ApiKey) -> ApiKeyAnswer:
        """From its row."""
        return cls(id=key.id, name=key.name, start=key.start, created_at=key.created_at)


class NewApiKey(ApiKeyAnswer):
    """A new key, with the only copy of itself."""

    key: str


class OutputOf(Body):
    """A file that a finished task of one's own made."""

    task_id: Name
    file: str = Field(min_length=1, max_length=255)


class TaskOrder(Body):
    """What to run. The files follow, or come from earlier tasks by `inputs_from`."""

    model_config = _example(
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

    model_config = _example(
        {"files": {"primary": {"filename": "people.csv", "content_type": "text/csv", "size_bytes": 1048576}}}
    )

    files: dict[Role, ExpectedFile] = Field(max_length=64)
    has_parameters: bool = Field(False, description="A parameters.json comes too; it replaces those of the order.")


ExecutionMode = Literal["async", "sync"]


class Submission(Body):
    """How to run."""

    model_config = _example({"execution_mode": "sync"})

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
    """One thing that happened to a task."""

    id: int
    event: str
    actor: str
    run_no: int
    attempt: int
    detail: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, event: TaskEvent) -> EventAnswer:
        """From its row, but for the traceback, which is for operators alone."""
        shown = {name: value for name, value in event.detail.items() if name != "trace"}
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


class WalletAnswer(BaseModel):
    """An account's credits: `available` is what a new order may cost."""

    balance: int
    held: int
    available: int


class Transaction(BaseModel):
    """One movement. HOLD and RELEASE reserve and free; SETTLE charges; the others change the balance by `amount`."""

    id: int
    kind: LedgerKind
    amount: int
    task_id: str | None
    run_no: int | None
    note: str
    created_at: datetime

    @classmethod
    def of(cls, entry: LedgerEntry) -> Transaction:
        """From its row."""
        return cls.model_validate({name: getattr(entry, name) for name in cls.model_fields})


class TransactionPage(BaseModel):
    """Movements, newest first; `next_cursor` continues after the last one."""

    items: list[Transaction]
    next_cursor: str | None


class AgentCost(BaseModel):
    """The price of one agent's run."""

    tool_id: str
    agent_id: str
    credits: int
    default: bool = Field(description="Runs where no agents are named.")
    always: bool = Field(description="Runs whatever is named.")


class CostQuestion(Body):
    """An order that is not placed."""

    model_config = _example({"tool_id": "clean-my-data", "agents": ["type-fixer", "null-handler"]})

    tool_id: Name
    agents: list[Name] | None = Field(None, max_length=100, description="Agents to run; empty = the tool's defaults.")
    parameters: dict[str, Any] | None = Field(None, description="Parameters by agent.")


class CostEstimate(BaseModel):
    """What an order would be quoted; `agents` are those that would run, in order, with their prices."""

    tool_id: str
    agents: dict[str, int]
    credits: int
    available: int
    sufficient: bool


class GrantOrder(Body):
    """Credits for an account, which is named by its id or its e-mail address."""

    model_config = _example({"email": "ada@example.com", "credits": 500, "note": "for a workshop"})

    user_id: str | None = Field(None, max_length=36)
    email: str | None = Field(None, max_length=320)
    credits: int = Field(ge=1, le=1_000_000_000)
    note: str = Field("granted", min_length=1, max_length=500)

    @model_validator(mode="after")
    def _one_account(self) -> GrantOrder:
        if (self.user_id is None) == (self.email is None):
            raise ValueError("names one account, by user_id or by email")
        return self


class GrantAnswer(BaseModel):
    """The account's credits after the grant."""

    user_id: str
    granted: int
    wallet: WalletAnswer


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
    main_output: str


class AdminTask(TaskAnswer):
    """A task as an operator sees it: with its owner and its lease."""

    user_id: str
    fence: int
    handed_back: int
    worker_pid: int | None
    published_at: datetime | None
    lease_expires_at: datetime | None
    deadline_at: datetime | None
    deleted_at: datetime | None
    request_id: str | None


class QueueAnswer(BaseModel):
    """How the queue is. `depth`: tasks that are due; `oldest_seconds`: how long the first of them has waited."""

    depth: int
    scheduled: int
    oldest_seconds: float
    lease_expired: int
    dead_letters: int
    by_status: dict[str, int]


class AdminTaskPage(BaseModel):
    """Tasks, newest first, and how the queue is; `next_cursor` continues after the last one."""

    items: list[AdminTask]
    next_cursor: str | None
    queue: QueueAnswer


class CeleryWorker(BaseModel):
    """A worker that answered: the Celery ids of what it runs and of what it has reserved."""

    name: str
    pid: int | None
    slots: int | None
    active: list[str]
    reserved: list[str]


class Holder(BaseModel):
    """A process that holds a task by its row."""

    hostname: str | None
    pid: int | None
    task_id: str
    lease_expires_at: datetime | None


class WorkersAnswer(BaseModel):
    """Celery's view and the rows'; `celery_fault` says why Celery's is empty."""

    celery: list[CeleryWorker]
    celery_fault: str | None
    holding: list[Holder]

    @classmethod
    def of(cls, holding: Sequence[Task], answering: Sequence[Worker], fault: str | None) -> WorkersAnswer:
        """From the rows and from Celery's answers."""
        holders = [
            Holder(
                hostname=each.worker_hostname,
                pid=each.worker_pid,
                task_id=each.id,
                lease_expires_at=each.lease_expires_at,
            )
            for each in holding
        ]
        celery = [CeleryWorker.model_validate(each, from_attributes=True) for each in answering]
        return cls(celery=celery, celery_fault=fault, holding=holders)


class CeleryView(BaseModel):
    """A row beside Celery's state of its message: PENDING where Celery knows none, UNAVAILABLE where it is down."""

    task: AdminTask
    celery_state: str


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

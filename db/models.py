"""The rows. The Task row is the queue of record: a Celery message is only a wake-up hint for it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Connection,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from db.clock import moment
from db.types import UtcDateTime


class TaskStatus(enum.StrEnum):
    """CREATED → UPLOADING → (UPLOAD_FAILED →) QUEUED → PROCESSING → one of the terminal four."""

    CREATED = "CREATED"
    UPLOADING = "UPLOADING"
    UPLOAD_FAILED = "UPLOAD_FAILED"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"

    @property
    def terminal(self) -> bool:
        """Whether this is an end: nothing but a retry of FAILED leaves it."""
        return self in TERMINAL


TERMINAL = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.EXPIRED})
BEFORE_QUEUE = frozenset({TaskStatus.CREATED, TaskStatus.UPLOADING, TaskStatus.UPLOAD_FAILED})


class LedgerKind(enum.StrEnum):
    """HOLD and RELEASE reserve and free; the others make the balance."""

    GRANT = "GRANT"
    PURCHASE = "PURCHASE"
    HOLD = "HOLD"
    SETTLE = "SETTLE"
    RELEASE = "RELEASE"
    REFUND = "REFUND"
    ADJUSTMENT = "ADJUSTMENT"


UNWANTED_FILES = text("files_removed_at IS NULL AND (deleted_at IS NOT NULL OR status = 'EXPIRED')")
_ENDS_A_RUN = text("kind IN ('SETTLE', 'RELEASE')")
_WHERE = "where"
"""Which rows an index is of, in its `info`: to name PostgreSQL there would import all that can speak to one."""


class Base(DeclarativeBase):
    """Base of every row."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own declaration
        dict[str, Any]: JSON,
        list[Any]: JSON,
        datetime: UtcDateTime,
    }


@event.listens_for(Base.metadata, "before_create")
def _limit_indexes(metadata: MetaData, connection: Connection, **_: Any) -> None:
    for table in metadata.tables.values():
        for index in table.indexes:
            if _WHERE in index.info:
                index.dialect_kwargs[f"{connection.dialect.name}_where"] = index.info[_WHERE]


def new_id() -> str:
    """A random id, 36 characters."""
    return str(uuid4())


class User(Base):
    """Who orders and pays."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password_hash: Mapped[str] = mapped_column(Text, default="")
    is_admin: Mapped[bool] = mapped_column(default=False)
    disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=moment())


class Task(Base):
    """One order of one tool. `fence` counts claims over all runs; `attempt` those of this run; `outputs` is the pointer
    to the files of the one attempt that finished: readers follow it and nothing else. Attempts that ended in a verdict
    of their own (`retry_count` transient faults, `handed_back` graceful stops) don't count against MAX_ATTEMPTS."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index("tasks_by_user", "user_id", "created_at"),
        Index("tasks_by_status", "status", "not_before"),
        Index("tasks_by_turn", "user_id", "status", "queued_at"),
        Index("tasks_to_clear", "finished_at", info={_WHERE: UNWANTED_FILES}),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    tool_id: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16), default=TaskStatus.CREATED)
    agents: Mapped[list[Any]]
    parameters: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    dataset: Mapped[str | None] = mapped_column(String(64))
    prices: Mapped[dict[str, Any]]
    credits_quoted: Mapped[int] = mapped_column(BigInteger)
    shares: Mapped[int] = mapped_column(default=1, server_default="1")
    trigger_type: Mapped[str] = mapped_column(String(16), default="api")
    parent_task_id: Mapped[str | None] = mapped_column(String(36))
    request_id: Mapped[str | None] = mapped_column(String(64))
    celery_task_id: Mapped[str | None] = mapped_column(String(36), index=True)

    progress: Mapped[int] = mapped_column(default=0)
    progress_detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    run_no: Mapped[int] = mapped_column(default=1)
    attempt: Mapped[int] = mapped_column(default=0)
    retry_count: Mapped[int] = mapped_column(default=0)
    handed_back: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    worker_hostname: Mapped[str | None] = mapped_column(String(255))
    worker_pid: Mapped[int | None] = mapped_column(Integer)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_message: Mapped[str | None] = mapped_column(Text)
    outputs: Mapped[dict[str, Any] | None]

    created_at: Mapped[datetime] = mapped_column(default=moment())
    updated_at: Mapped[datetime] = mapped_column(default=moment(), onupdate=moment())
    upload_expires_at: Mapped[datetime | None]
    queued_at: Mapped[datetime | None]
    published_at: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    lease_expires_at: Mapped[datetime | None]
    deadline_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    inputs_removed_at: Mapped[datetime | None]
    outputs_removed_at: Mapped[datetime | None]
    files_removed_at: Mapped[datetime | None]


class TaskStep(Base):
    """One finished agent of one run: the checkpoint that a later attempt resumes after."""

    __tablename__ = "task_steps"
    __table_args__ = (UniqueConstraint("task_id", "run_no", "position"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    run_no: Mapped[int]
    position: Mapped[int]
    agent_id: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    fence: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    seconds: Mapped[float]
    fingerprint: Mapped[str] = mapped_column(String(64))
    checkpoint: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=moment())


class TaskEvent(Base):
    """One thing that happened to a task, by whom, in which attempt: append-only."""

    __tablename__ = "task_events"
    __table_args__ = (Index("events_by_task", "task_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    event: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(320))
    request_id: Mapped[str | None] = mapped_column(String(64))
    run_no: Mapped[int]
    attempt: Mapped[int]
    fence: Mapped[int]
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=moment())


class LedgerEntry(Base):
    """One movement of whole credits; never changed, never deleted. One HOLD and one end of it per run of a task."""

    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("task_id", "run_no", "kind"),
        Index("ledger_one_end_per_run", "task_id", "run_no", unique=True, info={_WHERE: _ENDS_A_RUN}),
        CheckConstraint("amount >= 0 OR kind = 'ADJUSTMENT'", name="ledger_amount_sign"),
        Index("ledger_by_user", "user_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"))
    task_id: Mapped[str | None] = mapped_column(ForeignKey("tasks.id"))
    run_no: Mapped[int | None]
    kind: Mapped[str] = mapped_column(String(16))
    amount: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=moment())


class Dataset(Base):
    """What lives longer than one run. `version` is the newest run that wrote its state, 0 before the first; runs move
    it by compare-and-swap. `baseline_version`: the run to compare with, where it isn't the newest."""

    __tablename__ = "datasets"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(default=0)
    baseline_version: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=moment())
    updated_at: Mapped[datetime] = mapped_column(default=moment(), onupdate=moment())


class DatasetRun(Base):
    """One run in a dataset. `prefix`: the folder of the state that it left; `figures`: what it says of itself."""

    __tablename__ = "dataset_runs"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "name"], ["datasets.user_id", "datasets.name"], ondelete="CASCADE"),
    )

    user_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    prefix: Mapped[str] = mapped_column(Text)
    figures: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=moment())


class IdempotencyKey(Base):
    """The first answer to a request that a client may send again: the same key gets the same answer for a day."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=moment())


class ApiKey(Base):
    """A bearer token that doesn't end by itself: only its digest is kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    start: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=moment())


class Counter(Base):
    """How often something has happened, over all processes and for ever."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)

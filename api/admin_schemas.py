"""The bodies of what operators see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from api.schemas import TaskAnswer
from celery_queue.inspection import Worker
from db.models import Task


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

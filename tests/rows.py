"""Rows for tests that need a user or a task, in whatever database this process is connected to."""

from typing import Any

from billing import ledger
from db import tasks, users
from db.database import transaction
from db.models import Task, TaskStatus, User, new_id
from db.tasks import Claim

LEASE = 60.0


def make_user(credits: int = 1000, email: str | None = None) -> User:
    """A user who has so many credits."""
    with transaction() as session:
        user = users.add(session, email or f"{new_id()}@example.org")
        ledger.grant(session, user.id, credits, "test")
    return user


def make_task(user: User, status: TaskStatus = TaskStatus.QUEUED, **values: Any) -> Task:
    """A task of that user, by default queued, with its price held."""
    facts: dict[str, Any] = {
        "tool_id": "clean-my-data",
        "agents": ["type-fixer"],
        "parameters": {},
        "prices": {"type-fixer": 25},
        "credits_quoted": 25,
        "celery_task_id": new_id(),
    }
    with transaction() as session:
        task = Task(user_id=user.id, status=status, **(facts | values))
        session.add(task)
        session.flush()
        if status in {TaskStatus.QUEUED, TaskStatus.PROCESSING}:
            ledger.hold(session, user.id, task.id, task.run_no, task.credits_quoted)
    return task


def claim(
    task: Task, *, user_id: str | None = None, lease: float = LEASE, max_attempts: int = 3, max_running: int = 100
) -> Claim | None:
    """Try to claim the task as a worker does."""
    with transaction() as session:
        return tasks.claim(
            session,
            task.id,
            user_id or task.user_id,
            lease_seconds=lease,
            limit_seconds=60,
            max_attempts=max_attempts,
            max_running=max_running,
            hostname="tests",
            pid=1,
        )


def reload(task: Task) -> Task:
    """The row as it is now."""
    with transaction() as session:
        found = tasks.find(session, task.id)
    assert found is not None
    return found

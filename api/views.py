"""A task as it is shown: its row, and what the ledger says of it."""

from api.schemas import TaskAnswer
from billing import ledger
from billing.ledger import TaskCredits
from db import tasks
from db.database import reading


def whole_task(task_id: str, user_id: str) -> TaskAnswer:
    """The user's own task."""
    with reading() as session:
        task = tasks.get(session, task_id, user_id)
        return TaskAnswer.of(task, ledger.of_tasks(session, [task.id]).get(task.id, TaskCredits()))

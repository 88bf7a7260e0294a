"""200 tasks cancelled at random moments, on PostgreSQL and S3: before the start, while running or ending, too late."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from celery_queue import orders, world
from celery_queue.reconciler import sweep
from celery_queue.runner import Runner
from celery_queue.slot import Children
from db.models import Task, TaskStatus, User
from errors import TaskNotCancellable
from settings import get_settings
from tests.celery_queue.service import check_history, ended
from tests.rows import make_task, make_user, reload
from transformers import clean_my_data_transformer

pytestmark = pytest.mark.service
TASKS, SLOTS = 200, 4
LATE = 60.0


@pytest.fixture
def slots(service) -> Iterator[Runner]:
    """A worker's runner in this process, so that 200 runs take seconds."""
    runner = world.runner()
    runner.children = Children(get_settings(), "tests.celery_queue.scripted_child")
    yield runner
    runner.children.close()


def scripted(runner: Runner, user: User, *steps: str) -> Task:
    key = f"scripts/{'-'.join(steps)}"
    return make_task(user, inputs={"primary": {"key": key, "filename": "script.txt"}})


def run(runner: Runner, task: Task) -> None:
    runner.run_attempt(task.id, task.user_id, clean_my_data_transformer.run, lambda *_: None)


def cancel(task: Task) -> bool:
    """Whether it wasn't too late."""
    try:
        orders.cancel(task.id, task.user_id)
    except TaskNotCancellable:
        return False
    return True


def run_and_cancel(runner: Runner, task: Task, seconds: float) -> bool:
    """Run the task in a slot and cancel it so long after the start: before it where that is less than nothing, after
    its end where that is more than LATE."""
    if seconds < 0:
        cancelled = cancel(task)
        run(runner, task)
        return cancelled
    with ThreadPoolExecutor(1) as slot:
        running = slot.submit(run, runner, task)
        wait([running], timeout=seconds if seconds < LATE else None)
        return cancel(task)


def until_all_ended(runner: Runner, ordered: list[Task]) -> None:
    """Do what a reconciler and its messages would for an attempt that lost its lease, as one does on a slow machine."""
    for _ in range(20):
        sweep(runner.settings)
        left = [task for task in ordered if not ended([task])]
        if not left:
            return
        time.sleep(0.5)
        for task in left:
            run(runner, task)


def seconds_of_a_run(runner: Runner, tasks: list[Task]) -> float:
    """How long the second of two takes: the first starts the child."""
    run(runner, tasks[0])
    began = time.monotonic()
    run(runner, tasks[1])
    return time.monotonic() - began


def test_200_cancels_at_random_moments_leave_one_end_each(slots, tmp_path):
    chance = random.Random(7)
    scripts = [("step",)] * 9 + [("step", "sleep 0.3", "step")]
    for steps in set(scripts):
        (tmp_path / "script.txt").write_text("\n".join(steps))
        slots.storage.put(tmp_path / "script.txt", f"scripts/{'-'.join(steps)}")
    users = [make_user(100_000) for _ in range(10)]
    typical = seconds_of_a_run(slots, [scripted(slots, users[0], "step") for _ in range(2)])
    ordered = [scripted(slots, chance.choice(users), *chance.choice(scripts)) for _ in range(TASKS)]
    moments = [typical * chance.uniform(-0.2, 2) if number % 8 else LATE for number in range(TASKS)]
    with ThreadPoolExecutor(SLOTS) as pool:
        asked = sum(pool.map(run_and_cancel, [slots] * TASKS, ordered, moments))
    until_all_ended(slots, ordered)
    assert ended(ordered)
    statuses = Counter(reload(task).status for task in ordered)
    assert statuses.keys() == {TaskStatus.COMPLETED, TaskStatus.CANCELLED}
    assert statuses[TaskStatus.CANCELLED] == asked
    check_history(ordered)

"""One attempt at one task, with a real child process, a real database and real files."""

import threading
import time
from collections.abc import Callable

import pytest

from billing import ledger
from celery_queue import lease, orders
from celery_queue.reconciler import sweep
from celery_queue.runner import Outcome, Runner
from db import tasks
from db.database import transaction
from db.models import Task, TaskStatus
from db.tasks import Claim
from settings import Settings
from storage.s3 import S3Storage
from tests.rows import claim, reload
from tests.services import free_port
from transformers import clean_my_data_transformer


def run(runner: Runner, task: Task) -> Outcome:
    return runner.run_attempt(task.id, task.user_id, clean_my_data_transformer.run, lambda *_: None)


def wallet_of(task: Task) -> ledger.Wallet:
    with transaction() as session:
        return ledger.wallet(session, task.user_id)


def events_of(task: Task) -> list[str]:
    with transaction() as session:
        return [each.event for each in tasks.events(session, task.id)]


def unreachable_storage() -> S3Storage:
    address = f"http://127.0.0.1:{free_port()}"
    return S3Storage("b", region="us-east-1", endpoint_url=address, access_key_id="a", secret_access_key="s")


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_finished_run_publishes_its_files_and_charges_what_was_done(runner, scripted_task):
    task = scripted_task("step")
    assert run(runner, task) == Outcome("COMPLETED")
    row = reload(task)
    assert (row.status, row.progress) == (TaskStatus.COMPLETED, 100)
    assert [each["filename"] for each in row.outputs["files"]] == ["result.txt"]
    assert runner.storage.stat(f"{row.outputs['prefix']}/result.txt") is not None
    assert wallet_of(task) == ledger.Wallet(balance=980, held=0)
    assert events_of(task) == ["task_started", "agent_finished", "task_completed"]


def test_checkpoints_and_working_files_are_gone_after_completion(runner, scripted_task, settings):
    task = scripted_task("step")
    run(runner, task)
    keys = [file.key for file in runner.storage.list(f"users/{task.user_id}")]
    assert [key.rsplit("/", 1)[-1] for key in keys] == ["result.txt"]
    assert list((settings.data_dir / "work").iterdir()) == []


def test_a_second_message_for_the_same_task_changes_nothing(runner, scripted_task):
    task = scripted_task("step")
    run(runner, task)
    assert run(runner, task) == Outcome("REFUSED")
    assert wallet_of(task) == ledger.Wallet(balance=980, held=0)


@pytest.mark.parametrize(
    ("order", "code"), [("refuse", "UNREADABLE_FILE"), ("break", "AGENT_ERROR"), ("crash", "INTERNAL_ERROR")]
)
def test_a_verdict_fails_the_task_at_once_and_releases_its_credits(runner, scripted_task, order, code):
    task = scripted_task("step", order)
    assert run(runner, task) == Outcome("FAILED", code)
    row = reload(task)
    assert (row.status, row.error_code, row.attempt, row.outputs) == (TaskStatus.FAILED, code, 1, None)
    assert wallet_of(task) == ledger.Wallet(balance=1000, held=0)


def test_a_run_whose_child_dies_resumes_after_its_last_step(runner, scripted_task):
    task = scripted_task("step", "die-first", "step")
    assert run(runner, task).status == "LOST"
    assert reload(task).status == TaskStatus.QUEUED
    assert run(runner, task) == Outcome("COMPLETED")
    row = reload(task)
    assert row.attempt == 2
    with runner.storage.open(f"{row.outputs['prefix']}/result.txt") as result:
        assert result.read() == b"resumed after 1"
    assert events_of(task).count("agent_finished") == 2


def test_a_task_that_kills_its_process_is_given_up_after_three_attempts(runner, scripted_task):
    task = scripted_task("die")
    assert [run(runner, task).status for _ in range(3)] == ["LOST", "LOST", "FAILED"]
    assert reload(task).error_code == "POISON_TASK"
    assert wallet_of(task) == ledger.Wallet(balance=1000, held=0)


def test_a_run_that_takes_too_much_memory_is_ended_at_once(runner, scripted_task):
    task = scripted_task("take 400")
    assert run(runner, task) == Outcome("FAILED", "OUT_OF_MEMORY")
    assert reload(task).attempt == 1


@pytest.mark.parametrize("order", ["sleep 60", "resist"])
def test_a_run_over_its_deadline_is_ended(runner, scripted_task, settings, order):
    runner.settings = settings.model_copy(update={"task_soft_time_limit": 1})
    task = scripted_task(order)
    began = time.monotonic()
    assert run(runner, task) == Outcome("FAILED", "TIMEOUT")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("order", ["sleep 60", "query"])
def test_cancelling_ends_a_running_task_within_seconds(runner, scripted_task, settings, order):
    runner.settings = settings.model_copy(update={"watch_seconds": Settings.model_fields["watch_seconds"].default})
    task = scripted_task("step", order)
    attempt = threading.Thread(target=run, args=(runner, task))
    attempt.start()
    until(lambda: "agent_finished" in events_of(task))
    orders.cancel(task.id, task.user_id)
    attempt.join(3)
    assert not attempt.is_alive()
    assert reload(task).status == TaskStatus.CANCELLED
    assert wallet_of(task) == ledger.Wallet(balance=1000, held=0)


def test_an_attempt_that_lost_its_lease_publishes_nothing(runner, scripted_task):
    task = scripted_task("step", "sleep 2")
    outcomes = []
    attempt = threading.Thread(target=lambda: outcomes.append(run(runner, task)))
    attempt.start()
    until(lambda: "agent_finished" in events_of(task))
    thief = steal(task)
    attempt.join(10)
    assert outcomes[0].status == "REFUSED"
    row = reload(task)
    assert (row.status, row.fence, row.outputs) == (TaskStatus.PROCESSING, thief.fence, None)


def steal(task: Task) -> Claim:
    """Claim a running task as if its lease had ended; its owner may renew it in between, and then once more."""
    stolen = []

    def try_it() -> bool:
        with transaction() as session:
            tasks.get(session, task.id, task.user_id).lease_expires_at = task.created_at
        stolen[:] = filter(None, [claim(task)])
        return bool(stolen)

    until(try_it)
    return stolen[0]


def test_a_lease_is_kept_alive_for_longer_than_it_lasts(runner, scripted_task, settings):
    task = scripted_task("sleep 4")
    assert settings.lease_seconds < 4
    assert run(runner, task) == Outcome("COMPLETED")


def test_a_stopping_worker_hands_its_task_back_without_counting_it(runner, scripted_task):
    task = scripted_task("step", "sleep 60")
    outcomes = []
    attempt = threading.Thread(target=lambda: outcomes.append(run(runner, task)))
    attempt.start()
    until(lambda: "agent_finished" in events_of(task))
    lease.stopping.value = True
    attempt.join(5)
    row = reload(task)
    assert outcomes == [Outcome("HANDED_BACK")]
    assert (row.status, row.attempt - row.handed_back) == (TaskStatus.QUEUED, 0)


def test_storage_that_does_not_answer_is_retried_then_given_up(runner, scripted_task, settings):
    task = scripted_task("step")
    runner.storage = unreachable_storage()
    runner.settings = settings.model_copy(update={"retry_delay_seconds": 0.0})
    outcomes = [run(runner, task) for _ in range(4)]
    assert [each.status for each in outcomes] == ["RETRY", "RETRY", "RETRY", "FAILED"]
    row = reload(task)
    assert (row.error_code, row.retry_count, row.attempt) == ("TRANSIENT_ERROR", 3, 4)
    assert wallet_of(task) == ledger.Wallet(balance=1000, held=0)


def test_a_childs_disk_that_is_full_is_tried_again(runner, scripted_task):
    task = scripted_task("step", "fill")
    assert run(runner, task).status == "RETRY"
    assert (reload(task).status, reload(task).error_code) == (TaskStatus.QUEUED, "STORAGE_UNAVAILABLE")


def test_a_worker_that_can_not_write_its_own_files_says_so_in_the_row(runner, scripted_task, settings):
    task = scripted_task("step")
    (settings.data_dir / "work").touch()
    assert run(runner, task).status == "RETRY"
    assert reload(task).error_code == "STORAGE_UNAVAILABLE"


def test_retry_delays_double_and_end_at_a_cap(runner, scripted_task, settings):
    task = scripted_task("step")
    runner.settings = settings.model_copy(update={"retry_delay_seconds": 60.0, "retry_delay_max_seconds": 100.0})
    runner.storage = unreachable_storage()
    delays = []
    for _ in range(3):
        delays.append(run(runner, task).delay)
        with transaction() as session:
            tasks.get(session, task.id, task.user_id).not_before = None
    assert 45 <= delays[0] <= 60
    assert 75 <= delays[1] <= 100
    assert 75 <= delays[2] <= 100


def test_a_run_whose_credits_are_not_held_does_not_start(runner, scripted_task):
    task = scripted_task("step")
    with transaction() as session:
        ledger.release(session, task.user_id, task.id, 1)
    assert run(runner, task) == Outcome("FAILED", "INSUFFICIENT_CREDITS")


def test_an_input_that_is_gone_is_said(runner, scripted_task):
    task = scripted_task("step")
    runner.storage.delete("scripts")
    assert run(runner, task) == Outcome("FAILED", "INPUT_GONE")


def test_children_stay_warm_and_failed_ones_are_replaced(runner, scripted_task):
    with runner.children.borrow() as first:
        pass
    run(runner, scripted_task("step"))
    with runner.children.borrow() as second:
        assert second.pid == first.pid
    run(runner, scripted_task("break"))
    with runner.children.borrow() as third:
        assert third.pid != first.pid


def test_the_sweep_gives_a_lost_task_to_the_next_attempt(runner, scripted_task, settings):
    task = scripted_task("step")
    assert claim(task, lease=-1) is not None
    sweep(settings)
    assert reload(task).status == TaskStatus.QUEUED
    assert run(runner, task) == Outcome("COMPLETED")

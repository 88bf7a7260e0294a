"""Storage that answers 500, hangs, loses half an upload or its answer: results appear whole or not at all."""

import hashlib
import threading

import boto3
import pytest
from botocore.config import Config
from sqlalchemy import select

from celery_queue import world
from celery_queue.runner import Outcome
from db.database import transaction
from db.models import LedgerEntry, TaskStatus
from storage.s3 import S3Storage
from tests.celery_queue.service import check_history, ended, submit, until
from tests.fault_door import FaultDoor
from tests.rows import make_user, reload
from transformers import clean_my_data_transformer

pytestmark = pytest.mark.service
SCRIPTED = "tests.celery_queue.scripted_worker"


@pytest.fixture
def door(s3_server):
    with FaultDoor(s3_server.endpoint_url).open() as door:
        yield door


@pytest.fixture
def run(runner, settings, s3_server, door):
    """Run a task with its files behind the door, by a client that gives up after a second and two tries."""
    keys = {"access_key_id": s3_server.access_key_id, "secret_access_key": s3_server.secret_access_key}
    storage = S3Storage(s3_server.create_bucket(), endpoint_url=door.url, **keys)
    patience = Config(
        read_timeout=1,
        retries={"total_max_attempts": 2},
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
    )
    storage._client = boto3.client(
        "s3",
        endpoint_url=door.url,
        region_name="us-east-1",
        aws_access_key_id=s3_server.access_key_id,
        aws_secret_access_key=s3_server.secret_access_key,
        config=patience,
    )
    runner.storage = storage
    runner.settings = settings.model_copy(update={"retry_delay_seconds": 0.0})
    return lambda task: runner.run_attempt(task.id, task.user_id, clean_my_data_transformer.run, lambda *_: None)


def outputs_of(*attempts):
    """The uploads of results of these attempts, as a question to the door."""
    return lambda method, path: method == "PUT" and any(f"/attempts/{n}/outputs/" in path for n in attempts)


def check_whole(task, storage):
    """Every file that the row points to is there, as it was made."""
    outputs = reload(task).outputs
    for file in outputs["files"]:
        with storage.open(f"{outputs['prefix']}/{file['filename']}") as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == file["sha256"]


def entries(task):
    with transaction() as session:
        return sorted(session.scalars(select(LedgerEntry.kind).where(LedgerEntry.task_id == task.id)))


@pytest.mark.parametrize("fault", ["500", "hang", "cut", "swallow"])
def test_an_upload_that_fails_shows_nothing_and_the_next_attempt_all(runner, run, door, scripted_task, fault):
    task, hit = scripted_task("step"), outputs_of(1)
    door.fault = lambda method, path: fault if hit(method, path) else None
    assert run(task).status == "RETRY"
    row = reload(task)
    assert (row.status, row.outputs, row.error_code) == (TaskStatus.QUEUED, None, "STORAGE_UNAVAILABLE")
    assert run(task) == Outcome("COMPLETED")
    assert reload(task).outputs["prefix"].endswith("/attempts/2/outputs")
    check_whole(task, runner.storage)
    assert entries(task) == ["HOLD", "SETTLE"]


def test_storage_that_fails_twice_costs_two_retries_and_one_price(runner, run, door, scripted_task):
    task, hit = scripted_task("step"), outputs_of(1, 2)
    door.fault = lambda method, path: "500" if hit(method, path) else None
    assert [run(task).status for _ in range(3)] == ["RETRY", "RETRY", "COMPLETED"]
    assert (reload(task).retry_count, reload(task).attempt) == (2, 3)
    check_whole(task, runner.storage)
    assert entries(task) == ["HOLD", "SETTLE"]


def test_a_checkpoint_that_fails_to_be_kept_is_made_again(runner, run, door, scripted_task):
    task = scripted_task("step", "step")
    door.fault = lambda method, path: "500" if method == "PUT" and "/attempts/1/02-" in path else None
    assert run(task).status == "RETRY"
    assert run(task) == Outcome("COMPLETED")
    with runner.storage.open(f"{reload(task).outputs['prefix']}/result.txt") as result:
        assert result.read() == b"resumed after 1"


def test_a_worker_killed_between_object_and_row_leaves_no_torn_result(service, door, tmp_path):
    service.environment["S3_ENDPOINT_URL"] = door.url
    doomed = service.worker("--concurrency=1", app=SCRIPTED)
    uploaded, hit = threading.Event(), outputs_of(1)
    dead = threading.Event()

    def hold(method, path):
        if hit(method, path):
            uploaded.set()
            dead.wait(30)

    door.passed = hold
    path = tmp_path / "script.txt"
    path.write_text("step")
    task = submit(make_user(), path, agents=["type-fixer"])
    assert uploaded.wait(60)
    service.kill(doomed)
    dead.set()
    assert reload(task).outputs is None
    service.worker("--concurrency=1", app=SCRIPTED)
    until(lambda: ended([task]), 60)
    assert reload(task).outputs["prefix"].endswith("/attempts/2/outputs")
    check_whole(task, world.runner().storage)
    check_history([task])

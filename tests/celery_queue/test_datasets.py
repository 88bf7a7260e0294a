"""Runs in a dataset: each leaves its profile, the next is compared with it, and of two at once one begins again."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from celery_queue import orders
from celery_queue.runner import Outcome, Runner
from celery_queue.slot import Children
from db import datasets
from db.database import reading, transaction
from db.models import Dataset, DatasetRun, Task, TaskStatus, User
from settings import get_settings
from tests.celery_queue.conftest import FAST
from tests.rows import make_user, reload
from transformers import profile_my_data_transformer

BEFORE = [["price", "city"], *([str(i % 100), ["Rome", "Oslo"][i % 2]] for i in range(400))]
AFTER = [["price", "city"], *([str(i % 100 + 40), "Oslo"] for i in range(400))]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (
        FAST | {"LEASE_SECONDS": "60", "CHILD_MEMORY_MB": "1024", "TASK_SOFT_TIME_LIMIT": "300"}
    ).items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    return get_settings()


@pytest.fixture
def user(runner: Runner) -> User:
    runner.children = Children(runner.settings, "celery_queue.child")
    return make_user(100_000)


@pytest.fixture
def order(runner: Runner, user: User, tmp_path: Path) -> Callable[..., Task]:
    """A factory of queued tasks that profile rows for drift."""

    def make(rows: list[list[str]], dataset: str | None = "orders", baseline: list[list[str]] | None = None) -> Task:
        task = orders.create(user.id, "profile-my-data", ["drift-detector"], dataset=dataset)
        files = {"primary": rows} | ({"baseline": baseline} if baseline else {})
        uploads = {role: orders.Upload(f"{role}.csv") for role in files}
        _, links = orders.expect_uploads(task.id, user.id, uploads, runner.storage)
        for role, content in files.items():
            with (tmp_path / f"{role}.csv").open("w", newline="") as stream:
                csv.writer(stream).writerows(content)
            runner.storage.put(tmp_path / f"{role}.csv", links[role].key)
        return orders.submit(task.id, user.id, runner.storage)

    return make


def run(runner: Runner, task: Task) -> Outcome:
    return runner.run_attempt(task.id, task.user_id, profile_my_data_transformer.run, lambda *_: None)


def drift_of(runner: Runner, task: Task) -> dict[str, Any]:
    with runner.storage.open(f"{reload(task).outputs['prefix']}/report.json") as stream:
        result: dict[str, Any] = json.load(stream)["agent_results"]["drift-detector"]
    return result


def state(user: User) -> tuple[Dataset, list[DatasetRun]]:
    with reading() as session:
        return datasets.get(session, user.id, "orders"), list(datasets.runs(session, user.id, "orders"))


def test_each_run_is_compared_with_the_one_before(runner, user, order):
    tasks = [order(BEFORE), order(AFTER), order(AFTER)]
    assert [run(runner, task) for task in tasks] == [Outcome("COMPLETED")] * 3

    first, second, third = (drift_of(runner, task)["data"] for task in tasks)
    assert first["baseline"] == {"source": "none", "rows": 0, "columns": 0}
    assert second["baseline"] == {"source": "dataset", "rows": 400, "columns": 2}
    assert {each["column"]: each["severity"] for each in second["columns"]} == {"price": "high", "city": "high"}
    assert {each["status"] for each in third["columns"]} == {"stable"}
    assert [(each["run"], each["drifted_columns"], each["severity"]) for each in third["trend"]] == [
        (1, 0, None),
        (2, 2, "high"),
        (3, 0, None),
    ]
    assert [each["task_id"] for each in third["trend"]] == [tasks[0].id, tasks[1].id, None]


def test_the_state_is_a_new_folder_with_what_was_there(runner, user, order, tmp_path):
    run(runner, order(BEFORE))
    _, (only,) = state(user)
    (tmp_path / "recipe.json").write_text('{"kept": true}')
    runner.storage.put(tmp_path / "recipe.json", f"{only.prefix}/recipe.json")

    run(runner, order(AFTER))

    dataset, runs = state(user)
    assert (dataset.version, [each.version for each in runs]) == (2, [1, 2])
    assert runs[1].prefix.startswith(f"users/{user.id}/datasets/orders/000002-")
    assert runs[1].figures["rows"] == 400
    names = {file.key.rsplit("/", 1)[-1] for file in runner.storage.list(runs[1].prefix)}
    assert names == {"profile.json", "profile_values.parquet", "run.json", "recipe.json"}


def test_a_chosen_baseline_stays(runner, user, order):
    tasks = [order(BEFORE), order(AFTER), order(AFTER)]
    run(runner, tasks[0])
    with transaction() as session:
        datasets.choose_baseline(session, datasets.get(session, user.id, "orders"), tasks[0].id)
    run(runner, tasks[1])
    run(runner, tasks[2])
    assert drift_of(runner, tasks[2])["metrics"]["columns_drifted"] == 2


def test_a_file_goes_before_what_the_dataset_holds(runner, user, order):
    run(runner, order(BEFORE))
    task = order(AFTER, baseline=AFTER)
    run(runner, task)
    assert drift_of(runner, task)["data"]["baseline"]["source"] == "file"
    assert state(user)[0].version == 2


def test_of_two_runs_at_once_the_slower_begins_again(runner, user, order):
    run(runner, order(BEFORE))
    slow, quick = order(AFTER), order(AFTER)

    def overtaken(job: Any) -> None:
        publish = job.publish

        def publish_second(manifest: Any) -> None:
            assert run(runner, quick) == Outcome("COMPLETED")
            publish(manifest)

        job.publish = publish_second
        profile_my_data_transformer.run(job)

    outcome = runner.run_attempt(slow.id, slow.user_id, overtaken, lambda *_: None)
    assert outcome == Outcome("HANDED_BACK")
    assert (reload(slow).status, state(user)[0].version) == (TaskStatus.QUEUED, 2)

    assert run(runner, slow) == Outcome("COMPLETED")
    assert (state(user)[0].version, drift_of(runner, slow)["metrics"]["columns_drifted"]) == (3, 0)


def test_a_dataset_that_was_deleted_meanwhile_is_no_baseline(runner, user, order):
    run(runner, order(BEFORE))
    task = order(AFTER)
    with transaction() as session:
        datasets.remove(session, user.id, "orders")
    assert run(runner, task) == Outcome("COMPLETED")
    assert drift_of(runner, task)["status"] == "skipped"


def test_without_a_dataset_nothing_is_kept(runner, user, order):
    task = order(BEFORE, dataset=None)
    assert run(runner, task) == Outcome("COMPLETED")
    assert drift_of(runner, task)["status"] == "skipped"
    assert list(runner.storage.list(f"users/{user.id}/datasets")) == []

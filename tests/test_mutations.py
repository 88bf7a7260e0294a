"""The tests of the guarantees can fail: take a guard out of a copy of the code, and the test named for it goes red."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services import PostgresServer

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("agents", "transformers", "celery_queue", "api", "db", "billing", "storage", "cli", "tests")


@dataclass(frozen=True)
class Mutation:
    """Without `guard` in `file`, `test` must fail."""

    file: str
    guard: str
    instead: str
    test: str


TRIES = 5
MUTATIONS = {
    "the fence": Mutation(
        "db/tasks.py",
        "and_(Task.id == claim.task_id, Task.fence == claim.fence, Task.status",
        "and_(Task.id == claim.task_id, Task.status",
        "tests/db/test_tasks.py::test_an_owner_that_lost_its_lease_can_write_nothing[sqlite]",
    ),
    "the reconciler": Mutation(
        "celery_queue/reconciler.py",
        "lost = tasks.lost(session, _LIMIT)",
        "lost: list[Task] = []",
        "tests/celery_queue/test_reconciler.py::test_a_lost_task_is_queued_again",
    ),
    "the attempt counter": Mutation(
        "db/tasks.py",
        "attempt=Task.attempt + 1",
        "attempt=Task.attempt",
        "tests/db/test_tasks.py::test_claim_is_refused_when_all_attempts_ended_without_a_verdict[sqlite]",
    ),
    "the account lock": Mutation(
        "billing/ledger.py",
        ".with_for_update(key_share=True)",
        "",
        "tests/billing/test_ledger.py::test_of_eight_holds_at_once_as_many_pass_as_there_are_credits[postgres]",
    ),
    "the lock of a user's claims": Mutation(
        "db/tasks.py",
        "turns.lock(session, user_id)",
        "",
        "tests/db/test_turns.py::test_of_one_users_claims_at_once_no_more_pass_than_may_run[postgres]",
    ),
    "one end per run": Mutation(
        "db/migrations/versions/0001_the_first_tables.py",
        '["task_id", "run_no"],\n            unique=True,',
        '["task_id", "run_no"],\n            unique=False,',
        "tests/billing/test_ledger.py::test_a_run_that_was_released_can_not_be_settled[sqlite]",
    ),
}


@pytest.fixture
def copy_of_house(tmp_path: Path) -> Path:
    house = tmp_path / "house"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, house / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (*ROOT.glob("*.py"), ROOT / "pyproject.toml"):
        shutil.copy(path, house)
    return house


@pytest.fixture
def run(copy_of_house: Path, postgres_server: PostgresServer) -> Callable[..., str]:
    """Run tests in the copy; answer what pytest said."""

    def run_tests(*tests: str) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        environment = os.environ | {"TEST_DATABASE_URL": postgres_server.url}
        ended = subprocess.run(
            command, cwd=copy_of_house, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        return ended.stdout + ended.stderr

    return run_tests


@pytest.mark.service
@pytest.mark.parametrize("name", MUTATIONS)
def test_without_its_guard_the_test_goes_red(copy_of_house, run, name):
    mutation = MUTATIONS[name]
    path = copy_of_house / mutation.file
    code = path.read_text(encoding="utf-8")
    assert code.count(mutation.guard) == 1, "the guard isn't written like this any more"
    path.write_text(code.replace(mutation.guard, mutation.instead), encoding="utf-8")
    # A race without its lock is lost nearly every time, not every time.
    assert any("1 failed" in run(mutation.test) for _ in range(TRIES))


@pytest.mark.service
def test_the_unchanged_copy_passes(run):
    assert f"{len(MUTATIONS)} passed" in run(*(mutation.test for mutation in MUTATIONS.values()))

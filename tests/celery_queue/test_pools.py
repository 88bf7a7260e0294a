"""Workers whose pool has no processes, as on Windows: they keep the same promises, by the slot's own means."""

import pytest

from billing import ledger
from db.database import reading
from db.models import TaskStatus
from tests.celery_queue.service import ended, submit, until
from tests.rows import make_user, reload
from transformers.tools import tools

pytestmark = [pytest.mark.service, pytest.mark.parametrize("pool", ["solo", "threads"])]
SCRIPTED = "tests.celery_queue.scripted_worker"


def test_every_tool_completes(service, tmp_path, pool):
    file = tmp_path / "people.csv"
    file.write_text("name,age\nAda,7\nAda,7\n Bo,N/A\n")
    # Real tools on a machine with other work to do.
    service.environment |= {"TASK_SOFT_TIME_LIMIT": "150", "CHILD_MEMORY_MB": "1024", "LEASE_SECONDS": "30"}
    service.worker(f"--pool={pool}", "--concurrency=2")
    user = make_user()
    submitted = [submit(user, file, tool_id) for tool_id in tools()]
    until(lambda: ended(submitted), 200)
    rows = [reload(task) for task in submitted]
    assert {(row.tool_id, row.status, row.error_code) for row in rows} == {
        (tool_id, TaskStatus.COMPLETED, None) for tool_id in tools()
    }


def test_a_busy_slot_keeps_its_lease_until_its_own_deadline(service, tmp_path, pool):
    service.environment["TASK_SOFT_TIME_LIMIT"] = "6"
    service.worker(f"--pool={pool}", "--concurrency=1", app=SCRIPTED)
    user, script = make_user(), tmp_path / "script.txt"
    script.write_text("step\nsleep 60")
    task = submit(user, script, agents=["type-fixer"])
    leases = set()
    until(lambda: leases.add(reload(task).lease_expires_at) or ended([task]), 60)
    row = reload(task)
    assert (row.status, row.error_code, row.attempt) == (TaskStatus.FAILED, "TIMEOUT", 1)
    assert len(leases - {None}) > 3  # a claim gives the first, each heartbeat another
    with reading() as session:
        assert ledger.wallet(session, user.id).held == 0

    script.write_text("step")
    following = submit(user, script, agents=["type-fixer"])
    until(lambda: ended([following]), 60)
    assert reload(following).status == TaskStatus.COMPLETED

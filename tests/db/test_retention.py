"""Which tasks are old enough for what."""

from datetime import UTC, datetime, timedelta

import pytest

from db import retention
from db.database import transaction
from db.models import TaskStatus
from db.retention import Stage
from tests.rows import make_task, make_user, reload


def ended(days, status=TaskStatus.COMPLETED, **values):
    return make_task(make_user(), status=status, finished_at=datetime.now(UTC) - timedelta(days=days), **values)


def due(stage, days=7):
    with transaction() as session:
        found = list(retention.due(session, stage, days, after="", limit=10))
        assert retention.count(session, stage, days) == len(found)
        return found


@pytest.mark.parametrize(
    ("status", "stages"),
    [
        (TaskStatus.COMPLETED, {Stage.INPUTS, Stage.OUTPUTS, Stage.ROWS}),
        (TaskStatus.FAILED, {Stage.INPUTS, Stage.ROWS}),
        (TaskStatus.CANCELLED, {Stage.INPUTS, Stage.ROWS}),
        (TaskStatus.EXPIRED, {Stage.ROWS}),
        (TaskStatus.PROCESSING, set()),
    ],
)
def test_only_ended_tasks_are_due_for_what_they_may_have_left(status, stages):
    ended(8, status)
    assert {stage for stage in Stage if due(stage)} == stages
    assert not any(due(stage, days=9) for stage in Stage)


def test_a_deleted_task_and_one_whose_child_runs_are_left_alone():
    ended(8, deleted_at=datetime.now(UTC))
    make_task(make_user(), parent_task_id=ended(8).id)
    assert due(Stage.INPUTS) == []


def test_what_is_marked_is_due_no_more():
    task = ended(8)
    for stage in Stage:
        with transaction() as session:
            retention.mark(retention.take(session, task.id, stage, 7), stage)
        assert due(stage) == []
    row = reload(task)
    assert None not in (row.inputs_removed_at, row.outputs_removed_at, row.archived_at)


def test_a_task_that_another_transaction_has_is_passed_over(database):
    if database.dialect.name == "sqlite":
        pytest.skip("there the second transaction waits for the first")
    task = ended(8)
    with transaction() as first, transaction() as second:
        assert retention.take(first, task.id, Stage.INPUTS, 7) is not None
        assert retention.take(second, task.id, Stage.INPUTS, 7) is None

"""The row as the queue of record: who may claim it, and whose writes count."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from db import tasks
from db.database import transaction
from db.models import TaskStatus, TaskStep
from errors import TaskNotFound
from tests.rows import claim, make_task, make_user, reload


def test_claim_takes_a_queued_task():
    task = make_task(make_user())
    taken = claim(task)
    assert taken is not None
    row = reload(task)
    assert (row.status, row.attempt, row.fence, row.worker_hostname) == (TaskStatus.PROCESSING, 1, 1, "tests")
    assert row.lease_expires_at is not None
    assert row.deadline_at is not None


def test_claim_is_refused_while_another_attempt_holds_the_lease():
    task = make_task(make_user())
    assert claim(task) is not None
    assert claim(task) is None


def test_claim_is_refused_to_another_user():
    assert claim(make_task(make_user()), user_id=make_user().id) is None


def test_claim_is_refused_before_its_time():
    later = datetime.now(UTC) + timedelta(hours=1)
    assert claim(make_task(make_user(), not_before=later)) is None


def test_claim_is_refused_once_cancel_was_requested():
    assert claim(make_task(make_user(), cancel_requested_at=datetime.now(UTC))) is None


def test_claim_is_refused_for_a_disabled_user():
    user = make_user()
    task = make_task(user)
    with transaction() as session:
        session.merge(user).disabled = True
    assert claim(task) is None


def test_claim_is_refused_when_all_attempts_ended_without_a_verdict():
    task = make_task(make_user())
    assert claim(task, lease=-1, max_attempts=2) is not None
    assert claim(task, lease=-1, max_attempts=2) is not None
    assert claim(task, max_attempts=2) is None


def test_an_attempt_with_a_verdict_is_not_counted():
    task = make_task(make_user())
    first = claim(task, max_attempts=1)
    with transaction() as session:
        assert tasks.hand_back(session, first)
    assert claim(task, max_attempts=1) is not None


def test_of_many_claims_at_once_one_wins():
    task = make_task(make_user())
    with ThreadPoolExecutor(10) as pool:
        taken = [each for each in pool.map(lambda _: claim(task), range(10)) if each]
    assert len(taken) == 1


def test_an_owner_that_lost_its_lease_can_write_nothing():
    task = make_task(make_user())
    zombie = claim(task, lease=-1)
    owner = claim(task)
    with transaction() as session:
        assert not tasks.renew(session, zombie, 60)
        assert not tasks.report_progress(session, zombie, 99, {})
        assert not tasks.complete(session, zombie, {"files": []})
        assert not tasks.fail(session, zombie, "X", "x")
        assert not tasks.keep_step(session, zombie, _step(zombie))
        assert tasks.complete(session, owner, {"files": []})
    assert reload(task).fence == 2


def _step(owner):
    return TaskStep(
        task_id=owner.task_id,
        run_no=owner.run_no,
        position=0,
        agent_id="type-fixer",
        attempt=owner.attempt,
        fence=owner.fence,
        status="done",
        seconds=0.1,
        fingerprint="f",
        checkpoint="c",
    )


def test_a_step_is_kept_once_for_each_position():
    owner = claim(make_task(make_user()))
    with transaction() as session:
        tasks.keep_step(session, owner, _step(owner))
    with transaction() as session:
        tasks.keep_step(session, owner, _step(owner))
        assert len(tasks.steps(session, owner.task_id, 1)) == 1


def test_progress_never_goes_back():
    task = make_task(make_user())
    owner = claim(task)
    with transaction() as session:
        tasks.report_progress(session, owner, 60, {})
        tasks.report_progress(session, owner, 40, {})
    assert reload(task).progress == 60


def test_a_cancel_that_came_first_wins_over_completing():
    task = make_task(make_user())
    owner = claim(task)
    with transaction() as session:
        tasks.get(session, task.id, task.user_id, lock=True).cancel_requested_at = datetime.now(UTC)
    with transaction() as session:
        assert not tasks.complete(session, owner, {"files": []})
        assert tasks.pulse(session, owner).cancel_requested
        assert tasks.end_cancelled(session, owner)
    assert reload(task).status == TaskStatus.CANCELLED


def test_another_users_task_is_not_found():
    task = make_task(make_user())
    with transaction() as session, pytest.raises(TaskNotFound):
        tasks.get(session, task.id, make_user().id)


def test_pages_follow_each_other_without_gap_or_overlap():
    user = make_user()
    made = [make_task(user).id for _ in range(5)]
    with transaction() as session:
        first = tasks.page(session, user.id, limit=3)
        second = tasks.page(session, user.id, limit=3, before=(first[-1].created_at, first[-1].id))
    assert [task.id for task in [*first, *second]] == sorted(
        made, key=lambda each: next((t.created_at, t.id) for t in [*first, *second] if t.id == each), reverse=True
    )
    assert len(first) == 3
    assert len(second) == 2

"""Whose turn it is, and how many of one user run at a time."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from db import tasks, turns
from db.database import transaction
from db.models import Task
from tests.rows import claim, make_task, make_user, reload

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def test_a_message_that_could_not_be_sent_is_given_back():
    task = make_task(make_user())
    with transaction() as session:
        (taken,) = turns.take(session, task.user_id, age_seconds=60, window=1, max_running=100)
    assert reload(task).published_at is not None
    with transaction() as session:
        turns.give_back(session, taken)
    assert reload(task).published_at is None


def test_a_task_claimed_meanwhile_is_not_given_back():
    task = make_task(make_user())
    with transaction() as session:
        (taken,) = turns.take(session, task.user_id, age_seconds=60, window=1, max_running=100)
    claim(task)
    with transaction() as session:
        turns.give_back(session, taken)
    assert reload(task).published_at is not None


def test_what_an_ended_process_had_in_memory_is_sent_again_at_once():
    user = make_user()
    make_task(user)
    assert [len(take(user)), len(take(user))] == [1, 0]
    with transaction() as session:
        turns.forget_messages(session)
    assert len(take(user)) == 1


def test_of_many_publishers_at_once_one_takes_a_task():
    task = make_task(make_user())

    def take_it(_):
        with transaction() as session:
            return len(turns.take(session, task.user_id, age_seconds=60, window=1, max_running=100))

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(take_it, range(6))) == 1


def take(user, window=10, max_running=100):
    with transaction() as session:
        taken = turns.take(session, user.id, age_seconds=60, window=window, max_running=max_running)
        return [task.id for task in taken]


def test_only_due_and_unsent_tasks_are_published():
    user = make_user()
    waiting = make_task(user, queued_at=datetime.now(UTC))
    make_task(user, not_before=datetime.now(UTC) + timedelta(hours=1))
    make_task(user, published_at=datetime.now(UTC))
    long_ago = make_task(user, published_at=datetime.now(UTC) - timedelta(hours=1), queued_at=datetime.now(UTC))
    assert take(user) == [waiting.id, long_ago.id]
    assert take(user) == []


def test_users_with_something_to_send_are_found():
    waits, sent = make_user(), make_user()
    make_task(waits)
    make_task(sent, published_at=datetime.now(UTC))
    with transaction() as session:
        assert turns.users_waiting(session, 10, age_seconds=60, max_running=1) == [waits.id]


def test_a_user_has_only_a_window_of_messages_in_the_queue():
    user = make_user()
    made = [make_task(user, queued_at=datetime.now(UTC) - timedelta(minutes=9 - i)) for i in range(3)]
    assert take(user, window=2) == [made[0].id, made[1].id]
    assert take(user, window=2) == []
    claim(made[0])
    assert take(user, window=2) == [made[2].id]


def test_a_large_task_takes_more_than_one_share_and_yet_its_turn():
    user = make_user()
    large = make_task(user, shares=turns.shares_of(5 << 30), queued_at=datetime.now(UTC) - timedelta(minutes=1))
    make_task(user, queued_at=datetime.now(UTC))
    assert take(user, window=3) == [large.id]


def waiting_users(max_running=1):
    with transaction() as session:
        return list(turns.users_waiting(session, 10, age_seconds=60, max_running=max_running))


def test_the_user_who_waits_longest_is_served_first_and_one_without_room_not_at_all():
    late, early, busy = make_user(), make_user(), make_user()
    make_task(late, queued_at=datetime.now(UTC))
    make_task(early, queued_at=datetime.now(UTC) - timedelta(minutes=1))
    claim(make_task(busy))
    make_task(busy, queued_at=datetime.now(UTC) - timedelta(minutes=2))
    assert waiting_users() == [early.id, late.id]
    assert waiting_users(max_running=2) == [busy.id, early.id, late.id]


def test_a_user_at_its_limit_gets_no_message_until_a_run_ends():
    user = make_user()
    running = [claim(make_task(user)) for _ in range(2)]
    waiting = make_task(user)
    assert take(user, max_running=2) == []
    end(running[0])
    assert take(user, max_running=2) == [waiting.id]


def end(claimed):
    with transaction() as session:
        tasks.fail(session, claimed, "AGENT_ERROR", "a test")


def test_of_one_users_claims_at_once_no_more_pass_than_may_run():
    user = make_user(10_000)
    made = [make_task(user) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        taken = [each for each in pool.map(lambda task: claim(task, max_running=3), made) if each]
    assert len(taken) == 3


@pytest.mark.parametrize(("shares", "granted"), [(1, True), (2, True), (3, False)])
def test_a_large_task_needs_room_for_all_its_shares(shares, granted):
    user = make_user()
    claim(make_task(user, shares=2))
    assert (claim(make_task(user, shares=shares), max_running=4) is not None) == granted


def test_a_task_larger_than_the_limit_runs_alone():
    user = make_user()
    large, small = make_task(user, shares=6), make_task(user)
    assert claim(large, max_running=4) is not None
    assert claim(small, max_running=4) is None


def test_an_ended_lease_takes_no_room():
    user = make_user()
    claim(make_task(user), lease=-1)
    assert claim(make_task(user), max_running=1) is not None


def test_only_a_claim_refused_for_want_of_room_is_postponed():
    user = make_user()
    running, waiting = make_task(user), make_task(user, published_at=datetime.now(UTC))
    claim(running)
    with transaction() as session:
        assert not turns.postpone(session, running.id, 1)
        assert turns.postpone(session, waiting.id, 1)
        assert not turns.postpone(session, waiting.id, 2)
    assert reload(waiting).published_at is None


def test_without_messages_users_take_turns_too():
    served, new = make_user(), make_user()
    end(claim(make_task(served)))
    first = make_task(served, queued_at=LONG_AGO)
    make_task(served, queued_at=LONG_AGO + timedelta(minutes=1))
    one = make_task(new, queued_at=datetime.now(UTC))
    with transaction() as session:
        assert [each.id for each in turns.next_due(session, 10, max_running=1)] == [one.id, first.id]


def test_another_users_one_task_starts_within_two_lengths_of_a_thousand():
    busy, other = make_user(), make_user()
    make_many(busy, 1000)
    messages = deque(take(busy, window=1))
    running = start(messages, busy)
    one = make_task(other, queued_at=datetime.now(UTC))
    messages.extend(take(other, window=1))
    lengths = 0
    while running.task_id != one.id:
        end(running)
        running, lengths = start(messages, busy), lengths + 1
    assert lengths <= 2


def make_many(user, number):
    first = make_task(user)
    same = {name: getattr(first, name) for name in ("tool_id", "agents", "parameters", "prices", "credits_quoted")}
    with transaction() as session:
        session.add_all(Task(user_id=user.id, status="QUEUED", queued_at=LONG_AGO, **same) for _ in range(number - 1))


def start(messages, busy):
    """What a slot does with the next message, and the publisher when it was taken."""
    claimed = claim(find(messages.popleft()))
    messages.extend(take(busy, window=1))
    return claimed


def find(task_id):
    with transaction() as session:
        return tasks.find(session, task_id)

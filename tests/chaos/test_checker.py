"""The checker sees every promise that a history breaks, and names it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.chaos import checker, history
from tests.chaos.checker import violations
from tests.chaos.history import (
    Answer,
    Broker,
    Entry,
    Event,
    History,
    Ordered,
    Profile,
    Seen,
    StoredObject,
    TaskRow,
    Wallet,
    Writer,
)
from tests.chaos.verdict import judge

PROFILE = Profile(seed=1, minutes=1, machine="here", lease_seconds=5, max_attempts=3, max_retries=3)
PREFIX = "users/ann/tasks/t/attempts/2/outputs"
FILES = [{"filename": "manifest.json", "sha256": "aa"}, {"filename": "cleaned.csv", "sha256": "bb"}]
ROW = TaskRow("t", "ann", 1, "COMPLETED", 0, 25, None, {"prefix": PREFIX, "files": FILES})


def timeline(*events: tuple[float, str, int], run_no: int = 1, first: int = 1) -> list[Event]:
    """Events of task t at these seconds, with these fences."""
    return [
        Event(first + number, at, "t", name, "worker here 7", run_no, fence)
        for number, (at, name, fence) in enumerate(events)
    ]


def good() -> list[Any]:
    """A task whose first owner died: claimed again after the lease, completed, paid once."""
    return [
        PROFILE,
        Answer(0, "analyze", 202, 0.1, "t", key="k"),
        Ordered("t", "good"),
        *timeline(
            (0, "task_queued", 0),
            (1, "task_started", 1),
            (7, "task_requeued", 1),
            (8, "task_started", 2),
            (9, "task_completed", 2),
        ),
        Seen(10, "t", 1, "COMPLETED", 2),
        ROW,
        Entry("ann", None, None, "GRANT", 100),
        Entry("ann", "t", 1, "HOLD", 25),
        Entry("ann", "t", 1, "SETTLE", 20),
        Wallet("ann", 80, 0),
        StoredObject(f"{PREFIX}/manifest.json", "aa"),
        StoredObject(f"{PREFIX}/cleaned.csv", "bb"),
        Broker(0, 0),
    ]


def without(kind: type[Any], *instead: Any) -> list[Any]:
    """The good history with all records of a kind replaced."""
    return [each for each in good() if not isinstance(each, kind)] + list(instead)


def ended_otherwise(*events: tuple[float, str, int], status: str = "FAILED", **detail: Any) -> list[Any]:
    """The task ended so, and its hold was released."""
    row = replace(ROW, status=status, outputs=None)
    told = timeline(*events)
    told[-1] = replace(told[-1], detail=detail)
    others = [each for each in good() if not isinstance(each, Event | TaskRow | Seen | Wallet)]
    entries = [replace(each, kind="RELEASE", amount=25) if _is_settle(each) else each for each in others]
    return [*entries, row, *told, Wallet("ann", 100, 0)]


def _is_settle(record: Any) -> bool:
    return isinstance(record, Entry) and record.kind == "SETTLE"


CLAIM, END = (1, "task_started", 1), (2, "task_completed", 1)
BAD: list[tuple[str, Callable[[], list[Any]]]] = [
    ("every_accepted_task_ends", lambda: [*good(), Answer(0, "process", 202, 0.1, "lost")]),
    ("every_accepted_task_ends", lambda: without(TaskRow, replace(ROW, status="PROCESSING", outputs=None))),
    ("every_accepted_task_ends", lambda: without(TaskRow, replace(ROW, status="QUEUED", outputs=None))),
    ("one_task_for_a_key", lambda: [*good(), Answer(1, "analyze", 202, 0.1, "u", key="k")]),
    ("each_run_ends_once", lambda: [*good(), *timeline((9.5, "task_cancelled", 2), first=9)]),
    ("each_run_ends_once", lambda: [*good(), *timeline((9.5, "task_queued", 2), run_no=2, first=9)]),
    ("rows_say_what_happened", lambda: without(TaskRow, replace(ROW, status="FAILED", outputs=None))),
    ("terminal_states_stay", lambda: [*good(), Seen(11, "t", 1, "PROCESSING")]),
    ("terminal_states_stay", lambda: [*good(), Seen(9, "t", 1, "CANCELLED")]),
    ("no_task_completes_twice", lambda: [*good(), *timeline((9.5, "task_completed", 2), run_no=2, first=9)]),
    ("no_two_live_fences", lambda: without(Event, *timeline(CLAIM, (3, "task_started", 2), (9, "task_completed", 2)))),
    ("no_two_live_fences", lambda: without(Event, *timeline(CLAIM, (3, "task_requeued", 1), END))),
    ("no_two_live_fences", lambda: [*good(), *timeline((9.5, "agent_finished", 1), first=9)]),
    ("attempts_are_limited", lambda: ended_otherwise(*_claims(4), (40, "task_failed", 4))),
    ("attempts_are_limited", lambda: ended_otherwise(*_retries(4), (40, "task_failed", 4))),
    ("poison_takes_all_attempts", lambda: ended_otherwise(*_claims(2), (40, "task_failed", 2), code="POISON_TASK")),
    ("each_run_is_paid_once_or_not_at_all", lambda: [*good(), Entry("ann", "t", 1, "RELEASE", 25)]),
    ("each_run_is_paid_once_or_not_at_all", lambda: [each for each in good() if not _is_settle(each)]),
    ("each_run_is_paid_once_or_not_at_all", lambda: without(Entry, *_paid(30))),
    ("each_run_is_paid_once_or_not_at_all", lambda: ended_otherwise(CLAIM, END)),
    ("wallets_are_the_sum", lambda: without(Wallet, Wallet("ann", 81, 0))),
    ("wallets_are_the_sum", lambda: without(Wallet, Wallet("ann", 80, 25))),
    ("results_are_whole", lambda: without(StoredObject, StoredObject(f"{PREFIX}/manifest.json", "aa"))),
    ("results_are_whole", lambda: [*good(), StoredObject(f"{PREFIX}/cleaned.csv", "torn")]),
    ("results_are_whole", lambda: without(TaskRow, replace(ROW, outputs={"prefix": PREFIX, "files": FILES[1:]}))),
    ("results_are_whole", lambda: without(TaskRow, replace(ROW, outputs={"prefix": "attempts/1", "files": FILES}))),
    ("results_are_whole", lambda: without(TaskRow, replace(ROW, status="CANCELLED"))),
    ("nothing_is_shown_after_a_cancel", lambda: [*good(), Seen(11, "t", 1, "CANCELLED", 2)]),
    ("the_broker_is_empty", lambda: without(Broker, Broker(1, 0))),
    ("the_broker_is_empty", lambda: without(Broker, Broker(0, 1))),
    ("the_api_says_what_is", lambda: [*good(), Answer(0, "task", 500, 0.1, "t")]),
    ("the_api_says_what_is", lambda: [*good(), Answer(0, "downloads", 410, 0.1, "t")]),
    ("failures_have_their_cause", lambda: [*good(), Ordered("t", "poison")]),
    ("failures_have_their_cause", lambda: [*_failed_with("UNREADABLE_FILE"), Ordered("t", "good")]),
    ("failures_have_their_cause", lambda: [*_failed_with("UNREADABLE_FILE"), Ordered("t", "hungry")]),
]


def _failed_with(code: str) -> list[Any]:
    return without(TaskRow, replace(ROW, status="FAILED", outputs=None, error_code=code))


def _claims(number: int) -> list[tuple[float, str, int]]:
    return [(10 * fence, "task_started", fence) for fence in range(1, number + 1)]


def _retries(number: int) -> list[tuple[float, str, int]]:
    return [(each[0] + at, name, each[2]) for each in _claims(number) for at, name in _CLAIM_AND_RETRY]


_CLAIM_AND_RETRY = ((0.0, "task_started"), (1.0, "task_retried"))


def _paid(amount: int) -> list[Entry]:
    return [Entry("ann", "t", 1, "HOLD", 25), Entry("ann", "t", 1, "SETTLE", amount)]


def rules_broken_by(records: list[Any]) -> set[str]:
    return {each.rule for each in violations(History(records))}


def test_a_good_history_breaks_nothing():
    assert violations(History(good())) == []


def test_a_lease_counts_from_its_claim_not_from_what_was_written_later():
    events = timeline((1, "task_started", 1), (6.5, "task_started", 2), (9, "task_completed", 2))
    late = replace(events[0], at=6.4, detail={"claimed_at": datetime.fromtimestamp(1, UTC).isoformat()})
    assert rules_broken_by(without(Event, late, *events[1:])) == set()
    assert rules_broken_by(without(Event, replace(late, detail={}), *events[1:])) == {"no_two_live_fences"}


def test_a_failed_task_that_is_run_again_breaks_nothing():
    failed = timeline((0, "task_queued", 0), CLAIM, (2, "task_failed", 1))
    again = timeline((3, "task_queued", 1), (8, "task_started", 2), (9, "task_completed", 2), run_no=2, first=5)
    entries = [Entry("ann", "t", 1, "HOLD", 25), Entry("ann", "t", 1, "RELEASE", 25), Entry("ann", "t", 2, "HOLD", 25)]
    kept = [each for each in good() if not isinstance(each, Event | Entry | Seen)]
    ledger = [Entry("ann", None, None, "GRANT", 100), *entries, Entry("ann", "t", 2, "SETTLE", 20)]
    assert rules_broken_by([*kept, *failed, *again, *ledger]) == set()


@pytest.mark.parametrize(("rule", "records"), BAD, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(BAD)])
def test_a_bad_history_is_named(rule, records):
    assert rule in rules_broken_by(records())


def test_every_rule_has_a_history_that_breaks_it():
    assert {rule.__name__ for rule in checker.RULES} == {rule for rule, _ in BAD}


def test_a_written_history_is_read_as_it_was(tmp_path):
    writer = Writer(tmp_path / "history.jsonl")
    records = [*good(), history.Fault(1, 2, "kill_worker", (7, 8))]
    for record in records:
        writer.add(record)
    writer.close()
    found = history.read(tmp_path / "history.jsonl")
    assert [found.all(kind) for kind in history.KINDS.values()] == [
        [each for each in records if isinstance(each, kind)] for kind in history.KINDS.values()
    ]


def test_a_verdict_counts_what_was_lost_and_taken_up_again():
    records = [*good(), history.Fault(2, 2, "kill_worker", (7,)), history.Fault(3, 6, "redis_down")]
    verdict = judge(History(records), refused=4, quiet_seconds=1)
    assert verdict.faults == {
        "kill_worker": {"times": 1, "recoveries": [5]},
        "redis_down": {"times": 1, "recoveries": [2]},
    }
    assert (verdict.tasks, verdict.attempts, verdict.refused_claims, verdict.violations) == (1, 2, 4, [])

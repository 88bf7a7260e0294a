"""Whether a history keeps what the service promises. Knows the records and none of the service's own code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

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
)

ENDS = {
    "task_completed": "COMPLETED",
    "task_failed": "FAILED",
    "task_cancelled": "CANCELLED",
    "task_expired": "EXPIRED",
}
TERMINAL = frozenset(ENDS.values())
# By its owner, while the lease still holds.
VERDICTS = {*ENDS, "task_retried", "task_handed_back", "attempt_lost"}
BALANCE = {"GRANT": 1, "PURCHASE": 1, "REFUND": 1, "ADJUSTMENT": 1, "SETTLE": -1}
CAUSES = {"bad": {"UNREADABLE_FILE"}, "poison": {"POISON_TASK"}, "hungry": {"OUT_OF_MEMORY"}}
"""What an input is refused for, and it must be."""
NOBODYS_FAULT = {"POISON_TASK", "TRANSIENT_ERROR", "TIMEOUT", "HARD_TIMEOUT"}
"""A run that was killed three times, that found its storage down four times, or that had no time left."""
CLOCK_SECONDS = 0.5
"""How far the moment of an event may lie from the lease that was written beside it."""


@dataclass(frozen=True)
class Violation:
    """A promise that was broken, and where."""

    rule: str
    task_id: str | None
    detail: str


Finding = tuple[str | None, str]
Rule = Callable[[History], Iterator[Finding]]


def violations(history: History) -> list[Violation]:
    """Every broken promise; an empty list is what one wants."""
    return [Violation(rule.__name__, *finding) for rule in RULES for finding in rule(history)]


def every_accepted_task_ends(history: History) -> Iterator[Finding]:
    """Whatever was accepted has one terminal state, and nothing is left queued or running."""
    status = {row.task_id: row.status for row in history.all(TaskRow)}
    for answer in history.all(Answer):
        if answer.status == 202 and answer.call in {"analyze", "process", "retry"} and answer.task_id not in status:
            yield answer.task_id, "was accepted and is not there"
    for task_id, state in status.items():
        if state in {"QUEUED", "PROCESSING"}:
            yield task_id, f"is left {state}"


def one_task_for_a_key(history: History) -> Iterator[Finding]:
    """However often a request with one Idempotency-Key is sent, it makes one task."""
    made = defaultdict(set)
    for answer in history.all(Answer):
        if answer.status == 202 and answer.key:
            made[answer.key].add(answer.task_id)
    yield from ((None, f"{key} made {sorted(ids)}") for key, ids in made.items() if len(ids) > 1)


def each_run_ends_once(history: History) -> Iterator[Finding]:
    """A run has one end, no event follows it, and only a failed task is run again."""
    for task_id, events in history.timelines().items():
        runs = Counter(each.run_no for each in events if each.event in ENDS)
        yield from ((task_id, f"run {run} ended {times} times") for run, times in runs.items() if times > 1)
        for before, after in pairwise(events):
            if before.event not in ENDS:
                continue
            again = after.event == "task_queued" and after.run_no == before.run_no + 1
            if not (again and before.event == "task_failed"):
                yield task_id, f"{after.event} after {before.event} of run {before.run_no}"


def rows_say_what_happened(history: History) -> Iterator[Finding]:
    """A row's terminal state is that of its last event."""
    timelines = history.timelines()
    for row in history.all(TaskRow):
        last = timelines[row.task_id][-1].event if row.task_id in timelines else "nothing"
        if row.status in TERMINAL and ENDS.get(last) != row.status:
            yield row.task_id, f"is {row.status} after {last}"


def failures_have_their_cause(history: History) -> Iterator[Finding]:
    """What is wrong with an input is said of that input alone; whatever breaks around it never becomes its fault."""
    status = {row.task_id: row for row in history.all(TaskRow)}
    for ordered in history.all(Ordered):
        row, causes = status.get(ordered.task_id), CAUSES.get(ordered.kind, set())
        if row and row.status == "FAILED" and row.error_code not in causes | NOBODYS_FAULT:
            yield row.task_id, f"was {ordered.kind} and failed with {row.error_code}"
        if row and row.status == "COMPLETED" and ordered.kind in CAUSES:
            yield row.task_id, f"was {ordered.kind} and completed"


def terminal_states_stay(history: History) -> Iterator[Finding]:
    """What a customer saw ended stays so within a run."""
    ended: dict[tuple[str, int], str] = {}
    for seen in sorted(history.all(Seen), key=lambda each: each.at):
        first = ended.setdefault((seen.task_id, seen.run_no), seen.status) if seen.status in TERMINAL else None
        first = first or ended.get((seen.task_id, seen.run_no))
        if first and seen.status != first:
            yield seen.task_id, f"was seen {first}, then {seen.status}"


def no_task_completes_twice(history: History) -> Iterator[Finding]:
    """One completion for each task, over all its runs."""
    times = Counter(each.task_id for each in history.all(Event) if each.event == "task_completed")
    yield from ((task_id, f"completed {number} times") for task_id, number in times.items() if number > 1)


def no_two_live_fences(history: History) -> Iterator[Finding]:
    """A claim follows only on the end of the one before: its verdict, or its lease's end. Fences only grow."""
    for task_id, events in history.timelines().items():
        for before, after in pairwise(events):
            if after.fence < before.fence:
                yield task_id, f"{after.event} with fence {after.fence} after {before.event} with {before.fence}"
        yield from ((task_id, fault) for fault in _overlaps(events, history.profile))


def _overlaps(events: Sequence[Event], profile: Profile) -> Iterator[str]:
    """Claims, and the reconciler's requeues, that came while the claim before was alive."""
    started: Event | None = None
    for event in events:
        owned = started and event.fence == started.fence
        if owned and event.event in VERDICTS:
            started = None
        elif event.event in {"task_started", "task_requeued"}:
            after = event.at - _claimed_at(started) if started else profile.lease_seconds
            if started and after < profile.lease_seconds - CLOCK_SECONDS:
                yield f"{event.event} (fence {event.fence}) {after:.1f} s into the lease of fence {started.fence}"
            started = event if event.event == "task_started" else None


def _claimed_at(started: Event) -> float:
    """When the lease began; its event is written later in the transaction, by a worker that may have stood still."""
    claimed_at = started.detail.get("claimed_at")
    return datetime.fromisoformat(claimed_at).timestamp() if claimed_at else started.at


def attempts_are_limited(history: History) -> Iterator[Finding]:
    """Claims of a run without a verdict of their own stay within MAX_ATTEMPTS, transient retries within MAX_RETRIES."""
    profile = history.profile
    for task_id, events in history.timelines().items():
        counted = Counter((each.run_no, each.event) for each in events)
        for run in {each.run_no for each in events}:
            retried = counted[run, "task_retried"]
            counting = counted[run, "task_started"] - retried - counted[run, "task_handed_back"]
            if counting > profile.max_attempts:
                yield task_id, f"run {run} had {counting} attempts"
            if retried > profile.max_retries:
                yield task_id, f"run {run} was retried {retried} times"


def poison_takes_all_attempts(history: History) -> Iterator[Finding]:
    """POISON_TASK is said after exactly MAX_ATTEMPTS attempts."""
    for task_id, events in history.timelines().items():
        for end in (each for each in events if each.detail.get("code") == "POISON_TASK" and each.event in ENDS):
            mine = Counter(each.event for each in events if each.run_no == end.run_no)
            attempts = mine["task_started"] - mine["task_retried"] - mine["task_handed_back"]
            if attempts != history.profile.max_attempts:
                yield task_id, f"run {end.run_no} was given up after {attempts} attempts"


def each_run_is_paid_once_or_not_at_all(history: History) -> Iterator[Finding]:
    """A run has one HOLD, and SETTLE where it completed, else RELEASE, and never more than it held."""
    entries: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for each in history.all(Entry):
        if each.task_id is not None:
            entries[each.task_id, each.run_no].append(each)
    ends = {(e.task_id, e.run_no): ENDS[e.event] for e in history.all(Event) if e.event in ENDS}
    for run in entries.keys() | ends.keys():
        # One that was cancelled before it was queued has held nothing.
        if run not in entries and ends[run] in {"CANCELLED", "EXPIRED"}:
            continue
        amounts = {each.kind: each.amount for each in entries[run]}
        expected = {"HOLD", "SETTLE" if ends.get(run) == "COMPLETED" else "RELEASE"}
        if sorted(each.kind for each in entries[run]) != sorted(expected):
            kinds = [each.kind for each in entries[run]]
            yield run[0], f"run {run[1]}, {ends.get(run, 'not ended')}, has {kinds}"
        elif max(amounts.get("SETTLE", 0), amounts.get("RELEASE", 0)) > amounts["HOLD"]:
            yield run[0], f"run {run[1]}: {amounts}"


def wallets_are_the_sum(history: History) -> Iterator[Finding]:
    """What the API says of an account is the sum of its entries, and nothing is held."""
    sums: Counter[str] = Counter()
    for each in history.all(Entry):
        sums[each.user_id] += BALANCE.get(each.kind, 0) * each.amount
    for wallet in history.all(Wallet):
        if (wallet.balance, wallet.held) != (sums[wallet.user_id], 0):
            yield None, f"user {wallet.user_id}: {wallet} and entries of {sums[wallet.user_id]}"


def results_are_whole(history: History) -> Iterator[Finding]:
    """A completed task shows the files of the attempt that completed it, each as it was digested; others show none."""
    objects = {each.key: each.sha256 for each in history.all(StoredObject)}
    fences = {each.task_id: each.fence for each in history.all(Event) if each.event == "task_completed"}
    for row in history.all(TaskRow):
        if row.status != "COMPLETED":
            if row.outputs is not None:
                yield row.task_id, f"is {row.status} and shows outputs"
            continue
        yield from ((row.task_id, fault) for fault in _faults_of(row, objects, fences.get(row.task_id)))


def _faults_of(row: TaskRow, objects: Mapping[str, str], fence: int | None) -> Iterator[str]:
    outputs = row.outputs or {"prefix": "", "files": []}
    names = [each["filename"] for each in outputs["files"]]
    if names.count("manifest.json") != 1:
        yield f"shows {names.count('manifest.json')} manifests"
    if not outputs["prefix"].endswith(f"/attempts/{fence}/outputs"):
        yield f"was completed with fence {fence} and shows {outputs['prefix']}"
    for each in outputs["files"]:
        key = f"{outputs['prefix']}/{each['filename']}"
        if objects.get(key) != each["sha256"]:
            yield f"{each['filename']} is {'another file' if key in objects else 'not stored'}"


def nothing_is_shown_after_a_cancel(history: History) -> Iterator[Finding]:
    """No customer is shown a file of a task that is not completed."""
    for seen in history.all(Seen):
        if seen.files and seen.status != "COMPLETED":
            yield seen.task_id, f"showed {seen.files} files while {seen.status}"


def the_broker_is_empty(history: History) -> Iterator[Finding]:
    """No message is left, neither queued nor taken and unacknowledged."""
    for broker in history.all(Broker):
        if broker.queued or broker.unacked:
            yield None, f"{broker.queued} queued, {broker.unacked} unacknowledged"


def the_api_says_what_is(history: History) -> Iterator[Finding]:
    """A server that is down is said with 503, not by another error, nor as if a file were gone or missing."""
    for answer in history.all(Answer):
        broken = answer.status >= 500 and answer.status != 503
        untrue = answer.status in {400, 404, 410, 413, 422}
        if broken or untrue:
            yield answer.task_id, f"{answer.call} answered {answer.status}: {answer.text}"


RULES: tuple[Rule, ...] = (
    every_accepted_task_ends,
    one_task_for_a_key,
    each_run_ends_once,
    rows_say_what_happened,
    failures_have_their_cause,
    terminal_states_stay,
    no_task_completes_twice,
    no_two_live_fences,
    attempts_are_limited,
    poison_takes_all_attempts,
    each_run_is_paid_once_or_not_at_all,
    wallets_are_the_sum,
    results_are_whole,
    nothing_is_shown_after_a_cancel,
    the_broker_is_empty,
    the_api_says_what_is,
)

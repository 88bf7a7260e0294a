"""What a soak comes to: violations, and the figures beside them."""

from __future__ import annotations

import json
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.checker import ENDS, Violation, violations
from tests.chaos.history import Answer, Event, Fault, History, TaskRow

SUBMITS = {"analyze", "process"}
NOTICED = {*ENDS, "task_started", "task_requeued", "task_retried", "task_handed_back"}
SIGNS_OF_LIFE = {"task_started", "agent_finished", "task_completed"}


@dataclass(frozen=True)
class Verdict:
    """The figures of one soak. Times are in seconds."""

    seed: int
    minutes: float
    machine: str
    load: float
    tasks: int
    ended: dict[str, int]
    codes: dict[str, int]
    attempts: int
    faults: dict[str, dict[str, Any]]
    refused_claims: int
    steps: int
    steps_run_again: int
    steps_kept: int
    submit_seconds: dict[str, float]
    quiet_seconds: float
    crashes: list[int]
    violations: list[dict[str, Any]]

    @property
    def number_of_faults(self) -> int:
        """How often something was broken."""
        return sum(each["times"] for each in self.faults.values())

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def summary(self) -> str:
        """One line, and one for each violation."""
        line = f"seed {self.seed}: {self.tasks} tasks {self.ended}, {self.number_of_faults} faults, "
        line += f"{self.refused_claims} claims refused, {len(self.violations)} violations"
        return "\n".join([line, *(f"  {each['rule']}: {each['task_id']} {each['detail']}" for each in self.violations)])


def judge(history: History, *, refused: int, quiet_seconds: float, crashes: Sequence[int] = ()) -> Verdict:
    """Check the history and count."""
    found: list[Violation] = violations(history)
    profile, rows = history.profile, [each for each in history.all(TaskRow) if each.run_no and each.status in _STATES]
    events = history.all(Event)
    return Verdict(
        seed=profile.seed,
        minutes=profile.minutes,
        machine=profile.machine,
        load=round(os.getloadavg()[2], 1),
        tasks=len(rows),
        ended=dict(Counter(each.status for each in rows)),
        codes=dict(Counter(each.error_code for each in rows if each.status == "FAILED")),
        attempts=sum(each.event == "task_started" for each in events),
        faults=_faults(history),
        refused_claims=refused,
        **_steps(history),
        submit_seconds=_submits(history),
        quiet_seconds=round(quiet_seconds, 1),
        crashes=list(crashes),
        violations=[asdict(each) for each in found],
    )


# Those that were accepted: an upload that was begun and never submitted isn't one.
_STATES = {"QUEUED", "PROCESSING", *ENDS.values()}


def _faults(history: History) -> dict[str, dict[str, Any]]:
    times: Counter[str] = Counter()
    recoveries: dict[str, list[float]] = defaultdict(list)
    for fault in history.all(Fault):
        times[fault.name] += 1
        recoveries[fault.name] += [round(each, 2) for each in _recoveries(fault, history)]
    return {name: {"times": times[name], "recoveries": recoveries[name]} for name in sorted(times)}


def _recoveries(fault: Fault, history: History) -> Iterator[float]:
    """Of each task that a fault took its owner from: until somebody noticed, so that it is in the queue again, has
    another owner or has ended. Where a server was hit: from the end of that until work goes on."""
    if fault.pids:
        for events in history.timelines().values():
            yield from _taken_up_again(fault, events)
    elif fault.until - fault.at > 1 and not fault.name.startswith("send"):
        signs = (each.at for each in history.all(Event) if each.event in SIGNS_OF_LIFE and each.at > fault.until)
        yield from (at - fault.until for at in [min(signs, default=None)] if at is not None)


def _taken_up_again(fault: Fault, events: Sequence[Event]) -> Iterator[float]:
    before = [each for each in events if each.at <= fault.at]
    owned = [each for each in before if each.event == "task_started"]
    if not owned or int(owned[-1].actor.rpartition(" ")[2]) not in fault.pids:
        return
    if any(each.event in NOTICED for each in before[before.index(owned[-1]) + 1 :]):
        return
    after = [each for each in events if each.at > fault.at]
    noticed = next((each for each in after if each.event in NOTICED), None)
    if noticed is not None:
        yield noticed.at - fault.at


def _steps(history: History) -> dict[str, int]:
    """Agents that finished; those that finished again in the same run; those that a later attempt needn't run."""
    finished: Counter[tuple[str, int, str]] = Counter()
    kept = 0
    for task_id, events in history.timelines().items():
        last = {each.run_no: each.fence for each in events if each.event == "task_started"}
        for each in (each for each in events if each.event == "agent_finished"):
            finished[task_id, each.run_no, each.detail["agent"]] += 1
            kept += each.fence < last[each.run_no]
    again = sum(number - 1 for number in finished.values())
    return {"steps": sum(finished.values()), "steps_run_again": again, "steps_kept": kept - again}


def _submits(history: History) -> dict[str, float]:
    """How long accepted submissions took, uploads of POST /analyze included, servers up or down."""
    taken = sorted(each.seconds for each in history.all(Answer) if each.status == 202 and each.call in SUBMITS)
    if not taken:
        return {}
    return {"p50": statistics.median(taken), "p99": taken[int(0.99 * (len(taken) - 1))], "max": taken[-1]}

"""What a soak has seen: one JSON object a line, read back as typed records."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Profile:
    """What the run was started with: the limits that its tasks must keep."""

    seed: int
    minutes: float
    machine: str
    lease_seconds: float
    max_attempts: int
    max_retries: int


@dataclass(frozen=True)
class Ordered:
    """A task whose input is of that kind: good, large, slow, bad, poison or hungry."""

    task_id: str
    kind: str


@dataclass(frozen=True)
class Answer:
    """What the API answered a customer, `seconds` after it was asked. `at` is in seconds since 1970, as everywhere."""

    at: float
    call: str
    status: int
    seconds: float
    task_id: str | None = None
    text: str = ""
    key: str = ""


@dataclass(frozen=True)
class Seen:
    """A task as a customer saw it."""

    at: float
    task_id: str
    run_no: int
    status: str
    files: int = 0


@dataclass(frozen=True)
class Fault:
    """What was done to the service; `pids` are the pool processes it hit."""

    at: float
    until: float
    name: str
    pids: tuple[int, ...] = ()


@dataclass(frozen=True)
class TaskRow:
    """A task as the database had it at the end."""

    task_id: str
    user_id: str
    run_no: int
    status: str
    retry_count: int
    credits_quoted: int
    error_code: str | None
    outputs: Mapping[str, Any] | None


@dataclass(frozen=True)
class Event:
    """One row of a task's timeline."""

    id: int
    at: float
    task_id: str
    event: str
    actor: str
    run_no: int
    fence: int
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One row of the ledger."""

    user_id: str
    task_id: str | None
    run_no: int | None
    kind: str
    amount: int


@dataclass(frozen=True)
class Wallet:
    """An account as the API answered it at the end."""

    user_id: str
    balance: int
    held: int


@dataclass(frozen=True)
class StoredObject:
    """A file that was in the bucket at the end."""

    key: str
    sha256: str


@dataclass(frozen=True)
class Broker:
    """How many messages the broker still had at the end."""

    queued: int
    unacked: int


_KINDS = (Profile, Ordered, Answer, Seen, Fault, TaskRow, Event, Entry, Wallet, StoredObject, Broker)
KINDS = {each.__name__: each for each in _KINDS}


ASIDES = {"task_deleted", "cancel_requested"}


class History:
    """Every record of one soak, by kind."""

    def __init__(self, records: Iterable[Any] = ()) -> None:
        self._records: dict[str, list[Any]] = defaultdict(list)
        for record in records:
            self.add(record)

    def add(self, record: Any) -> None:
        """Append a record."""
        self._records[type(record).__name__].append(record)

    def all(self, kind: type[Any]) -> list[Any]:
        """The records of a kind, in order."""
        return self._records[kind.__name__]

    @property
    def profile(self) -> Profile:
        """What the run was started with."""
        (profile,) = self.all(Profile)
        return profile

    def timelines(self) -> Mapping[str, list[Event]]:
        """Each task's events in order, but for those that change nothing about its state."""
        by_task = defaultdict(list)
        for event in sorted(self.all(Event), key=lambda each: each.id):
            if event.event not in ASIDES:
                by_task[event.task_id].append(event)
        return by_task


def read(path: Path) -> History:
    """A history as `Writer` wrote it."""
    return History(_record(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines())


def _record(line: dict[str, Any]) -> Any:
    kind = KINDS[line.pop("record")]
    lists = {each.name for each in fields(kind) if "tuple" in str(each.type)}
    return kind(**{name: tuple(value) if name in lists else value for name, value in line.items()})


class Writer:
    """Appends records to a file from any thread, each at once, so that a soak that dies leaves what it saw."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()

    def add(self, record: Any) -> None:
        """Write one record."""
        line = json.dumps({"record": type(record).__name__, **asdict(record)}, default=str)
        with self._lock:
            self._file.write(line + "\n")
            self._file.flush()

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

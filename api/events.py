"""Live progress: one poller per process reads what all open streams watch, and hands each its share.

A stream sends `progress` (where the task stands; only the newest counts), `event` (a row of the timeline, with its id,
so that a client that comes back with Last-Event-ID misses none) and, last of all, `end`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool

from api.schemas import EventAnswer
from db import watching
from db.database import reading
from db.models import TaskEvent
from db.watching import TaskState
from errors import DatabaseUnavailable

KEEP_ALIVE_SECONDS = 15.0
_NO_EVENTS = (1 << 63) - 1
"""After this id there is no event: for those who wait for nothing but the end."""

log = structlog.get_logger(__name__)

News = tuple[Mapping[str, TaskState], Sequence[TaskEvent]]


@dataclass(eq=False)
class Watcher:
    """One open stream: what it has seen, and what waits to be sent. A slow client gets fewer, newer states."""

    task_id: str
    after: int
    state: TaskState | None = None
    events: list[TaskEvent] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False

    def take(self, state: TaskState | None, events: Sequence[TaskEvent]) -> None:
        """Receive what the poller read of this task."""
        news = [event for event in events if event.id > self.after]
        if state is None or news or state != self.state:
            self.changed.set()
        self.state = state
        self.events += news
        self.after = max([self.after, *(event.id for event in news)])

    def give(self) -> tuple[TaskState | None, list[TaskEvent]]:
        """Hand out what is to be sent."""
        self.changed.clear()
        events, self.events = self.events, []
        return self.state, events


def read_news(task_ids: set[str], after: int) -> News:
    """What all watched tasks are at, and what happened to any of them after that event."""
    with reading() as session:
        return watching.states(session, task_ids), watching.news(session, task_ids, after)


class LiveEvents:
    """Streams of task events, fed by one poller that runs only while somebody watches."""

    def __init__(self, seconds: float, read: Callable[[set[str], int], News] = read_news) -> None:
        self._seconds = seconds
        self._read = read
        self._watchers: set[Watcher] = set()
        self._poller: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def stream(self, task_id: str, after: int) -> AsyncIterator[str]:
        """Server-sent events of one task from the event after that id to its end."""
        sent: TaskState | None = None
        with self._watching(task_id, after) as watcher:
            while not watcher.broken:
                if not await _within(KEEP_ALIVE_SECONDS, watcher.changed):
                    yield ": still here\n\n"
                    continue
                state, events = watcher.give()
                for event in events:
                    yield _message("event", EventAnswer.of(event).model_dump(mode="json"), event.id)
                if state is not None and state != sent:
                    yield _message("progress", asdict(state))
                    sent = state
                if state is None or state.terminal:
                    yield _message("end", {"status": state.status if state else "DELETED"})
                    return

    async def ended(self, task_id: str, seconds: float) -> bool:
        """Wait until a task has ended, so many seconds at most; whether it has."""
        with self._watching(task_id, _NO_EVENTS) as watcher:
            try:
                async with asyncio.timeout(seconds):
                    return await _ended(watcher)
            except TimeoutError:
                return False

    @contextmanager
    def _watching(self, task_id: str, after: int) -> Iterator[Watcher]:
        watcher = Watcher(task_id, after)
        self._watchers.add(watcher)
        if self._poller is None or self._poller.done():
            self._hurry = asyncio.Event()
            self._poller = asyncio.create_task(self._poll())
        self._hurry.set()
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    async def _poll(self) -> None:
        try:
            while self._watchers:
                self._hurry.clear()
                await self._feed(list(self._watchers))
                await _within(self._seconds, self._hurry)
        finally:
            for watcher in self._watchers:  # the poller broke: their clients come back and start a new one
                watcher.broken = True
                watcher.changed.set()

    async def _feed(self, watchers: Sequence[Watcher]) -> None:
        oldest = min(watcher.after for watcher in watchers)
        try:
            states, news = await run_in_threadpool(self._read, {watcher.task_id for watcher in watchers}, oldest)
        except DatabaseUnavailable:
            log.warning("live_events_wait_for_the_database", streams=len(watchers))
            return
        for watcher in watchers:
            mine = [event for event in news if event.task_id == watcher.task_id]
            watcher.take(states.get(watcher.task_id), mine)


async def _ended(watcher: Watcher) -> bool:
    while await watcher.changed.wait() and not watcher.broken:
        state, _ = watcher.give()
        if state is None or state.terminal:
            return True
    return False


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _message(name: str, data: Mapping[str, Any], event_id: int | None = None) -> str:
    numbered = f"id: {event_id}\n" if event_id is not None else ""
    return f"{numbered}event: {name}\ndata: {json.dumps(data, default=str)}\n\n"

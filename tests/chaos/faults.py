"""What is done to the service: each fault a function of the stand, chosen by chance, some beneath a lasting one."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable, Sequence

import httpx
import psutil
import redis
from celery import Celery
from celery.exceptions import CeleryError
from kombu.exceptions import KombuError, OperationalError

from celery_queue.celery_config import ANALYSIS_TASK, configuration
from settings import get_settings
from tests.chaos.customers import Customer
from tests.chaos.history import Fault, Writer
from tests.chaos.stand import Stand
from tests.s3_proxy import Mode

Pids = tuple[int, ...]
BENEATH_SHARE = 0.15
"""How often something dies while a server is down."""


class Chaos:
    """The faults, and what they need to know."""

    def __init__(
        self, stand: Stand, customers: Sequence[Customer], writer: Writer, seed: int, hurry: float = 1.0
    ) -> None:
        self.stand = stand
        self._customers = customers
        self._writer = writer
        self._hurry = hurry
        self._chance = random.Random(f"{seed} faults")
        self._deck: list[Callable[[], Pids | None]] = []
        self._client = Celery("soak", set_as_current=False)
        self._client.conf.update(configuration(get_settings()), result_backend="disabled://")
        self.happened = 0

    def strike(self) -> None:
        """One fault: every kind once, in an order of chance, before any comes again."""
        if not self._deck:
            self._deck = [*self._sudden(), *self._lasting()]
            self._chance.shuffle(self._deck)
        self._do(self._deck.pop())

    def _do(self, fault: Callable[[], Pids | None]) -> None:
        began = time.time()
        pids = fault()
        if pids is not None:
            self.happened += 1
            self._writer.add(Fault(began, time.time(), fault.__name__, pids))

    def _sudden(self) -> list[Callable[[], Pids | None]]:
        return [
            self.kill_pool_process,
            self.kill_lean_child,
            self.kill_worker,
            self.kill_worker_main_process,
            self.stop_worker,
            self.flush_redis,
            self.send_duplicates,
            self.send_late_messages,
            self.kill_api,
        ]

    def _lasting(self) -> list[Callable[[], Pids | None]]:
        return [
            self.freeze_worker,
            self.restart_redis,
            self.redis_down,
            self.freeze_redis,
            self.kill_api_between_commit_and_publish,
            self.restart_postgres,
            self.postgres_down,
            self.freeze_postgres,
            self.s3_errors,
            self.s3_hangs,
            self.s3_hangs_up,
        ]

    # Workers

    def kill_pool_process(self) -> Pids | None:
        """kill -9 of a slot, if one can be found that works."""
        slots = [slot for worker in self.stand.workers for slot in self.stand.slots(worker)]
        busy = [slot for slot in slots if self._children(slot)]
        return self._signal([self._chance.choice(busy or slots)], signal.SIGKILL) if slots else None

    def kill_lean_child(self) -> Pids | None:
        """kill -9 of a process in which agents run."""
        slots = [slot for worker in self.stand.workers for slot in self.stand.slots(worker) if self._children(slot)]
        if not slots:
            return None
        slot = self._chance.choice(slots)
        self._signal(self._children(slot), signal.SIGKILL)
        return (slot.pid,)

    def kill_worker(self) -> Pids | None:
        """kill -9 of a worker and all its processes, as when a machine goes down."""
        worker = self._chance.choice(self.stand.workers)
        slots = self._pids(self.stand.slots(worker))
        return slots if self._signal(self.stand.family(worker), signal.SIGKILL) else None

    def kill_worker_main_process(self) -> Pids | None:
        """kill -9 of a worker's main process alone: its slots are orphans."""
        worker = self._chance.choice(self.stand.workers)
        slots = self._pids(self.stand.slots(worker))
        return slots if self._signal(self.stand.family(worker)[:1], signal.SIGKILL) else None

    def stop_worker(self) -> Pids | None:
        """SIGTERM, as when a new version is rolled out."""
        worker = self._chance.choice(self.stand.workers)
        slots = self._pids(self.stand.slots(worker))
        return slots if self._signal(self.stand.family(worker)[:1], signal.SIGTERM) else None

    def freeze_worker(self) -> Pids | None:
        """SIGSTOP past the lease, then SIGCONT: an owner that believes it still is one."""
        worker = self._chance.choice(self.stand.workers)
        frozen, slots = self.stand.family(worker), self._pids(self.stand.slots(worker))
        if not self._signal(frozen, signal.SIGSTOP):
            return None
        time.sleep(get_settings().lease_seconds + self._chance.uniform(1, 3))
        self._signal(frozen, signal.SIGCONT)
        return slots

    # Redis

    def restart_redis(self) -> Pids:
        """Down for a moment; what it had written to disk is there again."""
        self.stand.redis.restart()
        return ()

    def redis_down(self) -> Pids:
        """Gone for some seconds."""
        self.stand.redis.stop()
        try:
            self._last(self._chance.uniform(2, 6))
        finally:
            self.stand.redis.start()
        return ()

    def freeze_redis(self) -> Pids:
        """Takes connections and answers none."""
        self.stand.redis.freeze()
        try:
            self._last(self._chance.uniform(2, 6))
        finally:
            self.stand.redis.resume()
        return ()

    def flush_redis(self) -> Pids | None:
        """Every message and every result is lost."""
        with contextlib.suppress(redis.RedisError), self.stand.redis.client() as client:
            client.flushall()
            return ()
        return None

    # Messages

    def send_duplicates(self) -> Pids | None:
        """The same message again, ten times at once."""
        return self._send(self._chance.sample(self._recent(), min(len(self._recent()), 2)), times=10)

    def send_late_messages(self) -> Pids | None:
        """Messages of tasks long ended, messages that come seconds late, and one that names another user."""
        known = [(task_id, user_id) for task_id, user_id in self._known()]
        chosen = self._chance.sample(known, min(len(known), 5))
        self._send(chosen, times=1, countdown=self._chance.uniform(1, 5))
        strangers = [(task_id, self._customers[0].user_id) for task_id, _ in self._recent()]
        return self._send(chosen + strangers, times=1)

    def _known(self) -> list[tuple[str, str]]:
        return [(task_id, each.user_id) for each in self._customers for task_id in list(each.task_ids)]

    def _recent(self) -> list[tuple[str, str]]:
        return [(task_id, each.user_id) for each in self._customers for task_id in each.task_ids[-2:]]

    def _send(self, messages: Sequence[tuple[str, str]], times: int, **options: float) -> Pids | None:
        queue = get_settings().queue_analysis
        try:
            with self._client.connection_for_write() as connection:
                for ids in [each for each in messages for _ in range(times)]:
                    self._client.send_task(
                        ANALYSIS_TASK, args=ids, queue=queue, retry=False, connection=connection, **options
                    )
        except (OperationalError, KombuError, CeleryError, OSError):
            return None
        return () if messages else None

    # The API

    def kill_api(self) -> Pids | None:
        """kill -9 at any moment."""
        return () if self._signal(self.stand.family(self.stand.api), signal.SIGKILL) else None

    def kill_api_between_commit_and_publish(self) -> Pids | None:
        """It commits while no broker answers, so that it can't have published when it is killed."""
        self.stand.redis.freeze()
        try:
            customer = self._chance.choice(self._customers)
            self._order_of(customer)
            return self.kill_api()
        finally:
            self.stand.redis.resume()

    def _order_of(self, customer: Customer) -> None:
        fields = {"tool_id": "clean-my-data", "agents": "type-fixer"}
        files = {"primary": ("table.csv", b"name,age\nAda,7\nBo,N/A\n")}
        headers = dict(customer.client.headers)
        with contextlib.suppress(httpx.TransportError):
            answer = httpx.post(f"{self.stand.url}/analyze", data=fields, files=files, headers=headers, timeout=10)
            customer.client.note("analyze", answer, answer.elapsed.total_seconds())

    # Database and storage

    def restart_postgres(self) -> Pids:
        """Every connection breaks."""
        self.stand.postgres.restart()
        return ()

    def postgres_down(self) -> Pids:
        """Gone for some seconds."""
        self.stand.postgres.stop()
        try:
            self._last(self._chance.uniform(2, 6))
        finally:
            self.stand.postgres.start()
        return ()

    def freeze_postgres(self) -> Pids:
        """All of it stands still, in the middle of whatever it does; leases run out meanwhile."""
        frozen = psutil.Process(self.stand.postgres.pid)
        family = [frozen, *frozen.children(recursive=True)]
        self._signal(family, signal.SIGSTOP)
        try:
            self._last(self._chance.uniform(2, 7))
        finally:
            self._signal(family, signal.SIGCONT)
        return ()

    def s3_errors(self) -> Pids:
        """Every request is answered with 500."""
        return self._storage("error")

    def s3_hangs(self) -> Pids:
        """No request is answered."""
        return self._storage("hang")

    def s3_hangs_up(self) -> Pids:
        """Every answer breaks off."""
        return self._storage("cut")

    def _storage(self, mode: Mode) -> Pids:
        self.stand.proxy.turn(mode)
        try:
            self._last(self._chance.uniform(3, 8))
        finally:
            self.stand.proxy.turn("pass")
        return ()

    # Means

    def _last(self, seconds: float) -> None:
        """Wait; sometimes something else dies meanwhile."""
        seconds /= self._hurry
        until = time.monotonic() + seconds
        if self._chance.random() < BENEATH_SHARE:
            time.sleep(self._chance.uniform(0, seconds))
            self._do(self._chance.choice([self.kill_pool_process, self.kill_lean_child, self.kill_worker]))
        time.sleep(max(0.0, until - time.monotonic()))

    def _signal(self, processes: Sequence[psutil.Process], number: int) -> Pids | None:
        reached = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
                reached.append(process)
        return self._pids(reached) or None

    @staticmethod
    def _pids(processes: Sequence[psutil.Process]) -> Pids:
        return tuple(process.pid for process in processes)

    @staticmethod
    def _children(slot: psutil.Process) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            return slot.children()
        return []

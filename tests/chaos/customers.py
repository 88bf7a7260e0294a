"""Who orders while things break: each customer a thread that submits, watches, cancels and retries over HTTP."""

from __future__ import annotations

import heapq
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

from db import users
from db.database import transaction
from tests.chaos.history import Answer, Ordered, Seen, Writer

PASSWORD = "only for this soak"
CREDITS = 10_000_000
PATIENCE_SECONDS = 90
PAUSE_SECONDS = 1.0
PAGE = 50
MOST_OPEN = 8
"""Tasks that a customer leaves unfinished at a time."""
TERMINAL = {"COMPLETED", "FAILED", "CANCELLED", "EXPIRED"}
KINDS = {"good": 76, "large": 4, "slow": 8, "bad": 7, "poison": 3, "hungry": 2}
CANCEL_SHARE, RETRY_SHARE, TWICE_SHARE, ALL_AGENTS_SHARE = 0.15, 0.4, 0.15, 0.1


@dataclass(frozen=True)
class Order:
    """What a customer sends."""

    kind: str
    tool_id: str
    agents: Sequence[str] | None
    filename: str
    content: bytes


@dataclass(order=True)
class Plan:
    """Something that a customer will do later."""

    at: float
    number: int
    act: Callable[[], None] = field(compare=False)


class Client:
    """The API as one customer sees it: every answer is written down, no answer is asked for again."""

    def __init__(self, url: str, writer: Writer) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        self._writer = writer
        self.headers: dict[str, str] = {}

    def call(self, name: str, method: str, path: str, task_id: str | None = None, **content: Any) -> httpx.Response:
        """Ask until there is an answer other than 503; TimeoutError when patience is over."""
        content["headers"] = self.headers | content.get("headers", {})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            asked = time.monotonic()
            try:
                response = self._http.request(method, path, **content)
            except httpx.TransportError:
                time.sleep(PAUSE_SECONDS)
                continue
            self.note(name, response, time.monotonic() - asked, task_id)
            if response.status_code != 503:
                return response
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError(name)

    def note(self, name: str, response: httpx.Response, seconds: float, task_id: str | None = None) -> None:
        """Write down what was answered."""
        task_id = task_id or _object(response).get("task_id")
        text = "" if response.is_success else response.text[:300]
        key = response.request.headers.get("Idempotency-Key", "")
        self._writer.add(Answer(time.time(), name, response.status_code, round(seconds, 3), task_id, text, key))

    def close(self) -> None:
        """Hang up."""
        self._http.close()


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        said = response.json()
    except json.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


class Customer(threading.Thread):
    """One account and what its owner does until the soak is over. Its chance is its own, so that a seed repeats it."""

    def __init__(self, number: int, seed: int, url: str, writer: Writer, pause: float) -> None:
        super().__init__(name=f"customer-{number}", daemon=True)
        self._chance = random.Random(f"{seed} customer {number}")
        self._writer = writer
        self._pause = pause
        self._stopping = threading.Event()
        self.client = Client(url, writer)
        self.email = f"customer{number}@example.org"
        self.task_ids: list[str] = []
        self.user_id = ""
        self._open: dict[str, str] = {}
        self._plans: list[Plan] = []
        self._numbers = count()
        self._tools: Mapping[str, Any] = {}

    def register(self) -> None:
        """Open the account."""
        answer = self.client.call("register", "POST", "/auth/register", json=self._credentials())
        self.client.headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        self.user_id = self.client.call("me", "GET", "/auth/me").json()["id"]
        listed = self.client.call("tools", "GET", "/tools").json()
        self._tools = {tool["id"]: tool for tool in listed}

    def _credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": PASSWORD}

    def run(self) -> None:
        """Order and watch until told to stop, then go on watching no more."""
        next_order = time.monotonic()
        while not self._stopping.is_set():
            self._do_what_is_due()
            if time.monotonic() >= next_order and len(self._open) < MOST_OPEN:
                next_order = time.monotonic() + self._pause * self._chance.uniform(0.5, 1.5)
                self._patiently(self._place_order)
            self._patiently(self._watch)
            self._stopping.wait(0.5)
        self.client.close()

    def stop(self) -> None:
        """Order nothing more."""
        self._stopping.set()
        self.join()

    def _patiently(self, act: Callable[[], None]) -> None:
        try:
            act()
        except TimeoutError:
            self._writer.add(Answer(time.time(), "no answer in time", 0, PATIENCE_SECONDS))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._plans, Plan(time.monotonic() + seconds, next(self._numbers), act))

    def _do_what_is_due(self) -> None:
        while self._plans and self._plans[0].at <= time.monotonic():
            self._patiently(heapq.heappop(self._plans).act)

    # Ordering

    def _place_order(self) -> None:
        order = self._order()
        headers = {"Idempotency-Key": f"{self.email}-{next(self._numbers)}"}
        times = 2 if self._chance.random() < TWICE_SHARE else 1
        send = self._analyze if self._chance.random() < 0.6 else self._send_and_process
        for task_id in send(order, headers, times):
            self._writer.add(Ordered(task_id, order.kind))
            self._accepted(task_id)

    def _accepted(self, task_id: str) -> None:
        self.task_ids.append(task_id)
        self._open[task_id] = "QUEUED"
        if self._chance.random() < CANCEL_SHARE:
            self._later(self._chance.uniform(0, 6), lambda: self._cancel(task_id))

    def _analyze(self, order: Order, headers: dict[str, str], times: int) -> set[str]:
        fields = {"tool_id": order.tool_id} | ({"agents": ",".join(order.agents)} if order.agents else {})
        files = {"primary": (order.filename, order.content)}
        content = {"data": fields, "files": files, "headers": headers}
        return self._accepted_by("analyze", "/analyze", times, content)

    def _send_and_process(self, order: Order, headers: dict[str, str], times: int) -> set[str]:
        body = {"tool_id": order.tool_id} | ({"agents": list(order.agents)} if order.agents else {})
        task_id = self.client.call("create", "POST", "/tasks", json=body).json()["task_id"]
        wanted = {"files": {"primary": {"filename": order.filename, "size_bytes": len(order.content)}}}
        links = self.client.call("upload-urls", "POST", f"/tasks/{task_id}/upload-urls", task_id, json=wanted)
        self._put(links.json()["uploads"]["primary"], order.content)
        return self._accepted_by("process", f"/tasks/{task_id}/process", times, {"json": {}, "headers": headers})

    def _accepted_by(self, name: str, path: str, times: int, content: Mapping[str, Any]) -> set[str]:
        """The tasks that were queued by one request, sent so many times."""
        answers = [self.client.call(name, "POST", path, **content) for _ in range(times)]
        return {answer.json()["task_id"] for answer in answers if answer.status_code == 202}

    def _put(self, link: Mapping[str, Any], content: bytes) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if httpx.put(link["url"], content=content, headers=link["headers"], timeout=10).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(PAUSE_SECONDS)
        raise TimeoutError("put")

    def _order(self) -> Order:
        kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        tool = self._tools[self._chance.choice(sorted(self._tools))]
        agents = [each["id"] for each in tool["agents"] if each["default"]]
        some = None if self._chance.random() < ALL_AGENTS_SHARE else [self._chance.choice(agents)]
        rows = self._chance.randint(20, 300) if kind != "large" else 5_000
        content = self._chance.randbytes(4000) if kind == "bad" else self._table(rows)
        prefix = kind if kind in {"poison", "hungry", "slow"} else "table"
        return Order(kind, tool["id"], some, f"{prefix}-{next(self._numbers)}.csv", content)

    def _table(self, rows: int) -> bytes:
        names = [f"Person {self._chance.randint(0, rows // 2 + 1)}" for _ in range(rows)]
        cities = self._chance.choices(["Oslo", "Bergen", "bergen ", "Tromsø", "N/A", ""], k=rows)
        ages = [str(self._chance.randint(0, 99)) for _ in range(rows)]
        lines = [
            "name,city,age,email",
            *(f"{n},{c},{a},{n[7:]}@example.org" for n, c, a in zip(names, cities, ages, strict=True)),
        ]
        return "\n".join(lines).encode()

    # Watching

    def _watch(self) -> None:
        """Look at the newest tasks, all in one page, so that watching costs the service little."""
        if not self._open:
            return
        page = self.client.call("list", "GET", f"/tasks?limit={PAGE}").json()["items"]
        newest = {task["task_id"]: task for task in page}
        for task_id in list(self._open):
            task = newest.get(task_id) or self.client.call("task", "GET", f"/tasks/{task_id}", task_id).json()
            self._see(task)

    def _see(self, task: Mapping[str, Any]) -> None:
        task_id, status = task["task_id"], task["status"]
        if status != self._open[task_id]:
            self._writer.add(Seen(time.time(), task_id, task["run_no"], status))
            self._open[task_id] = status
        if status in TERMINAL:
            self._look_at_the_end(task_id, task)

    def _look_at_the_end(self, task_id: str, task: Mapping[str, Any]) -> None:
        del self._open[task_id]
        files = self.client.call("downloads", "GET", f"/tasks/{task_id}/downloads", task_id)
        shown = len(files.json()["files"]) if files.is_success else 0
        self._writer.add(Seen(time.time(), task_id, task["run_no"], task["status"], shown))
        if task["status"] == "FAILED" and self._chance.random() < RETRY_SHARE:
            self._later(self._chance.uniform(0, 3), lambda: self._retry(task_id))

    def _cancel(self, task_id: str) -> None:
        self.client.call("cancel", "POST", f"/tasks/{task_id}/cancel", task_id)

    def _retry(self, task_id: str) -> None:
        if self.client.call("retry", "POST", f"/tasks/{task_id}/retry", task_id).status_code == 202:
            self._open[task_id] = "QUEUED"


def open_accounts(customers: Sequence[Customer]) -> None:
    """Register them all; the first, made an administrator, gives everybody credits."""
    for customer in customers:
        customer.register()
    with transaction() as session:
        first = users.by_email(session, customers[0].email)
        assert first is not None
        first.is_admin = True
    for customer in customers:
        body = {"user_id": customer.user_id, "credits": CREDITS}
        granted = customers[0].client.call("grant", "POST", "/billing/admin/grant", json=body)
        granted.raise_for_status()

"""One soak: customers and chaos for some minutes, then quiet, then a look at everything that was left."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import random
import time
from pathlib import Path

import httpx
from sqlalchemy import select
from sqlalchemy.orm import Session

from db.database import reading
from db.models import LedgerEntry, Task, TaskEvent, TaskStatus
from settings import get_settings
from tests.chaos import history
from tests.chaos.customers import Customer, open_accounts
from tests.chaos.faults import Chaos
from tests.chaos.history import Broker, Entry, Event, Profile, StoredObject, TaskRow, Wallet, Writer
from tests.chaos.stand import Stand, standing
from tests.chaos.verdict import Verdict, judge

CUSTOMERS, WORKERS = 4, 2
ORDER_SECONDS = 5.0
"""How long a customer waits between two orders, on average."""
FAULT_SECONDS = (3.0, 8.0)
"""The shortest and the longest pause between two faults."""
READY_SECONDS = 60
QUIET_SECONDS = 300
"""How long the service may take, once nothing breaks any more, until nothing is left to do."""


def soak(seed: int, minutes: float, folder: Path, *, hurry: float = 1.0) -> Verdict:
    """Run one soak; the folder receives history.jsonl, verdict.json and the logs of all processes.

    hurry: how many times faster than usual orders and faults come, and how much sooner what is down returns.
    """
    folder.mkdir(parents=True, exist_ok=True)
    writer = Writer(folder / "history.jsonl")
    with contextlib.closing(writer), standing(folder, WORKERS) as stand:
        settings = get_settings()
        limits = (settings.lease_seconds, settings.max_attempts, settings.max_retries)
        writer.add(Profile(seed, minutes, machine(), *limits))
        customers = [Customer(each, seed, stand.url, writer, ORDER_SECONDS / hurry) for each in range(CUSTOMERS)]
        until_ready(stand)
        open_accounts(customers)
        attack(stand, customers, writer, seed, minutes, hurry)
        quiet = until_quiet(stand)
        look(stand, customers, writer)
        refused, crashes = stand.logged("claim_refused"), stand.crashes
    verdict = judge(history.read(folder / "history.jsonl"), refused=refused, quiet_seconds=quiet, crashes=crashes)
    (folder / "verdict.json").write_text(verdict.to_json(), encoding="utf-8")
    return verdict


def machine() -> str:
    """What it runs on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def until_ready(stand: Stand) -> None:
    """Wait for the API."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{stand.url}/health/ready").is_success:
                return
        time.sleep(0.2)
    raise TimeoutError("the API doesn't answer")


def attack(stand: Stand, customers: list[Customer], writer: Writer, seed: int, minutes: float, hurry: float) -> None:
    """Let customers order and faults happen until the time is over."""
    chaos = Chaos(stand, customers, writer, seed, hurry)
    chance = random.Random(f"{seed} pauses")
    deadline = time.monotonic() + 60 * minutes
    for customer in customers:
        customer.start()
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(*FAULT_SECONDS) / hurry)
        chaos.strike()
    for customer in customers:
        customer.stop()


def until_quiet(stand: Stand) -> float:
    """Wait until nothing is queued, running or in the broker; answer how long that took, the limit where it isn't."""
    began = time.monotonic()
    while time.monotonic() < began + QUIET_SECONDS and not is_quiet(stand):
        time.sleep(0.5)
    return time.monotonic() - began


def is_quiet(stand: Stand) -> bool:
    """Whether there is nothing to do."""
    with reading() as session:
        busy = select(Task.id).where(Task.status.in_([TaskStatus.QUEUED, TaskStatus.PROCESSING])).limit(1)
        return session.scalar(busy) is None and left_in(stand) == Broker(0, 0)


def left_in(stand: Stand) -> Broker:
    """What the broker has."""
    with stand.redis.client() as client:
        return Broker(client.llen(get_settings().queue_analysis), client.hlen("unacked"))


def look(stand: Stand, customers: list[Customer], writer: Writer) -> None:
    """Write down every row, every stored result, every account and what the broker has."""
    with reading() as session:
        for record in rows(session):
            writer.add(record)
    for customer in customers:
        with httpx.Client(base_url=stand.url, headers=customer.client.headers, timeout=30) as client:
            wallet = client.get("/billing/wallet").raise_for_status().json()
        writer.add(Wallet(customer.user_id, wallet["balance"], wallet["held"]))
    for stored in results(stand):
        writer.add(stored)
    writer.add(left_in(stand))


def rows(session: Session) -> list[TaskRow | Event | Entry]:
    """Tasks, their events and the ledger as records."""
    return [
        *(
            TaskRow(
                each.id,
                each.user_id,
                each.run_no,
                each.status,
                each.retry_count,
                each.credits_quoted,
                each.error_code,
                each.outputs,
            )
            for each in session.scalars(select(Task))
        ),
        *(
            Event(
                each.id,
                each.created_at.timestamp(),
                each.task_id,
                each.event,
                each.actor,
                each.run_no,
                each.fence,
                each.detail,
            )
            for each in session.scalars(select(TaskEvent))
        ),
        *(
            Entry(each.user_id, each.task_id, each.run_no, each.kind, each.amount)
            for each in session.scalars(select(LedgerEntry).order_by(LedgerEntry.id))
        ),
    ]


def results(stand: Stand) -> list[StoredObject]:
    """Every file below an attempt's outputs, asked of the S3 server itself."""
    client, found = stand.s3.client(), []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=stand.bucket):
        for key in (each["Key"] for each in page.get("Contents", []) if "/outputs/" in each["Key"]):
            content = client.get_object(Bucket=stand.bucket, Key=key)["Body"].read()
            found.append(StoredObject(key, hashlib.sha256(content).hexdigest()))
    return found

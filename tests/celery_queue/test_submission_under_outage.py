"""POST /process while the broker is up, down, or takes connections and never answers: the same 202, as fast."""

import statistics
import threading
import time
from functools import partial

import httpx
import pytest

from billing import ledger
from db import users
from db.database import transaction
from tests.celery_queue.service import until

pytestmark = pytest.mark.service
REQUESTS = 15
SLOWEST_SECONDS = 5.0
"""Generous, for a busy machine: a request that waited for a broker would take as long every time."""


@pytest.fixture
def web(service):
    url = service.api()
    with httpx.Client(base_url=url, timeout=60) as client:
        until(lambda: answers(client), 120)
        opened = client.post("/auth/register", json={"email": "a@example.org", "password": "only for tests"}).json()
        with transaction() as session:
            ledger.grant(session, users.by_email(session, "a@example.org").id, 10**6, "test")
        client.headers["Authorization"] = f"Bearer {opened['access_token']}"
        yield client


def answers(client):
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def uploaded(client):
    task_id = client.post("/tasks", json={"tool_id": "clean-my-data"}).raise_for_status().json()["task_id"]
    wanted = {"files": {"primary": {"filename": "a.csv"}}}
    link = client.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
    httpx.request(link["method"], link["url"], headers=link["headers"], content=b"a\n1\n").raise_for_status()
    return task_id


def seconds_of(ask):
    began = time.perf_counter()
    ask().raise_for_status()
    return time.perf_counter() - began


@pytest.fixture
def bystander(web):
    """Somebody else's requests meanwhile; answers how long each took."""
    took, stop = [], threading.Event()

    def ask():
        with httpx.Client(base_url=web.base_url, headers=web.headers, timeout=60) as client:
            while not stop.wait(0.05):
                took.append(seconds_of(partial(client.get, "/tasks?limit=1")))

    asking = threading.Thread(target=ask)
    asking.start()
    yield took
    stop.set()
    asking.join()


def test_a_submission_waits_for_no_broker(redis_server, web, bystander):
    states = {"up": lambda: None, "down": redis_server.stop, "never answers": redis_server.freeze}
    for state, enter in states.items():
        ready = [f"/tasks/{uploaded(web)}/process" for _ in range(REQUESTS)]
        bystander.clear()
        enter()
        try:
            took = [seconds_of(partial(web.post, path)) for path in ready]
        finally:
            redis_server.resume()
            redis_server.start()
        assert max(took) < SLOWEST_SECONDS, state
        assert statistics.median(took) < 1, state
        assert max(bystander, default=0) < SLOWEST_SECONDS, state

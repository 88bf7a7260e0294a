"""Submitting: once per Idempotency-Key, at once or waiting for the end, and again after a failure."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from billing import ledger
from db.database import transaction
from db.models import IdempotencyKey
from settings import get_settings
from tests.api.conftest import CSV

KEY = {"Idempotency-Key": "order-1"}
TOOL = {"tool_id": "clean-my-data"}
FILE = {"primary": ("people.csv", CSV, "text/csv")}


def held(client):
    return client.get("/billing/wallet").json()["held"]


def test_the_first_answer_is_given_again(signed_in, make_task):
    task_id = make_task()
    first = signed_in.post(f"/tasks/{task_id}/process", headers=KEY)
    again = signed_in.post(f"/tasks/{task_id}/process", headers=KEY)
    assert (again.status_code, again.json()) == (first.status_code, first.json()) == (202, first.json())
    assert signed_in.post(f"/tasks/{task_id}/process").status_code == 409


def test_a_key_is_for_one_request(signed_in, make_task):
    first, other = make_task(), make_task()
    signed_in.post(f"/tasks/{first}/process", headers=KEY)
    later = {"not_before": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    for task_id, body in ((other, None), (first, later)):
        answer = signed_in.post(f"/tasks/{task_id}/process", headers=KEY, json=body)
        assert (answer.status_code, answer.json()["error"]) == (409, "IDEMPOTENCY_CONFLICT")
    assert signed_in.get(f"/tasks/{other}").json()["status"] == "UPLOADING"


def test_a_key_is_one_users_own(signed_in, make_task, make_user, sign_in):
    signed_in.post(f"/tasks/{make_task()}/process", headers=KEY)
    signed_in.headers.update(sign_in(make_user("eve@example.com")))
    assert signed_in.post(f"/tasks/{make_task()}/process", headers=KEY).status_code == 202


def test_a_refused_request_may_come_again_with_its_key(signed_in, make_task):
    task_id = make_task(sent=False)
    assert signed_in.post(f"/tasks/{task_id}/process", headers=KEY).status_code == 400
    wanted = {"files": {"primary": {"filename": "a.csv"}}}
    link = signed_in.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
    signed_in.put(link["url"], headers=link["headers"], content=CSV)
    assert signed_in.post(f"/tasks/{task_id}/process", headers=KEY).status_code == 202


def test_after_a_day_a_key_is_free_again(signed_in, make_task, user):
    signed_in.post(f"/tasks/{make_task()}/process", headers=KEY)
    with transaction() as session:
        session.get(IdempotencyKey, (user.id, "order-1")).created_at = datetime.now(UTC) - timedelta(hours=25)
    assert signed_in.post(f"/tasks/{make_task()}/process", headers=KEY).status_code == 202


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "é"])
def test_keys_that_are_refused(signed_in, make_task, key):
    answer = signed_in.post(f"/tasks/{make_task()}/process", headers={"Idempotency-Key": key.encode()})
    assert answer.status_code == 422


def analyze(client, content=CSV, **headers):
    return client.post("/analyze", data=TOOL, files={"primary": ("a.csv", content)}, headers=headers)


def test_one_call_sent_twice_makes_one_task(signed_in):
    first, again = analyze(signed_in, **KEY), analyze(signed_in, **KEY)
    assert first.json() == again.json()
    assert len(signed_in.get("/tasks").json()["items"]) == 1
    assert analyze(signed_in, CSV + b"Alan,Wilmslow\n", **KEY).json()["error"] == "IDEMPOTENCY_CONFLICT"


def test_one_call_sent_six_times_at_once_makes_one_task(signed_in):
    with ThreadPoolExecutor(6) as pool:
        answers = [each.json() for each in pool.map(lambda _: analyze(signed_in, **KEY), range(6))]
    assert answers == [answers[0]] * 6
    (task,) = signed_in.get("/tasks").json()["items"]
    assert held(signed_in) == task["credits_quoted"]


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setenv("SYNC_WAIT_SECONDS", "0.3")


def test_sync_answers_with_the_finished_task(signed_in, make_task, finish_task, user):
    task_id = make_task()

    def work():
        while signed_in.get(f"/tasks/{task_id}").json()["status"] != "QUEUED":
            time.sleep(0.05)
        finish_task(task_id, user.id)

    worker = threading.Thread(target=work)
    worker.start()
    answer = signed_in.post(f"/tasks/{task_id}/process", json={"execution_mode": "sync"})
    worker.join()
    assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETED")
    assert answer.json()["links"]["downloads"]


def test_sync_waits_no_longer_than_it_may(impatient, signed_in, make_task):
    answer = signed_in.post(f"/tasks/{make_task()}/process", json={"execution_mode": "sync"})
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")
    answer = signed_in.post("/analyze", data=TOOL | {"execution_mode": "sync"}, files=FILE)
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")


def test_many_waiting_requests_hold_no_thread(monkeypatch, signed_in, make_task):
    monkeypatch.setenv("SYNC_WAIT_SECONDS", "2")
    get_settings.cache_clear()
    tasks = [make_task() for _ in range(50)]
    with ThreadPoolExecutor(50) as pool:
        mode = {"execution_mode": "sync"}
        waiting = [pool.submit(signed_in.post, f"/tasks/{task}/process", json=mode) for task in tasks]
        time.sleep(1)
        started = time.monotonic()
        assert signed_in.get("/tasks").status_code == 200
        assert time.monotonic() - started < 1
        assert {each.result().status_code for each in waiting} == {202}


def test_waiting_can_be_the_default(impatient, monkeypatch, signed_in, make_task):
    monkeypatch.setenv("ENABLE_ASYNC_TASK_EXECUTION", "false")
    monkeypatch.setenv("SYNC_WAIT_SECONDS", "0.5")
    get_settings.cache_clear()
    started = time.monotonic()
    signed_in.post(f"/tasks/{make_task()}/process")
    assert time.monotonic() - started > 0.5
    signed_in.post(f"/tasks/{make_task()}/process", json={"execution_mode": "async"})
    assert time.monotonic() - started < 1.5


def fail(signed_in, make_task, change_task, user):
    """A task that failed as a worker leaves it, its hold released."""
    task_id = make_task(queued=True)
    change_task(task_id, "task_failed", status="FAILED", error_code="AGENT_ERROR", attempt=2, retry_count=1, fence=2)
    with transaction() as session:
        ledger.release(session, user.id, task_id, 1)
    return task_id


def test_a_failed_task_is_run_again(signed_in, make_task, change_task, user):
    task_id = fail(signed_in, make_task, change_task, user)
    before = signed_in.get(f"/tasks/{task_id}").json()
    answer = signed_in.post(f"/tasks/{task_id}/retry")
    after = signed_in.get(f"/tasks/{task_id}").json()
    assert answer.status_code == 202
    assert (after["status"], after["run_no"], after["attempt"], after["retry_count"]) == ("QUEUED", 2, 0, 0)
    assert after["error_code"] is None
    assert answer.json()["celery_task_id"] == after["celery_task_id"] != before["celery_task_id"]
    assert held(signed_in) == after["credits_held"] == after["credits_quoted"]


@pytest.mark.parametrize("status", ["UPLOADING", "QUEUED", "PROCESSING", "COMPLETED", "CANCELLED", "EXPIRED"])
def test_only_a_failed_task_is_run_again(signed_in, make_task, change_task, status):
    task_id = make_task()
    change_task(task_id, status=status)
    answer = signed_in.post(f"/tasks/{task_id}/retry")
    assert (answer.status_code, answer.json()["error"]) == (409, "TASK_NOT_RETRYABLE")


def test_without_its_input_nothing_is_run_again(signed_in, make_task, change_task, storage, user):
    task_id = fail(signed_in, make_task, change_task, user)
    storage.delete(f"users/{user.id}/tasks/{task_id}/inputs")
    answer = signed_in.post(f"/tasks/{task_id}/retry")
    assert (answer.status_code, answer.json()["error"]) == (410, "INPUT_GONE")
    assert (signed_in.get(f"/tasks/{task_id}").json()["status"], held(signed_in)) == ("FAILED", 0)

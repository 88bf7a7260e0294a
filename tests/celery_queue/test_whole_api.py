"""One customer's and one operator's day, over HTTP, on a real broker, database, bucket, web process and worker."""

import httpx
import pytest

from db import users
from db.database import transaction
from tests.celery_queue.service import until

pytestmark = pytest.mark.service
PASSWORD = "only for tests"
PART = 5 << 20
TABLE = b"name,age\n" + b"".join(b"Person %d,%d\n" % (number, number % 90) for number in range(450_000))
CHEAP = {"tool_id": "clean-my-data", "agents": ["type-fixer"]}


@pytest.fixture
def web(service):
    service.environment |= {"MULTIPART_ABOVE_MB": "1", "UPLOAD_PART_MB": "5", "SYNC_WAIT_SECONDS": "90"}
    url = service.api()
    service.worker("--pool=threads", "--concurrency=2")
    with httpx.Client(base_url=url, timeout=120) as client:
        until(lambda: is_up(client))
        yield client


def is_up(client):
    try:
        return client.get("/health/ready").is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def operator(web):
    headers = register(web, "root@example.org")
    with transaction() as session:
        users.by_email(session, "root@example.org").is_admin = True
    return headers


@pytest.fixture
def customer(web, operator):
    """Signs in by an API key, with credits that the operator granted twice under one key."""
    headers = register(web, "ann@example.org")
    grant = {"email": "ann@example.org", "credits": 1000}
    for _ in range(2):
        web.post("/billing/admin/grant", json=grant, headers=operator | {"Idempotency-Key": "g"}).raise_for_status()
    key = web.post("/auth/api-keys", json={"name": "test"}, headers=headers).json()["key"]
    return {"Authorization": f"Bearer {key}"}


def register(web, email):
    opened = web.post("/auth/register", json={"email": email, "password": PASSWORD}).raise_for_status().json()
    return {"Authorization": f"Bearer {opened['access_token']}"}


def send_in_parts(web, headers, table):
    task_id = web.post("/tasks", json=CHEAP, headers=headers).json()["task_id"]
    wanted = {"files": {"primary": {"filename": "people.csv", "size_bytes": len(table)}}}
    upload = web.post(f"/tasks/{task_id}/upload-urls", json=wanted, headers=headers).json()["uploads"]["primary"]
    for part in upload["parts"]:
        start = (part["number"] - 1) * PART
        httpx.put(part["url"], content=table[start : start + part["size_bytes"]]).raise_for_status()
    web.post(f"/tasks/{task_id}/upload-complete", headers=headers).raise_for_status()
    return task_id


def test_a_day_of_a_customer_and_an_operator(web, customer, operator):
    task_id = send_in_parts(web, customer, TABLE)
    seen = web.get(f"/tasks/{task_id}/preview", headers=customer).json()
    assert (seen["rows"][0], seen["columns"][1]) == (["Person 0", "0"], {"name": "age", "type": "integer"})

    once = customer | {"Idempotency-Key": "p"}
    answers = [web.post(f"/tasks/{task_id}/process", json={"execution_mode": "sync"}, headers=once) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    done = answers[0].json()
    assert (done["status"], answers[1].json()["attempt"]) == ("COMPLETED", 1)
    wallet = web.get("/billing/wallet", headers=customer).json()
    assert wallet == {"balance": 1000 - done["credits_charged"], "held": 0, "available": 1000 - done["credits_charged"]}

    path = f"/admin/celery-tasks/{done['celery_task_id']}"
    until(lambda: web.get(path, headers=operator).json()["celery_state"] == "SUCCESS")
    assert len(web.get("/admin/workers", headers=operator).json()["celery"]) == 1
    assert 'agensium_tasks{status="COMPLETED"} 1.0' in web.get("/metrics").text

    assert web.delete(f"/tasks/{task_id}", headers=customer).status_code == 204
    assert web.get(f"/tasks/{task_id}/downloads", headers=customer).status_code == 404


def test_what_failed_is_run_again_for_nothing(web, customer):
    junk = {"primary": ("people.csv", bytes(range(256)) * 40)}
    fields = {"tool_id": CHEAP["tool_id"], "execution_mode": "sync"}
    failed = web.post("/analyze", data=fields, files=junk, headers=customer).json()
    assert failed["status"] == "FAILED", failed
    here = f"/tasks/{failed['task_id']}"
    assert web.post(f"{here}/retry", headers=customer).status_code == 202
    until(lambda: web.get(here, headers=customer).json()["status"] == "FAILED")
    again = web.get(here, headers=customer).json()
    assert (again["run_no"], again["attempt"], again["credits_charged"], again["credits_held"]) == (2, 1, 0, 0)
    assert web.get("/billing/wallet", headers=customer).json()["available"] == 1000

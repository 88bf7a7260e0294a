"""The Procfile's own commands, run as an operator runs them, serving two users over HTTP."""

import os
import re
import shlex
from pathlib import Path

import httpx
import pytest

from billing import ledger
from db import users
from db.database import transaction
from tests.celery_queue.conftest import broker, service, settings  # noqa: F401 - fixtures
from tests.celery_queue.service import ROOT, Service, until
from tests.services import free_port

pytestmark = pytest.mark.service
TASKS = 6
PASSWORD = "only for tests"


@pytest.fixture
def commands() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def start(service: Service, command: str, folder: Path, name: str) -> None:  # noqa: F811
    """One command of the Procfile, its programs taken from this environment."""
    program, *arguments = shlex.split(command)
    assert program in {"python", "uvicorn", "celery"}
    python = ["-m", program] if program != "python" else []
    service.start(folder / f"{name}.log", *python, *arguments)


class Customer:
    """A user with credits, over HTTP."""

    def __init__(self, url: str, email: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30)
        opened = self.http.post("/auth/register", json={"email": email, "password": PASSWORD}).raise_for_status().json()
        self.http.headers["Authorization"] = f"Bearer {opened['access_token']}"
        with transaction() as session:
            ledger.grant(session, users.by_email(session, email).id, 100_000, "test")

    def __enter__(self) -> "Customer":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def order(self, table: bytes) -> str:
        answer = self.http.post(
            "/analyze", data={"tool_id": "clean-my-data"}, files={"primary": ("people.csv", table, "text/csv")}
        )
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def status(self, task_id: str) -> str:
        return str(self.http.get(f"/tasks/{task_id}").json()["status"])


def test_api_two_workers_and_flower_serve_two_users(service, commands, tmp_path):  # noqa: F811
    port, flower_port = free_port(), free_port()
    start(service, commands["release"], tmp_path, "release")
    start(service, commands["web"].replace("0.0.0.0", "127.0.0.1").replace("${PORT:-8000}", str(port)), tmp_path, "web")
    for name in ("one", "two"):
        start(service, commands["worker"] + f" -n {name}@test --concurrency=1", tmp_path, name)
    start(
        service, re.sub(r"--port=\d+", f"--port={flower_port} --address=127.0.0.1", commands["flower"]), tmp_path, "f"
    )
    url, flower = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{flower_port}"
    until(lambda: answers(f"{url}/health/ready") and answers(f"{flower}/healthcheck"), 120)

    with Customer(url, "ann@example.org") as ann, Customer(url, "bob@example.org") as bob:
        serve_both(ann, bob, flower)


def serve_both(ann: "Customer", bob: "Customer", flower: str) -> None:
    count = int(os.environ.get("PROCFILE_TASKS", TASKS))
    ordered = [(who, who.order(b"name,age\nAda,7\nAda,7\n Bo,N/A\n")) for _ in range(count // 2) for who in (ann, bob)]
    until(lambda: all(who.status(task_id) == "COMPLETED" for who, task_id in ordered), 120)

    theirs = ordered[1][1]
    assert ann.http.get(f"/tasks/{theirs}").status_code == 404
    assert ann.http.get(f"/tasks/{theirs}/report").status_code == 404
    answer = bob.http.get(f"/tasks/{theirs}/downloads")
    assert answer.is_success, answer.text
    files = {each["filename"]: each["url"] for each in answer.json()["files"]}
    assert httpx.get(files["cleaned.csv"]).text == "name,age\nAda,7\nBo,\n"
    celery_ids = {who.http.get(f"/tasks/{task_id}").json()["celery_task_id"] for who, task_id in ordered}
    until(lambda: all(answers(f"{flower}/task/{each}") for each in celery_ids), 20)


def answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def test_every_command_is_one_of_the_service(commands):
    assert set(commands) == {"release", "web", "worker", "beat", "flower"}

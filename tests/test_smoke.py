"""The Procfile's commands on a Redis behind TLS, PostgreSQL and S3, judged by `make smoke`'s own command."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from billing import ledger
from celery_queue import inspection
from db import users
from db.database import transaction
from settings import get_settings
from tests.celery_queue.conftest import service, settings  # noqa: F401 - fixtures
from tests.celery_queue.service import ROOT, Service, until
from tests.services import S3Server, free_port, running
from tests.test_procfile import PASSWORD, answers, commands, start  # noqa: F401 - fixtures
from tests.tls import Authority, TlsDoor

pytestmark = pytest.mark.service
EMAIL = "smoke@example.org"


@pytest.fixture
def broker(redis_factory, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A hosted Redis: one bare address with a password, its certificate from a private authority."""
    server, authority = redis_factory(), Authority(tmp_path, "ours")
    plain_port = int(server.url.rpartition(":")[2].partition("/")[0])
    with server.client() as client:
        client.config_set("requirepass", "only-for-tests")
    server.url = server.url.replace("//", "//:only-for-tests@")
    with running(TlsDoor(plain_port, authority.certificate_for("127.0.0.1"))) as door:
        url = f"rediss://:only-for-tests@127.0.0.1:{door.port}"
        yield {"REDIS_URL": url, "REDIS_CA_FILE": str(authority.certificates)}


@pytest.fixture
def s3_server(rclone_s3: S3Server) -> S3Server:
    """The one that checks signatures."""
    return rclone_s3


def smoke(url: str, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "main.py", "smoke", "--url", url, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


def test_the_service_of_the_procfile_passes(service: Service, commands: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    port, flower_port = free_port(), free_port()
    url, flower = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{flower_port}"
    start(service, commands["release"], tmp_path, "release")
    start(service, commands["web"].replace("0.0.0.0", "127.0.0.1").replace("${PORT:-8000}", str(port)), tmp_path, "web")
    start(service, commands["worker"].replace("=4", "=1"), tmp_path, "worker")
    start(service, commands["beat"] + f" --schedule={tmp_path / 'schedule'}", tmp_path, "beat")
    start(service, commands["flower"].replace("=5555", f"={flower_port} --address=127.0.0.1"), tmp_path, "flower")
    until(lambda: answers(f"{url}/health/ready") and answers(f"{flower}/healthcheck"), 90)
    account = {"email": EMAIL, "password": PASSWORD}
    token = httpx.post(f"{url}/auth/register", json=account).raise_for_status().json()["access_token"]

    refused = smoke(url, "--email", EMAIL, "--password", PASSWORD)
    assert (refused.returncode, "INSUFFICIENT_CREDITS" in refused.stdout) == (1, True), refused
    with transaction() as session:
        ledger.grant(session, users.by_email(session, EMAIL).id, 100_000, "test")
    key = httpx.post(f"{url}/auth/api-keys", json={"name": "smoke"}, headers={"Authorization": f"Bearer {token}"})
    passed = smoke(url, "--api-key", key.raise_for_status().json()["key"])
    assert passed.returncode == 0, passed
    assert passed.stdout.count("files whole") == 3

    mine = httpx.get(f"{url}/tasks", headers={"Authorization": f"Bearer {token}"}).json()["items"]
    celery_id = next(each["celery_task_id"] for each in mine if each["status"] == "COMPLETED")
    assert inspection.celery_state(get_settings(), celery_id) == "SUCCESS"
    until(lambda: "SUCCESS" in httpx.get(f"{flower}/task/{celery_id}").text, 60)
    assert "analysis" in httpx.get(f"{flower}/broker").text


def test_where_nobody_listens_it_says_so() -> None:
    refused = smoke(f"http://127.0.0.1:{free_port()}", "--api-key", "none")
    assert (refused.returncode, "ConnectError" in refused.stdout) == (1, True)

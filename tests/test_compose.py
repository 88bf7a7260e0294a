"""compose.yaml and Dockerfile, read as Docker reads them; every command is started as it is written."""

import re
import shlex
import shutil
import sysconfig
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from tests.celery_queue.conftest import broker, service, settings  # noqa: F401 - fixtures
from tests.celery_queue.service import ROOT, Service, until
from tests.services import S3Server, free_port, running
from tests.test_procfile import answers, start

Duration = Annotated[str, Field(pattern=r"^(\d+(h|m|s|ms))+$")]
Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]
Value = str | int | bool | None


class Closed(BaseModel):
    """The part of the Compose specification's schema that this file uses; it is closed as that one is."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Dependency(Closed):
    condition: Condition


class HealthCheck(Closed):
    test: str | list[str]
    interval: Duration
    timeout: Duration
    retries: int
    start_period: Duration | None = None


class ServiceOfCompose(Closed):
    image: str
    build: str | None = None
    command: str | list[str] | None = None
    environment: dict[str, Value] = {}
    restart: Literal["no", "always", "on-failure", "unless-stopped"]
    stop_grace_period: Duration | None = None
    ports: list[Annotated[str, Field(pattern=r"^([\d.]+:)?\d+:\d+$")]] = []
    volumes: list[Annotated[str, Field(pattern=r"^[a-z]+:/")]] = []
    depends_on: dict[str, Dependency] = {}
    healthcheck: HealthCheck | None = None


class Compose(Closed):
    services: dict[str, ServiceOfCompose]
    volumes: dict[str, None]


OURS = {"api": "web", "worker": "worker", "beat": "beat", "flower": "flower", "release": "release"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8")))


def test_it_has_the_shape_of_a_compose_file(compose: dict[str, Any]) -> None:
    Compose.model_validate({name: value for name, value in compose.items() if not name.startswith("x-")})


def test_what_it_refers_to_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, each in services.items():
        for other, how in each.get("depends_on", {}).items():
            assert other in services, name
            assert how["condition"] != "service_healthy" or "healthcheck" in services[other]
        assert {volume.partition(":")[0] for volume in each.get("volumes", ())} <= compose["volumes"].keys()
    assert {"api", "worker", "beat", "flower", "redis", "postgres", "s3"} <= services.keys()


def test_ours_run_the_commands_of_the_procfile(compose: dict[str, Any]) -> None:
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    for name, line in OURS.items():
        expected = procfile[line].replace("${PORT:-8000}", "8000")
        assert compose["services"][name]["command"].startswith(expected)


def test_the_environment_names_settings_and_holds_no_secret(compose: dict[str, Any]) -> None:
    from settings import Settings

    environment = compose["services"]["api"]["environment"]
    assert {name.lower() for name in environment} <= Settings.model_fields.keys()
    assert all(str(environment[name]).startswith("${") for name in environment if "SECRET" in name)


def test_the_image_is_slim_and_runs_as_nobody_special() -> None:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    instructions = [line.split()[0] for line in lines]
    assert re.fullmatch(r"FROM python:3\.1[1-4]-slim", lines[0])
    assert "USER agensium" in lines[instructions.index("CMD") - 2 :]
    copied = instructions.index("COPY")
    assert lines[copied].startswith("COPY requirements.txt")
    assert {".env", ".git", ".venv", "var"} <= set((ROOT / ".dockerignore").read_text().splitlines())


@pytest.mark.service
def test_every_command_of_ours_starts(service: Service, compose: dict[str, Any], tmp_path: Path) -> None:  # noqa: F811
    commands = {name: compose["services"][name]["command"] for name in OURS}
    port, flower_port = free_port(), free_port()
    logs = tmp_path / "logs"
    service.environment |= {"LOG_DIR": str(logs), "BEAT_HEALTH_SECONDS": "1"}
    start(service, commands["release"], tmp_path, "release")
    api = commands["api"].replace("0.0.0.0", "127.0.0.1").replace("8000", str(port))
    start(service, api, tmp_path, "api")
    start(service, commands["worker"].replace("--concurrency=4", "--concurrency=1"), tmp_path, "worker")
    start(service, commands["beat"].replace("/tmp/", f"{tmp_path}/"), tmp_path, "beat")
    start(service, commands["flower"].replace("5555", f"{flower_port} --address=127.0.0.1"), tmp_path, "flower")
    until(lambda: answers(f"http://127.0.0.1:{port}/health/ready"), 60)
    until(lambda: answers(f"http://127.0.0.1:{flower_port}/healthcheck"), 60)
    until(lambda: "worker_ready" in (tmp_path / "worker.log").read_text(), 60)
    until(lambda: "health-check" in (tmp_path / "beat.log").read_text(), 60)
    assert '"worker_ready"' in (logs / "worker.log").read_text()
    assert "health-check" in (logs / "beat.log").read_text()


@pytest.mark.service
def test_redis_keeps_what_it_was_given_and_evicts_nothing(compose: dict[str, Any], redis_factory: Any) -> None:
    program, *options = shlex.split(compose["services"]["redis"]["command"])
    assert program == "redis-server"
    server = redis_factory(*options)
    with server.client() as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        client.set("queued", "task")
    server.restart()
    with server.client() as client:
        assert client.get("queued") == b"task"


@pytest.mark.service
def test_the_bucket_is_the_folder_of_the_volume(compose: dict[str, Any], tmp_path: Path) -> None:
    program = shutil.which("rclone") or shutil.which("rclone", path=sysconfig.get_path("scripts"))
    if program is None:
        pytest.skip("there is no rclone")
    address = f"127.0.0.1:{free_port()}"
    command = re.sub(r"\$\{[^}]*\}", "only-for-tests", compose["services"]["s3"]["command"])
    command = command.replace("/buckets", str(tmp_path)).replace(":9000", address)
    (tmp_path / "agensium").mkdir()
    server = S3Server(f"http://{address}", "agensium", "only-for-tests", [program, *shlex.split(command)])
    with running(server):
        server.client().put_object(Bucket="agensium", Key="users/1/t.csv", Body=b"a\n1\n")
    assert (tmp_path / "agensium" / "users" / "1" / "t.csv").read_bytes() == b"a\n1\n"

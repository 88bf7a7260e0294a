"""What users send by mistake, through the command line and through the API, to one embedded service."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from storage import LocalStorage
from tests.bad_inputs import CASES, MAX_INPUT_MB, PROFILE, Case, parameters_text
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[1]
MOST_MB = 450
LARGE_MB = 100
LOCAL = [case for case in CASES if case.http in {400, 422}]
"""What is wrong with the order itself: the command line says so before anything runs, with status 2."""


@dataclass
class Embedded:
    """A running `python main.py serve`, its token, and the most memory that a child of it has held."""

    url: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    peak_mb: float = 0
    http: httpx.Client = field(default_factory=httpx.Client)

    def begin(self) -> None:
        deadline = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        token = (Path(self.environment["DATA_DIR"]) / "admin-token").read_text()
        self.http = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        threading.Thread(target=self._watch_memory, daemon=True).start()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready").is_success
        except httpx.TransportError:
            return False

    def _watch_memory(self) -> None:
        while self.process.poll() is None:
            try:
                for child in psutil.Process(self.process.pid).children(recursive=True):
                    self.peak_mb = max(self.peak_mb, child.memory_info().rss / (1 << 20))
            except psutil.Error:
                pass
            time.sleep(0.05)

    def api_mb(self) -> float:
        """The memory that the API holds now, in MB."""
        return float(psutil.Process(self.process.pid).memory_info().rss / (1 << 20))

    def wallet(self) -> dict[str, Any]:
        return dict(self.http.get("/billing/wallet").raise_for_status().json())

    def order(self, case: Case) -> httpx.Response:
        data = {"tool_id": case.tool, "parameters": parameters_text(case), "agents": case.agents or ""}
        return self.http.post("/analyze", data=data, files={"primary": (case.filename, case.content())})

    def ended(self, task_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 180
        while True:
            task = self.http.get(f"/tasks/{task_id}").raise_for_status().json()
            if task["status"] in {"COMPLETED", "FAILED"}:
                return dict(task)
            assert time.monotonic() < deadline, f"the task hangs: {task}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder, port = tmp_path_factory.mktemp("embedded"), free_port()
    environment = os.environ | {
        "DATA_DIR": str(folder / "data"),
        "MAX_INPUT_MB": str(MAX_INPUT_MB),
        "SWEEP_SECONDS": "0.2",
        "PYTHONUTF8": "1",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "main.py", "serve", "--port", str(port)],
            cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
    service = Embedded(f"http://127.0.0.1:{port}", environment, process)
    try:
        service.begin()
        yield service
    finally:
        service.http.close()
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def command_line(service: Embedded) -> Iterator["subprocess.Popen[str]"]:
    """One process for all cases: what costs two seconds is its start."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.loop"],
        cwd=ROOT, env=service.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
    ) as process:  # fmt: skip
        yield process


def run(command_line: "subprocess.Popen[str]", case: Case, folder: Path) -> dict[str, Any]:
    file, parameters = case.write(folder), folder / "parameters.json"
    parameters.write_text(parameters_text(case), encoding="utf-8")
    arguments = ["run", str(file), "--tool", case.tool, "--out", str(folder / "out"), "--parameters", str(parameters)]
    arguments += ["--agents", case.agents] if case.agents else []
    assert command_line.stdin is not None
    assert command_line.stdout is not None
    command_line.stdin.write(json.dumps(arguments) + "\n")
    command_line.stdin.flush()
    hanging = threading.Timer(180, command_line.kill)
    hanging.start()
    try:
        return dict(json.loads(command_line.stdout.readline()))
    finally:
        hanging.cancel()


def named(cases: list[Case]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.name)


@named([case for case in CASES if case.http != 202])
def test_the_api_refuses_what_it_can_see(service: Embedded, case: Case) -> None:
    before = service.wallet()
    answer = service.order(case)
    assert (answer.status_code, answer.json()["error"]) == (case.http, case.code)
    assert case.says in answer.json()["detail"]
    assert service.wallet() == before


@named([case for case in CASES if case.http == 202 and case.code])
def test_the_row_says_why_a_file_was_refused(service: Embedded, case: Case) -> None:
    before = service.wallet()
    answer = service.order(case)
    assert answer.status_code == 202, answer.text
    task = service.ended(answer.json()["task_id"])
    assert (task["error_code"], task["attempt"]) == (case.code, 1), task
    assert case.says in task["error_message"]
    assert "Traceback" not in service.http.get(f"/tasks/{task['task_id']}/timeline").text
    assert service.wallet() == before
    assert 0 < service.peak_mb < MOST_MB


@named([case for case in CASES if not case.code])
def test_an_odd_file_is_read_after_all(service: Embedded, case: Case) -> None:
    answer = service.order(case)
    task = service.ended(answer.json()["task_id"])
    assert task["status"] == "COMPLETED", task
    assert case.shows in service.http.get(f"/tasks/{task['task_id']}/report").text
    assert 0 < service.peak_mb < MOST_MB


@named(CASES)
def test_the_command_line_says_the_same(
    service: Embedded, command_line: "subprocess.Popen[str]", case: Case, tmp_path: Path
) -> None:
    before = service.wallet()
    ended = run(command_line, case, tmp_path)
    assert ended["status"] == (2 if case in LOCAL else 1 if case.code else 0), ended
    assert "Traceback" not in ended["stdout"] + ended["stderr"]
    if case.code:
        assert ended["stderr"].startswith(f"{case.code}: ")
        assert case.says in ended["stderr"]
        assert service.wallet() == before


def test_links_lead_to_the_port_that_was_asked_for(service: Embedded) -> None:
    task_id = service.http.post("/tasks", json={"tool_id": PROFILE}).raise_for_status().json()["task_id"]
    wanted = {"files": {"primary": {"filename": "table.csv"}}}
    link = service.http.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
    httpx.put(link["url"], headers=link["headers"], content=b"a\n1\n").raise_for_status()
    assert service.http.post(f"/tasks/{task_id}/process").status_code == 202
    assert service.ended(task_id)["status"] == "COMPLETED"
    report = service.http.get(f"/tasks/{task_id}/downloads").json()["files"][0]
    assert len(httpx.get(report["url"]).raise_for_status().content) == report["size_bytes"]


def test_the_api_holds_no_file_in_memory(service: Embedded) -> None:
    task_id = service.http.post("/tasks", json={"tool_id": PROFILE}).raise_for_status().json()["task_id"]
    wanted = {"files": {"primary": {"filename": "large.csv"}}}
    link = service.http.post(f"/tasks/{task_id}/upload-urls", json=wanted).json()["uploads"]["primary"]
    before, api_mb = service.api_mb(), [0.0]

    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE_MB):
            api_mb.append(service.api_mb())
            yield bytes(1 << 20)

    httpx.put(link["url"], headers=link["headers"], content=pieces(), timeout=60).raise_for_status()
    data = Path(service.environment["DATA_DIR"])
    storage = LocalStorage(data / "files", (data / "secret.key").read_text(), service.url)
    with httpx.stream("GET", storage.download_link(link["key"], "large.csv", 60)) as answer:
        for received in answer.iter_bytes(1 << 20):
            api_mb.append(service.api_mb())
            assert received
        assert answer.num_bytes_downloaded == LARGE_MB << 20
    assert max(api_mb) - before < LARGE_MB / 3


def test_no_file_left_the_folder_of_its_task(service: Embedded) -> None:
    data = Path(service.environment["DATA_DIR"])
    assert not list((data / "work").iterdir())
    assert not [path for path in data.rglob("passwd") if "inputs" not in path.parts]

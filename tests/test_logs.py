"""What is told of a task, from the request to its end, under one request id."""

import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import logs
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[1]
BEFORE = ["task_requested", "task_created", "task_queued", "task_started", "inputs_fetched"]
OURS = re.compile(r"(?!task_published)[a-z_]+")
"""Celery's own lines are sentences; the message may be taken before its sender has said that it was sent."""
AGENTS = ["agent_started", "agent_finished"] * 2
SECRET = "ada.lovelace@example.org"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def http(tmp_path: Path, folder: Path) -> Iterator[httpx.Client]:
    """A client of a service of its own, which logs to `folder`."""
    environment = os.environ | {"DATA_DIR": str(tmp_path / "data"), "LOG_DIR": str(folder), "SWEEP_SECONDS": "0.3"}
    port = free_port()
    with (tmp_path / "output").open("wb") as output:
        command = [sys.executable, "main.py", "serve", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until(lambda: answers(client))
            client.headers["Authorization"] = f"Bearer {(tmp_path / 'data' / 'admin-token').read_text()}"
            yield client
    finally:
        process.terminate()
        process.wait(30)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def run(http: httpx.Client, request_id: str, content: bytes) -> str:
    data = {"tool_id": "clean-my-data", "agents": "type-fixer"}
    answer = http.post(
        "/analyze", data=data, files={"primary": ("t.csv", content)}, headers={"X-Request-ID": request_id}
    )
    task_id = str(answer.raise_for_status().json()["task_id"])
    wait_until(lambda: http.get(f"/tasks/{task_id}").json()["status"] in {"COMPLETED", "FAILED"})
    return task_id


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_good_and_a_failing_task_tell_their_story_under_one_id(http: httpx.Client, folder: Path) -> None:
    output = folder.with_name("output")
    run(http, "good-1", f"name,email\nAda,{SECRET}\n".encode())
    failed = run(http, "bad-1", b"")
    wait_until(lambda: "task_failed" in (folder / "api.log").read_text())
    told = lines(folder / "api.log")
    story = {id: [line for line in told if line.get("request_id") == id] for id in ("good-1", "bad-1")}
    events = {id: [name for each in story[id] if OURS.fullmatch(name := each["event"])] for id in story}
    assert events["good-1"] == [*BEFORE, *AGENTS, "report_written", "task_completed", "message_done"]
    assert events["bad-1"] == [*BEFORE, "attempt_ended", "task_failed"]
    later = (line for each in story.values() for line in each if line["event"] not in BEFORE[:3])
    for line in (each for each in later if OURS.fullmatch(each["event"])):
        expected = {"task_id", "celery_task_id", "user_id", "attempt"} if line["event"] != "message_done" else set()
        assert expected <= line.keys(), line
    assert any(line["event"] == "task_published" for line in story["good-1"])
    assert SECRET not in (folder / "api.log").read_text(encoding="utf-8")
    http.get(f"/tasks/{failed}/events?token=secret-ticket", headers={"X-Request-ID": "watched"})
    wait_until(lambda: "request_id=watched" in output.read_text())
    assert "secret-ticket" not in output.read_text()
    assert {line["task_id"] for line in lines(folder / f"task-{failed}.log")} == {failed}
    (error,) = lines(folder / "errors" / "api.log")
    assert (error["event"], error["code"], error["request_id"]) == ("task_failed", "UNREADABLE_FILE", "bad-1")
    assert "unpack.py" in error["trace"]


@pytest.fixture
def shared(folder: Path) -> logs.SharedFile:
    handler = logs.SharedFile(folder, lambda _: "api.log")
    handler.setFormatter(logging.Formatter("%(message)s"))
    return handler


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("tests", logging.INFO, "", 0, message, (), None)


def test_files_are_rotated_and_no_line_is_lost(shared, folder, monkeypatch) -> None:
    monkeypatch.setattr(logs, "_LARGEST_BYTES", 2_000)
    threads = [
        threading.Thread(target=lambda part=part: [shared.emit(record(f"{part} {n} {'x' * 20}")) for n in range(50)])
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    files = list(folder.glob("api.log*"))
    written = [line for path in files for line in path.read_text().splitlines()]
    assert len(files) > 2
    assert len(set(written)) == 200


def test_of_an_error_only_places_and_types_are_told() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "/app/agents/read.py", line 7, in read\n    int(cell)\n'
        f"ValueError: invalid literal: '{SECRET}'\n\nThe above exception was the direct cause\n\n"
        '  File "/app/main.py", line 9, in <module>\nerrors.UnreadableFile: ' + SECRET
    )
    assert logs.without_values(trace) == "read.py:7 read < ValueError < main.py:9 <module> < errors.UnreadableFile"


def test_long_values_are_cut() -> None:
    event = logs._cut(None, "", {"event": "seen", "value": "x" * 500})
    assert len(event["value"]) == 201


def test_a_child_that_crashes_names_its_request_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    from celery_queue import child

    try:
        child._log_about({"request_id": "bad-2", "task_id": "t"})
        raise ValueError(SECRET)
    except ValueError as error:
        child._log_crash(type(error), error, error.__traceback__)
    finally:
        logging.basicConfig(force=True, handlers=[logging.NullHandler()])
    said = capsys.readouterr().err
    assert "child_crashed error=ValueError trace=test_logs.py" in said
    assert "request_id=bad-2" in said
    assert SECRET not in said

"""`python main.py watch`: a task's story as an operator reads it."""

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.app import app
from db import tasks
from db.database import connect, transaction
from db.migrations import upgrade
from db.models import new_id
from settings import get_settings
from tests.rows import claim, make_task, make_user

ROOT = Path(__file__).resolve().parents[2]
PEOPLE = "name,age\nAda,7\n Bo,N/A\n"


@pytest.fixture
def task():
    engine = connect(get_settings())
    upgrade(engine)
    yield make_task(make_user(), request_id="r-1")
    engine.dispose()


def test_a_finished_task_is_told_from_beginning_to_end(tmp_path):
    table = tmp_path / "people.csv"
    table.write_text(PEOPLE)
    command = [sys.executable, "main.py", "run", str(table), "--tool", "clean-my-data", "--out", str(tmp_path / "out")]
    ended = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    said = CliRunner().invoke(app, ["watch", json.loads(ended.stdout)["tasks"][0]["task_id"]]).stdout
    story = re.findall(r"^\S+ \S+  ([a-z_]+) +(?:user|worker)", said, re.MULTILINE)
    assert story[:4] == ["task_created", "uploads_expected", "task_queued", "task_started"]
    assert story[-1] == "task_completed"
    assert "| inputs_fetched" in said
    assert said.rstrip().endswith("COMPLETED 100 % completed")


def test_a_running_task_is_followed_to_its_end(task):
    taken = claim(task)
    said = []
    watching = threading.Thread(target=lambda: said.append(CliRunner().invoke(app, ["watch", task.id]).stdout))
    watching.start()
    with transaction() as session:
        tasks.report_progress(session, taken, 40, {"current_agent": "type-fixer"})
    watching.join(2)
    with transaction() as session:
        tasks.fail(session, taken, "AGENT_ERROR", "it broke")
        tasks.record(session, taken, "task_failed", "worker a 1", code="AGENT_ERROR", trace="Traceback: line 7")
    watching.join(20)
    assert "PROCESSING 40 % type-fixer" in said[0]
    assert "task_failed        worker a 1 (run 1, attempt 1, fence 1, request r-1)" in said[0]
    assert "Traceback" not in said[0]
    assert "Traceback: line 7" in CliRunner().invoke(app, ["watch", task.id, "--trace"]).stdout


def test_an_unknown_task_is_said(task):
    asked = CliRunner().invoke(app, ["watch", new_id()])
    assert (asked.exit_code, "TASK_NOT_FOUND" in asked.stdout) == (1, True)

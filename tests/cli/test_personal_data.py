"""Nothing that is kept about a run quotes personal data: not a log line, not an event, not a row of the database."""

import re
from pathlib import Path

import pytest

from tests.planted import as_csv, leaked, people

PEOPLE = people(60)
TOOLS = "profile-my-data,clean-my-data,master-my-data"


@pytest.mark.parametrize("contents", ["table", "rubbish"])
def test_logs_and_rows_of_every_tool_hold_no_cell(main, tmp_path: Path, contents: str) -> None:
    table = as_csv(PEOPLE)
    file = tmp_path / "table.csv"
    # What can't be read fails, and a failure tells more than a success.
    file.write_text(table if contents == "table" else table.replace("\n", "\x00\n").replace('",', ""), encoding="utf-8")
    ended = main("run", file, "--tool", TOOLS, "--out", tmp_path / "out")
    kept = tmp_path / "data"
    logs = "".join(path.read_text(encoding="utf-8") for path in (kept / "logs").rglob("*.log*"))
    rows = b"".join(path.read_bytes() for path in kept.glob("*.db*")).decode("utf-8", errors="replace")
    assert "task_created" in logs
    assert "profile-my-data" in rows
    assert leaked(logs, PEOPLE) + leaked(rows, PEOPLE) + leaked(ended.stdout + ended.stderr, PEOPLE) == []


def test_a_profile_is_masked_and_a_cleaning_shows_its_changes(main, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(as_csv(PEOPLE), encoding="utf-8")
    reports = {}
    for tool in ("profile-my-data", "clean-my-data"):
        out = tmp_path / tool
        assert main("run", tmp_path / "people.csv", "--tool", tool, "--out", out).returncode == 0
        reports[tool] = leaked((out / "report.json").read_text(encoding="utf-8"), PEOPLE)
    assert reports["profile-my-data"] == []
    assert reports["clean-my-data"] != []


def test_copies_of_two_tasks_can_t_be_joined(main, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(as_csv(PEOPLE), encoding="utf-8")
    (tmp_path / "parameters.json").write_text('{"score-risk": {"masked_copy": true, "target_k": 3}}')
    order = ["run", tmp_path / "people.csv", "--tool", "profile-my-data", "--agents", "score-risk"]
    copies = []
    for out in (tmp_path / "one", tmp_path / "two"):
        assert main(*order, "--parameters", tmp_path / "parameters.json", "--out", out).returncode == 0
        copies.append((out / "masked.csv").read_text(encoding="utf-8"))
    mails = [set(re.findall(r"user-[0-9a-f]{12}@example[.]invalid", copy)) for copy in copies]
    assert [len(found) for found in mails] == [len({*PEOPLE["email"]})] * 2
    assert mails[0].isdisjoint(mails[1])
    assert leaked(copies[0], PEOPLE) == []

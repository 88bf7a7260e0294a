"""The command line as a whole: a command brings along what it needs, and no more."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from cli.app import _COMMANDS, app

ROOT = Path(__file__).parent.parent.parent
NOT_FOR_A_RUN = {
    "alembic",
    "boto3",
    "duckdb",
    "fastapi",
    "httpx",
    "jwt",
    "openpyxl",
    "pandas",
    "redis",
    "uvicorn",
    "xlsxwriter",
}


def test_a_run_imports_what_it_needs() -> None:
    script = (
        "import sys, cli.run, cli.client\nfrom transformers.tools import tool_of\n"
        "tool_of('profile-my-data').agents\nprint(*sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    imported = set(ended.stdout.split())
    assert "cli.client" in imported, ended.stderr
    assert NOT_FOR_A_RUN & imported == set()


def test_every_command_is_there_and_says_what_it_does() -> None:
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).stdout
    assert [name for name in _COMMANDS if f" {name} " not in shown] == []


def test_a_wrong_name_is_answered_with_the_right_one() -> None:
    ended = CliRunner().invoke(app, ["rum"])
    assert ended.exit_code == 2
    assert "'run'" in ended.stderr

"""The command line as its users run it: a process of its own, in a data folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CommandLine = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of every process that the test starts: embedded, with a quick reconciler."""
    return os.environ | {"DATA_DIR": str(tmp_path / "data"), "SWEEP_SECONDS": "0.3", "PYTHONUTF8": "1"}


@pytest.fixture
def main(environment: dict[str, str]) -> CommandLine:
    """Run `python main.py …` to its end."""

    def run(*arguments: object) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "main.py", *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False
        )

    return run

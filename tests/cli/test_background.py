"""A worker in the background: started once, ended by `stop`, which ends nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.celery_queue.service import until
from tests.cli.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.service
def test_beat_runs_until_it_is_stopped(main: CommandLine, environment: dict[str, str], redis_server, tmp_path) -> None:
    environment["BEAT_HEALTH_SECONDS"] = "1"
    environment["REDIS_URL"] = redis_server.url.rpartition("/")[0]
    schedule = f"--schedule={tmp_path / 'schedule'}"
    assert main("start", "beat", schedule).returncode == 0
    run = tmp_path / "data" / "run"
    process = psutil.Process(int((run / "beat.pid").read_text().split()[0]))
    assert "beat" in process.cmdline()
    until(lambda: "due task" in (run / "beat.log").read_text(), 60)
    told = (run / "beat.log").read_text()
    assert told.count("beat: Starting") == 1
    assert "INFO/MainProcess" not in told  # Celery's own form: every line would be there twice
    again = main("start", "beat", schedule)
    assert (again.returncode, f"process {process.pid}" in again.stdout) == (1, True)
    assert main("stop").stdout == "beat has ended.\n"
    assert not process.is_running()
    assert list(run.glob("*.pid")) == []


def test_a_process_that_has_the_number_of_one_long_ended_is_left_alone(main: CommandLine, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        file = tmp_path / "data" / "run" / "worker.pid"
        file.parent.mkdir(parents=True)
        file.write_text(f"{stranger.pid} {psutil.Process(os.getpid()).create_time() - 100}")
        assert main("stop").stdout == "worker had ended.\n"
        assert stranger.poll() is None
        stranger.communicate(b"\n")

"""Nothing needs a call that only POSIX has: what Windows lacks is taken away, and every module is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_house import PACKAGES, files

ROOT = Path(__file__).parent.parent

# Libraries look at sys.platform to know what there is, so those that do are imported first.
WITHOUT = """
import os, signal, sys
import billiard, celery.apps.beat, celery.apps.worker, celery.concurrency.thread, filelock, psutil, uvicorn
for module in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[module] = None
for name in ("fork", "forkpty", "getuid", "geteuid", "chown", "killpg", "setsid", "wait3"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGALRM", "SIGCHLD", "pthread_sigmask"):
    if hasattr(signal, name):
        delattr(signal, name)
"""


def modules() -> list[str]:
    """Every module of the program that can be imported without doing anything."""
    own = [path for path in files() if path.suffix == ".py" and (path.parts[0] in PACKAGES or len(path.parts) == 1)]
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in own]
    # Alembic runs its own: `env` and the versions have no meaning outside of it.
    return sorted(name for name in names if not name.startswith("db.migrations."))


def run_without(script: str, *, cwd: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", WITHOUT + script]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_every_module_can_be_imported() -> None:
    lines = "".join(f"importlib.import_module({name!r})\n" for name in modules())
    ended = run_without(f"import importlib\n{lines}")
    assert ended.returncode == 0, ended.stderr


def test_a_file_is_cleaned_in_embedded_mode(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,age\nAda,7\nAda,7\n")
    arguments = ["main.py", "run", str(tmp_path / "t.csv"), "--tool", "clean-my-data", "--out", str(tmp_path / "out")]
    script = f"sys.argv = {arguments!r}\nfrom cli.app import app\napp()"
    ended = run_without(script, DATA_DIR=str(tmp_path / "data"))
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "cleaned.csv").read_text() == "name,age\nAda,7\n"


@pytest.mark.parametrize("use", ["import fcntl", "import resource", "os.fork()", "signal.SIGKILL"])
def test_what_is_taken_away_is_gone(use: str) -> None:
    assert run_without(use).returncode == 1

"""A file of gigabytes through both doors: seconds, and the memory of the API and of the lean child.

`python -m benchmarks.big_file` makes the table (seeded, 20 columns), runs each tool by the command line, then sends the
file by parts to an API of its own, whose bucket is an S3 server of this machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks.tables import write_table
from tests.services import S3Server, free_port, rclone_s3

ROOT = Path(__file__).resolve().parent.parent
MB = 1 << 20
LIMIT_SECONDS = 4 * 3600


@dataclass
class Watch:
    """The memory, in MB, of a process and of the largest one below it, read ten times a second until `stop`."""

    pid: int
    first: float = 0
    own: float = 0
    child: float = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> Watch:
        self.first = self.own = psutil.Process(self.pid).memory_info().rss / MB
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def _look(self) -> None:
        while not self._stop.wait(0.1):
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(self.pid)
                self.own = max(self.own, process.memory_info().rss / MB)
                self.child = max([self.child, *(each.memory_info().rss / MB for each in process.children())])

    def stop(self) -> None:
        self._stop.set()


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="big-file-") as name:
        folder = Path(name)
        table = options.file or write_table(folder / "table.csv", options.rows)
        print(f"{table.stat().st_size / 1e9:.2f} GB of CSV; memory in MB: before, most, most of the lean child")
        print(f"{'':28}{'seconds':>10}{'before':>9}{'most':>9}{'child':>9}")
        for tool in options.tools.split(","):
            if "cli" in options.doors:
                _by_command_line(folder / "cli", table, tool)
            if "api" in options.doors:
                _by_api(folder / "api", table, tool)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=12_600_000, help="rows of the generated table")
    parser.add_argument("--file", type=Path, help="take this CSV instead")
    parser.add_argument("--tools", default="profile-my-data,clean-my-data")
    parser.add_argument("--doors", default="cli,api")
    return parser.parse_args()


def _environment(data: Path) -> dict[str, str]:
    """A service of its own, which lets a run take as long as it takes."""
    limits = ("TASK_SOFT_TIME_LIMIT", "TASK_TIME_LIMIT", "VISIBILITY_TIMEOUT")
    return os.environ | {name: str(LIMIT_SECONDS + more) for more, name in enumerate(limits)} | {"DATA_DIR": str(data)}


def _by_command_line(folder: Path, table: Path, tool: str) -> None:
    command = [sys.executable, "main.py", "run", str(table), "--tool", tool, "--out", str(folder / tool), "--quiet"]
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=_environment(folder / "data")) as process:
        watch = Watch(process.pid).begin()
    watch.stop()
    _tell(f"{tool}, CLI", began, watch, f"exit {process.returncode}" if process.returncode else "")


def _by_api(folder: Path, table: Path, tool: str) -> None:
    with rclone_s3() as bucket, _api(folder, bucket) as (process, client):
        watch = Watch(process.pid).begin()
        began = time.perf_counter()
        task_id = _upload(client, table, tool)
        _tell("  upload by parts", began, watch)
        client.post(f"/tasks/{task_id}/process").raise_for_status()
        began = time.perf_counter()
        task = _ended(client, task_id)
        watch.stop()
        _tell(f"{tool}, API", began, watch, task["error_code"] or "")


@contextlib.contextmanager
def _api(folder: Path, bucket: S3Server) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    port = free_port()
    environment = _environment(folder) | {
        "S3_BUCKET": bucket.create_bucket(),
        "S3_ENDPOINT_URL": bucket.endpoint_url,
        "S3_ACCESS_KEY_ID": bucket.access_key_id,
        "S3_SECRET_ACCESS_KEY": bucket.secret_access_key,
    }
    with subprocess.Popen([sys.executable, "main.py", "serve", "--port", str(port)], cwd=ROOT, env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
                while not _answers(client):
                    time.sleep(0.1)
                client.headers["Authorization"] = f"Bearer {(folder / 'admin-token').read_text()}"
                yield process, client
        finally:
            process.terminate()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").is_success
    except httpx.TransportError:
        return False


def _upload(client: httpx.Client, table: Path, tool: str) -> str:
    task_id = str(client.post("/tasks", json={"tool_id": tool}).raise_for_status().json()["task_id"])
    wanted = {"files": {"primary": {"filename": table.name, "size_bytes": table.stat().st_size}}}
    answer = client.post(f"/tasks/{task_id}/upload-urls", json=wanted).raise_for_status().json()
    with table.open("rb") as stream:
        for part in answer["uploads"]["primary"]["parts"]:
            httpx.put(part["url"], content=stream.read(part["size_bytes"]), timeout=600).raise_for_status()
    client.post(f"/tasks/{task_id}/upload-complete").raise_for_status()
    return task_id


def _ended(client: httpx.Client, task_id: str) -> dict[str, Any]:
    while True:
        task: dict[str, Any] = client.get(f"/tasks/{task_id}").raise_for_status().json()
        if task["status"] in {"COMPLETED", "FAILED"}:
            return task
        time.sleep(0.5)


def _tell(name: str, began: float, watch: Watch, note: str = "") -> None:
    seconds = time.perf_counter() - began
    print(f"{name:28}{seconds:>10.1f}{watch.first:>9.0f}{watch.own:>9.0f}{watch.child:>9.0f}   {note}", flush=True)


if __name__ == "__main__":
    main()

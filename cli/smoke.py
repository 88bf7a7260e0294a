"""`python main.py smoke --url …`: one small task per tool through a deployed service, over HTTP alone, as clients do.

Of each task every file is fetched by its link and compared with its digest, the contents with what the table must
become, and the wallet with what the task says it was charged.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Annotated, Any

import httpx
import typer

from cli.companion import TOKEN_FILE
from settings import get_settings

TABLE = b"name,age\nAda,7\nAda,7\n Bo,N/A\n"
Files = Mapping[str, bytes]

_POLL_SECONDS = 0.5
_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "EXPIRED"}


class Wrong(Exception):
    """What the service did is not what it says it does."""


def smoke(
    url: Annotated[str, typer.Option(help="Address of the service.")] = "http://127.0.0.1:8000",
    email: Annotated[str, typer.Option(help="Account that nobody else uses meanwhile, with credits.")] = "",
    password: Annotated[str, typer.Option(help="Its password.")] = "",
    api_key: Annotated[str, typer.Option(help="Or an API key. Without either: the local admin's token.")] = "",
    seconds: Annotated[float, typer.Option(help="How long one task may take.")] = 300,
) -> None:
    """Run one small task per tool on a deployed service, and check files and ledger."""
    with httpx.Client(base_url=url, timeout=60) as http:
        try:
            _check("ready", http.get("/health/ready"))
            http.headers["Authorization"] = f"Bearer {api_key or _token(http, email, password)}"
            for tool in _check("tools", http.get("/tools")):
                print(_run_tool(http, tool["id"], seconds), flush=True)
        except (Wrong, httpx.HTTPError, OSError) as error:
            print(f"failed: {type(error).__name__}: {error}")
            raise typer.Exit(1) from None
    print("all well")


def _token(http: httpx.Client, email: str, password: str) -> str:
    if not email:
        return (get_settings().data_dir / TOKEN_FILE).read_text(encoding="utf-8")
    answer = http.post("/auth/login", json={"email": email, "password": password})
    return str(_check("login", answer)["access_token"])


def _check(what: str, answer: httpx.Response) -> Any:
    """The answer's JSON, if it is one that went well."""
    if not answer.is_success:
        raise Wrong(f"{what}: {answer.status_code} {answer.text[:500]}")
    return answer.json()


def _run_tool(http: httpx.Client, tool_id: str, seconds: float) -> str:
    began, before = time.monotonic(), _check("wallet", http.get("/billing/wallet"))
    task = _finished(http, _ordered(http, tool_id), seconds)
    files = _fetched(http, task["task_id"])
    _check_report(files, task)
    CONTENTS.get(tool_id, _anything)(files)
    _check_ledger(http, task, before)
    charged, took = task["credits_charged"], time.monotonic() - began
    return f"{tool_id}: {len(files)} files whole, {charged} credits, {took:.1f} s"


def _ordered(http: httpx.Client, tool_id: str) -> str:
    task_id = _check("order", http.post("/tasks", json={"tool_id": tool_id}))["task_id"]
    wanted = {"filename": "people.csv", "content_type": "text/csv", "size_bytes": len(TABLE)}
    asked = http.post(f"/tasks/{task_id}/upload-urls", json={"files": {"primary": wanted}})
    link = _check("upload link", asked)["uploads"]["primary"]
    sent = httpx.request(link["method"], link["url"], headers=link["headers"], content=TABLE, timeout=60)
    if not sent.is_success:
        raise Wrong(f"upload to {sent.url.host}: {sent.status_code} {sent.text[:500]}")
    queued = http.post(f"/tasks/{task_id}/process", json={"execution_mode": "async"})
    return str(_check("submit", queued)["task_id"])


def _finished(http: httpx.Client, task_id: str, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while (task := _check("task", http.get(f"/tasks/{task_id}")))["status"] not in _ENDED:
        if time.monotonic() > deadline:
            raise Wrong(f"task {task_id} is {task['status']} after {seconds:.0f} s: does a worker run?")
        time.sleep(_POLL_SECONDS)
    if task["status"] != "COMPLETED":
        raise Wrong(f"task {task_id} is {task['status']}: {task['error_code']} {task['error_message']}")
    return task


def _fetched(http: httpx.Client, task_id: str) -> Files:
    """Every file of the result by its link, whole."""
    files = {}
    for each in _check("downloads", http.get(f"/tasks/{task_id}/downloads"))["files"]:
        answer = httpx.get(each["url"], timeout=60)
        if (len(answer.content), sha256(answer.content).hexdigest()) != (each["size_bytes"], each["sha256"]):
            raise Wrong(
                f"{each['filename']} of task {task_id} arrived otherwise than it was made: {answer.status_code}"
            )
        files[each["filename"]] = answer.content
    return files


def _check_report(files: Files, task: Mapping[str, Any]) -> None:
    told = json.loads(files["report.json"])["metadata"]
    expected = (task["task_id"], task["tool_id"], sha256(TABLE).hexdigest(), 3)
    found = (told["task_id"], told["tool"], told["input"]["sha256"], told["input"]["rows"])
    if found != expected:
        raise Wrong(f"the report is about {found}, not {expected}")


def _check_ledger(http: httpx.Client, task: Mapping[str, Any], before: Mapping[str, int]) -> None:
    after, charged = _check("wallet", http.get("/billing/wallet")), task["credits_charged"]
    moved = _check("transactions", http.get("/billing/transactions", params={"limit": 100}))["items"]
    own = {each["kind"]: each["amount"] for each in moved if each["task_id"] == task["task_id"]}
    if not 0 < charged <= task["credits_quoted"] or own != {"HOLD": task["credits_quoted"], "SETTLE": charged}:
        raise Wrong(
            f"task {task['task_id']} was charged {charged} of {task['credits_quoted']}, its movements are {own}"
        )
    if (after["balance"], after["held"]) != (before["balance"] - charged, before["held"]):
        raise Wrong(f"the wallet went from {before} to {after} by a task of {charged} credits")


def _cleaned(files: Files) -> None:
    if files["cleaned.csv"] != b"name,age\nAda,7\nBo,\n":
        raise Wrong(f"cleaned.csv is {files['cleaned.csv']!r}")


def _mastered(files: Files) -> None:
    first, second, third = csv.DictReader(io.StringIO(files["cross_reference.csv"].decode()))
    if not first["entity_id"] == second["entity_id"] != third["entity_id"]:
        raise Wrong(f"cross_reference.csv is {files['cross_reference.csv']!r}")


def _anything(_: Files) -> None:
    """A tool whose report is all that it makes."""


CONTENTS: Mapping[str, Callable[[Files], None]] = {"clean-my-data": _cleaned, "master-my-data": _mastered}
"""What the table must become, by tool."""

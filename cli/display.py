"""What a run shows on the terminal: live bars per agent and a closing summary, or one JSON object, or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from db.models import Task
from transformers.tools import ToolSpec

_SHOWN = 10
_LONGEST = 30
_COLOURS = {"good": "green", "warning": "yellow", "bad": "red", "neutral": "default"}


class Display:
    """What the client tells of its tasks. This one keeps it to itself."""

    def start(self, task: Task, tool: ToolSpec) -> None:
        """A task was ordered."""

    def show(self, task: Task) -> None:
        """This is how far it is."""

    def fetched(self, task: Task, out: Path) -> None:
        """Its files lie in this folder."""

    def failed(self, task: Task) -> None:
        """It ended without a result."""

    def end(self) -> None:
        """Every task is done."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class JsonDisplay(Display):
    """One JSON object on stdout at the end: {"tasks": […]}."""

    def __init__(self) -> None:
        self._tasks: list[dict[str, Any]] = []

    def fetched(self, task: Task, out: Path) -> None:
        """Take down what was made."""
        manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        files = [each["filename"] for each in (task.outputs or {"files": []})["files"]]
        self._tasks.append(_facts(task) | {"out": str(out), "credits": manifest["credits"], "files": files})

    def failed(self, task: Task) -> None:
        """Print what there is, and why it ended."""
        self._tasks.append(_facts(task) | {"error": task.error_code, "detail": task.error_message})
        self.end()

    def end(self) -> None:
        """Print."""
        print(json.dumps({"tasks": self._tasks}, ensure_ascii=False, indent=2))


def _facts(task: Task) -> dict[str, Any]:
    return {"task_id": task.id, "tool_id": task.tool_id, "status": str(task.status)}


class ProgressDisplay(Display):
    """A live bar for each agent, then what was found, what was changed, what it cost, where the files lie."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}

    def start(self, task: Task, tool: ToolSpec) -> None:
        """Draw an empty bar for each agent."""
        self.close()
        self._console.print(f"[bold]{tool.title}[/bold]  {len(task.agents)} agents, task {task.id}")
        self._progress = Progress(
            TextColumn("{task.description:<24}"), BarColumn(40), TextColumn("{task.percentage:>4.0f}%"),
            TimeElapsedColumn(), console=self._console,
        )  # fmt: skip
        self._bars = {agent: self._progress.add_task(agent, total=1.0, start=False) for agent in task.agents}
        self._progress.start()

    def show(self, task: Task) -> None:
        """Move the bars."""
        if self._progress is None:
            return
        detail = task.progress_detail or {}
        completed = len(task.agents) if task.progress >= 90 else int(detail.get("agents_completed", 0))
        for position, agent in enumerate(task.agents):
            if position < completed:
                self._progress.start_task(self._bars[agent])
                self._progress.update(self._bars[agent], completed=1.0)
            elif agent == detail.get("current_agent"):
                self._progress.start_task(self._bars[agent])
                self._progress.update(self._bars[agent], completed=float(detail.get("agent_progress", 0.0)))

    def fetched(self, task: Task, out: Path) -> None:
        """Sum up."""
        self.close()
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        self._console.print(f"Task {task.id} is {task.status}.")
        self._console.print(_summary(report))
        self._changes(report)
        self._findings(report)
        self._skipped(report)
        credits = report["metadata"]["credits"]
        self._console.print(f"\nCost: {credits['charged']} credits (quoted {credits['quoted']}).")
        self._console.print(f"Files in {out}:")
        for each in sorted(path.name for path in out.iterdir() if path.is_file()):
            self._console.print(f"  {each}", markup=False)
        self._console.print(f"Open {out / 'report.html'} in a browser.\n", markup=False)

    def _changes(self, report: dict[str, Any]) -> None:
        changes = report["changes_by_rule"]
        if not changes:
            return
        self._console.print("\nWhat was changed:")
        table = Table(show_header=False, show_edge=False, box=None, padding=(0, 2, 0, 2))
        for each in changes[:_SHOWN]:
            example = f"{_short(each['example_old'])} → {_short(each['example_new'])}"
            cells = Text(f"{each['cells']:,}", justify="right")
            table.add_row(cells, Text(each["column"], style="cyan"), each["rule"].replace("_", " "), Text(example))
        self._console.print(table)
        if len(changes) > _SHOWN:
            self._console.print(f"  … and {len(changes) - _SHOWN} more in report.html")

    def _findings(self, report: dict[str, Any]) -> None:
        found = [*report["alerts"], *report["issues"]]
        if found:
            self._console.print("\nWhat was found:")
        order = ["critical", "high", "medium", "low"]
        for each in sorted(found, key=lambda item: order.index(item["severity"]))[:_SHOWN]:
            field = each.get("field_name") or ", ".join(each.get("affected_fields", ()))
            line = Text.assemble((f"  {each['severity']:<9}", "bold"), (f"{field}: " if field else "", "cyan"))
            self._console.print(line + Text(each["message"]))

    def _skipped(self, report: dict[str, Any]) -> None:
        for each in report["metadata"]["agents"]:
            if each["status"] == "skipped":
                self._console.print(f"  skipped  {each['id']}: {each['reason']}", markup=False, style="dim")

    def close(self) -> None:
        """Stop the live bars."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _short(text: str) -> str:
    shown = repr(text)[1:-1] if text else "(empty)"
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - 1] + "…"


def _summary(report: dict[str, Any]) -> Table:
    table = Table(show_header=False, show_edge=False, box=None, padding=(0, 2, 0, 2))
    for each in report["executive_summary"]:
        value = Text(str(each["value"]), style=f"bold {_COLOURS.get(each['status'], 'default')}")
        table.add_row(each["title"], value, Text(str(each["description"]), style="dim"))
    return table

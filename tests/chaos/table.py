"""Writes the figures of soaks into docs/reliability.md: `python -m tests.chaos.table var/chaos/*/verdict.json`."""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: written by tests/chaos/table.py -->", "<!-- /soak -->"

Verdict = dict[str, Any]


def main(paths: Sequence[str]) -> None:
    """Replace what stands between the page's two marks."""
    verdicts = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{markdown(verdicts)}{END}{after}", encoding="utf-8")


def markdown(verdicts: Sequence[Verdict]) -> str:
    """One table of the soaks, and one of the faults in all of them."""
    return "\n".join([*_soaks(verdicts), "", *_faults(verdicts), ""])


def _soaks(verdicts: Sequence[Verdict]) -> list[str]:
    columns = [f"seed {each['seed']}, {each['minutes']:g} min" for each in verdicts]
    rows = {
        "tasks accepted": [each["tasks"] for each in verdicts],
        "COMPLETED · FAILED · CANCELLED": [_ended(each) for each in verdicts],
        "failed with": [_codes(each) for each in verdicts],
        "faults": [sum(fault["times"] for fault in each["faults"].values()) for each in verdicts],
        "attempts": [each["attempts"] for each in verdicts],
        "duplicate claims refused": [each["refused_claims"] for each in verdicts],
        "agents run · kept for a later attempt · run again": [_steps(each) for each in verdicts],
        "accepting an order, p50 · p99, s": [_submits(each) for each in verdicts],
        "until all was quiet afterwards, s": [each["quiet_seconds"] for each in verdicts],
        "load of the machine": [each["load"] for each in verdicts],
        "**promises broken**": [f"**{len(each['violations'])}**" for each in verdicts],
    }
    machines = " / ".join(sorted({each["machine"] for each in verdicts}))
    return [f"On {machines}.", "", *_table(["", *columns], [[name, *values] for name, values in rows.items()])]


def _ended(verdict: Verdict) -> str:
    return " · ".join(str(verdict["ended"].get(status, 0)) for status in ("COMPLETED", "FAILED", "CANCELLED"))


def _codes(verdict: Verdict) -> str:
    return ", ".join(f"{code} {times}" for code, times in sorted(verdict["codes"].items())) or "–"


def _steps(verdict: Verdict) -> str:
    return f"{verdict['steps']} · {verdict['steps_kept']} · {verdict['steps_run_again']}"


def _submits(verdict: Verdict) -> str:
    return f"{verdict['submit_seconds']['p50']:.2f} · {verdict['submit_seconds']['p99']:.2f}"


def _faults(verdicts: Sequence[Verdict]) -> list[str]:
    times: Counter[str] = Counter()
    recoveries: dict[str, list[float]] = {}
    for verdict in verdicts:
        for name, fault in verdict["faults"].items():
            times[name] += fault["times"]
            recoveries.setdefault(name, []).extend(fault["recoveries"])
    rows = [[name.replace("_", " "), number, *_spread(recoveries[name])] for name, number in sorted(times.items())]
    return _table(["fault", "times", "recoveries", "p50, s", "max, s"], rows)


def _spread(seconds: Sequence[float]) -> list[Any]:
    if not seconds:
        return ["–", "–", "–"]
    return [len(seconds), f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}"]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    rule = ["---"] * len(head)
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in (head, rule, *rows)]


if __name__ == "__main__":
    main(sys.argv[1:])

"""How fast and how large profile-my-data is beside others on the same tables, each in an environment of its own.

    python -m benchmarks.profiling                              everything; what is measured already is kept
    python -m benchmarks.profiling --table 1Mx20 --only us,summarize,pandas
    python -m benchmarks.profiling --scale 0.01                 small, to see that it works (writes no page)

Tables, environments and results are under var/benchmarks; the page is docs/benchmarks.md. Seconds are by the clock,
from start to end of a process that reads the CSV and writes its report; CPU seconds those of it and all it started;
peak memory that of its largest process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.profiling_tables import write_table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
TABLES = {"1kx20": (1_000, 20), "1Mx20": (1_000_000, 20), "10Mx20": (10_000_000, 20), "10kx500": (10_000, 500)}
BEGIN, END = "<!-- profiling: written by `python -m benchmarks.profiling` -->", "<!-- /profiling -->"
_MB = 1 << 20

_READ = "import sys, pandas; table, out = sys.argv[1:]; df = pandas.read_csv(table, low_memory=False)\n"


@dataclass(frozen=True)
class Peer:
    """Something that profiles a CSV: `code` gets the table's path and that of its report; `packages` go into its own
    environment, none where it runs in ours."""

    title: str
    code: str
    packages: tuple[str, ...] = ()


PEERS = {
    "us": Peer("profile-my-data, all reports", ""),
    "summarize": Peer(
        "DuckDB SUMMARIZE",
        "import sys, duckdb; duckdb.execute('SUMMARIZE FROM read_csv(?)', [sys.argv[1]]).fetchall()",
    ),
    "pandas": Peer("pandas describe", _READ + "df.describe(include='all').to_csv(out)"),
    "ydata-minimal": Peer(
        "ydata-profiling, minimal",
        _READ + "from ydata_profiling import ProfileReport; ProfileReport(df, minimal=True).to_file(out + '.html')",
        ("ydata-profiling",),
    ),
    "ydata": Peer(
        "ydata-profiling",
        _READ + "from ydata_profiling import ProfileReport; ProfileReport(df).to_file(out + '.html')",
        ("ydata-profiling",),
    ),
    "fg-minimal": Peer(
        "fg-data-profiling, minimal",
        _READ + "from data_profiling import ProfileReport; ProfileReport(df, minimal=True).to_file(out + '.html')",
        ("fg-data-profiling",),
    ),
    "fg": Peer(
        "fg-data-profiling",
        _READ + "from data_profiling import ProfileReport; ProfileReport(df).to_file(out + '.html')",
        ("fg-data-profiling",),
    ),
    "sweetviz": Peer(
        "sweetviz",
        _READ + "import sweetviz; sweetviz.analyze(df).show_html(out + '.html', open_browser=False)",
        ("sweetviz",),
    ),
    "skrub": Peer(
        "skrub TableReport",
        _READ + "import skrub; skrub.TableReport(df).write_html(out + '.html')",
        ("skrub",),
    ),
    "whylogs": Peer(
        "whylogs",
        _READ + "import whylogs; whylogs.log(df).view().to_pandas().to_csv(out)",
        ("whylogs", "numpy<2", "pandas<3"),
    ),
}


@dataclass(frozen=True)
class Run:
    """What one run took. `fault`: why it has no figures; `versions` of what was measured."""

    table: str
    peer: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    fault: str = ""
    versions: str = ""
    measured: str = ""


def main() -> None:
    """Measure what is asked for, print it and write the page."""
    options = _options()
    folder: Path = options.folder
    kept = _kept(folder, options.scale)
    for table in options.table:
        rows, columns = TABLES[table]
        path = write_table(folder / f"{table}-{options.scale:g}.csv", max(100, int(rows * options.scale)), columns)
        print(f"\n{table}: {path.stat().st_size / 1e6:.0f} MB of CSV", flush=True)
        for name in options.only:
            if (table, name) not in kept or options.again:
                kept[table, name] = _measure(table, name, path, folder, options)
                _keep(folder, options.scale, kept)
            print(_line(kept[table, name], kept.get((table, "us"))), flush=True)
    if options.scale == 1 and not options.no_page:
        _write_page(kept)


def _options() -> argparse.Namespace:
    def listed(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=listed, default=list(TABLES), help=f"of {','.join(TABLES)}")
    parser.add_argument("--only", type=listed, default=list(PEERS), help=f"of {','.join(PEERS)}")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--scale", type=float, default=1.0, help="share of each table's rows")
    parser.add_argument("--seconds", type=float, default=1800, help="end a run after so long")
    parser.add_argument("--memory-mb", type=float, default=0.6 * psutil.virtual_memory().total / _MB)
    parser.add_argument("--folder", type=Path, default=ROOT / "var" / "benchmarks")
    parser.add_argument("--no-page", action="store_true", help=f"leave {PAGE.name} as it is")
    options = parser.parse_args()
    for given, known in ((options.table, TABLES), (options.only, PEERS)):
        if strangers := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(strangers))}; there are {', '.join(known)}")
    return options


def _kept(folder: Path, scale: float) -> dict[tuple[str, str], Run]:
    path = folder / f"results-{scale:g}.json"
    runs = [Run(**each) for each in json.loads(path.read_text("utf-8"))] if path.exists() else []
    return {(run.table, run.peer): run for run in runs}


def _keep(folder: Path, scale: float, runs: Mapping[tuple[str, str], Run]) -> None:
    text = json.dumps([asdict(run) for run in runs.values()], indent=1)
    (folder / f"results-{scale:g}.json").write_text(text, encoding="utf-8")


# Environments


def _python_of(peer: Peer, folder: Path) -> tuple[str, str]:
    """The interpreter that runs a peer, and the versions of what it measures; RuntimeError where it doesn't install."""
    if not peer.packages:
        return sys.executable, _versions(sys.executable, ("duckdb", "pandas"))
    place = folder / "environments" / re.split("[<>=]", peer.packages[0])[0]
    python = str(place / "bin" / "python")
    stamp, wanted = place / "installed", " ".join(peer.packages)
    if not (stamp.exists() and stamp.read_text("utf-8") == wanted):
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *peer.packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"does not install: {_last_line(done.stderr)}")
        stamp.write_text(wanted, encoding="utf-8")
    return python, _versions(python, (*peer.packages[:1], "pandas"))


def _versions(python: str, packages: Sequence[str]) -> str:
    code = "import importlib.metadata as m, sys; print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))"
    return subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=False).stdout.strip()


# Measuring


def _measure(table: str, name: str, path: Path, folder: Path, options: argparse.Namespace) -> Run:
    run = Run(table, name, measured=datetime.now(UTC).strftime("%Y-%m-%d"))
    try:
        python, versions = _python_of(PEERS[name], folder)
    except RuntimeError as fault:
        return Run(**asdict(run) | {"fault": str(fault)})
    out = folder / "out" / f"{table}-{name}"
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir(parents=True)
    if name == "us":
        command = [python, "main.py", "run", str(path), "--tool", "profile-my-data", "--out", str(out), "--quiet"]
    else:
        command = [python, "-W", "ignore", "-c", PEERS[name].code, str(path), str(out)]
    found = _timed(command, folder, options.seconds, options.memory_mb)
    return Run(**asdict(run) | {"versions": versions} | found)


def _timed(command: Sequence[str], folder: Path, seconds: float, memory_mb: float) -> dict[str, float | str]:
    """Run a command to its end, or until it takes too long or too much; wait4 tells what it and its own took."""
    environment = dict(os.environ) | {
        "DATA_DIR": str(folder / "data"),
        "MPLBACKEND": "Agg",
        "WHYLOGS_NO_ANALYTICS": "True",
    }
    with (folder / "log.txt").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        ended = threading.Event()
        stopped: list[str] = []
        watch = threading.Thread(target=_watch, args=(process.pid, ended, seconds, memory_mb, stopped))
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        ended.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)
    if stopped or process.returncode:
        text = (folder / "log.txt").read_text("utf-8", errors="replace")
        return {"fault": stopped[0] if stopped else f"fails: {_last_line(text)}"}
    peak = usage.ru_maxrss / (_MB if sys.platform == "darwin" else 1024)
    return {"seconds": took, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": peak}


def _watch(pid: int, ended: threading.Event, seconds: float, memory_mb: float, stopped: list[str]) -> None:
    """Kill a process and its children when it takes more than it may."""
    deadline = time.monotonic() + seconds
    while not ended.wait(0.2):
        try:
            processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            held = sum(each.memory_info().rss for each in processes) / _MB
        except psutil.Error:
            continue
        if held > memory_mb:
            stopped.append(f"stopped: it took more than {memory_mb / 1024:.0f} GB")
        elif time.monotonic() > deadline:
            stopped.append(f"stopped after {seconds:.0f} s")
        if stopped:
            for each in processes:
                each.kill()
            return


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "without a word"


# Telling


def _line(run: Run, us: Run | None) -> str:
    title = f"  {PEERS[run.peer].title:30}"
    if run.fault:
        return title + run.fault
    return title + f"{run.seconds:9.1f} s{run.cpu_seconds:9.1f} CPU s{run.peak_mb:9,.0f} MB   {_ratio(run, us)}"


def _ratio(run: Run, us: Run | None) -> str:
    """How much longer or shorter than us it takes."""
    if us is None or us.fault or run.peer == "us":
        return ""
    times = run.seconds / us.seconds
    return f"{times:.1f} × ours" if times >= 1 else f"1 / {1 / times:.1f} of ours"


def _write_page(runs: Mapping[tuple[str, str], Run]) -> None:
    """Put the tables between the marks of the page; the rest of it is left as it is."""
    text = PAGE.read_text("utf-8") if PAGE.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{_told(runs)}{END}{after}", encoding="utf-8")


def _told(runs: Mapping[tuple[str, str], Run]) -> str:
    parts = [f"## Profiling\n\n{_HEAD}\n\n{_machine()}\n"]
    for table, (rows, columns) in TABLES.items():
        measured = [runs[table, name] for name in PEERS if (table, name) in runs]
        if measured:
            parts.append(f"\n### {rows:,} rows × {columns} columns\n\n{_markdown(measured, runs.get((table, 'us')))}")
    return "".join(parts)


_HEAD = (
    "One process each, from the CSV to the written report: seconds by the clock, CPU seconds of it and all that it"
    " started, memory of its largest process. Ours is `python main.py run` with its default agents, report.json,"
    " report.html and report.xlsx included, through the embedded service."
)


def _machine() -> str:
    """What it was measured on."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8"))
        model = f"{found[1].strip()}, " if found else ""
    memory = psutil.virtual_memory().total / (1 << 30)
    return (
        f"Machine: {model}{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}."
    )


def _markdown(measured: Sequence[Run], us: Run | None) -> str:
    lines = [
        "|  | seconds | CPU seconds | peak MB | time beside ours | versions | measured |",
        "|---|---:|---:|---:|---:|---|---|",
    ]
    for run in measured:
        title = PEERS[run.peer].title
        if run.fault:
            lines.append(f"| {title} | {run.fault.replace('|', ' ')} |  |  |  | {run.versions} | {run.measured} |")
        else:
            figures = f"{run.seconds:.1f} | {run.cpu_seconds:.1f} | {run.peak_mb:,.0f} | {_ratio(run, us)}"
            lines.append(f"| {title} | {figures} | {run.versions} | {run.measured} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()

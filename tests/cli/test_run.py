"""`python main.py run`: every format, every tool, every exit status."""

import csv
import gzip
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import openpyxl
import pytest

from tests.cli.conftest import ROOT
from transformers.tools import tool_of

HEADER = ["code", "name", "city"]
ROWS = [["007", "Zoë", "Köln"], ["012", "Bo", "Oslo"], ["012", "Bo", "Oslo"], ["100", " Ann ", "N/A"]]
CLEANED = [["007", "Zoë", "Köln"], ["012", "Bo", "Oslo"], ["100", "Ann", ""]]


def as_csv(path: Path, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([HEADER, *ROWS])
    return path


def as_gzip(path: Path) -> Path:
    path.write_bytes(gzip.compress(as_csv(path.with_suffix("")).read_bytes()))
    return path


def as_json(path: Path) -> Path:
    path.write_text(json.dumps([dict(zip(HEADER, row, strict=True)) for row in ROWS]), encoding="utf-8")
    return path


def as_json_lines(path: Path) -> Path:
    lines = [json.dumps(dict(zip(HEADER, row, strict=True))) for row in ROWS]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def as_parquet(path: Path) -> Path:
    duckdb.read_csv(str(as_csv(path.with_suffix(".csv"))), all_varchar=True).write_parquet(str(path))
    return path


def as_xlsx(path: Path) -> Path:
    book = openpyxl.Workbook()
    for row in [HEADER, *ROWS]:
        book.active.append(row)
    book.save(path)
    return path


FORMATS = {
    "t.csv": as_csv,
    "t.tsv": lambda path: as_csv(path, "\t"),
    "semicolons.csv": lambda path: as_csv(path, ";", "cp1252"),
    "utf16.csv": lambda path: as_csv(path, encoding="utf-16"),
    "t.csv.gz": as_gzip,
    "t.json": as_json,
    "t.jsonl": as_json_lines,
    "t.parquet": as_parquet,
    "t.xlsx": as_xlsx,
}


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_cleaned_alike(main, tmp_path, name):
    ended = main("run", FORMATS[name](tmp_path / name), "--tool", "clean-my-data", "--out", tmp_path / "out")
    assert ended.returncode == 0, ended.stderr
    assert read(tmp_path / "out" / "cleaned.csv") == [HEADER, *CLEANED]


def test_a_clean_run_leaves_its_files_and_accounts_for_every_cell(main, tmp_path):
    out = tmp_path / "out"
    main("run", as_csv(tmp_path / "t.csv"), "--tool", "clean-my-data", "--out", out)
    assert {path.name for path in out.iterdir()} >= {
        "report.json", "report.html", "report.xlsx", "manifest.json", "cleaned.csv", "cleaned.parquet",
        "changes.csv", "removed.csv", "quarantine.csv",
    }  # fmt: skip
    changes = read(out / "changes.csv")
    assert changes[0] == ["row", "column", "old", "new", "agent", "rule", "evidence", "confidence"]
    assert ["3", "name", " Ann ", "Ann", "field-standardization"] in [row[:5] for row in changes]
    assert [row[:2] for row in read(out / "removed.csv")] == [["row", "agent"], ["2", "duplicate-resolver"]]


def test_the_manifest_describes_the_files_beside_it(main, tmp_path):
    out = tmp_path / "out"
    main("run", as_csv(tmp_path / "t.csv"), "--tool", "clean-my-data", "--out", out)
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    described = {each["filename"]: each["size_bytes"] for each in manifest["files"]}
    there = {path.name: path.stat().st_size for path in out.iterdir() if path.name != "manifest.json"}
    assert described == there
    assert manifest["steps"][0]["agent_id"] == "type-fixer"


def test_profile_and_master_leave_their_files(main, tmp_path):
    file = as_csv(tmp_path / "t.csv")
    assert main("run", file, "--tool", "profile-my-data", "--out", tmp_path / "p").returncode == 0
    assert main("run", file, "--tool", "master-my-data", "--out", tmp_path / "m").returncode == 0
    report = json.loads((tmp_path / "p" / "report.json").read_text(encoding="utf-8"))
    assert report["metadata"]["input"]["rows"] == 4
    cross = read(tmp_path / "m" / "cross_reference.csv")
    assert cross[0] == ["row", "entity_id"]
    assert cross[2][1] == cross[3][1] != cross[1][1]
    assert {"golden.csv", "review.csv"} <= {path.name for path in (tmp_path / "m").iterdir()}


def test_several_tools_run_one_after_the_other(main, tmp_path):
    tools = "clean-my-data,master-my-data"
    ended = main("run", as_csv(tmp_path / "t.csv"), "--tool", tools, "--out", tmp_path / "out", "--json")
    assert ended.returncode == 0, ended.stderr
    assert [task["tool_id"] for task in json.loads(ended.stdout)["tasks"]] == tools.split(",")
    assert len(read(tmp_path / "out" / "master-my-data" / "golden.csv")) == 1 + len(CLEANED)


def test_several_sources_keep_the_rows_of_their_own_files(main, tmp_path):
    second = as_csv(tmp_path / "other.csv")
    ended = main("run", as_csv(tmp_path / "t.csv"), "--tool", "master-my-data",
                 "--input", f"source_b={second}", "--out", tmp_path / "out")  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    cross = read(tmp_path / "out" / "cross_reference.csv")
    assert cross[0] == ["source", "row", "entity_id"]
    assert [row[:2] for row in cross[1:]] == [[s, str(r)] for s in ("primary", "source_b") for r in range(4)]


@pytest.mark.parametrize("tool", ["profile", "clean", "master"])
def test_the_work_is_left_to_the_child(environment, tmp_path, tool):
    command = [sys.executable, "-X", "importtime", "main.py", "run", as_csv(tmp_path / "t.csv"), "--tool",
               f"{tool}-my-data", "--out", tmp_path / "out", "--quiet"]  # fmt: skip
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    work = tool_of(f"{tool}-my-data").work
    assert imported >= {"agents.base", "transformers.tools"}
    assert imported.isdisjoint({"numpy", "pandas", "phonenumbers", "rapidfuzz", "duckdb", *work})


def test_quiet_says_nothing(main, tmp_path):
    ended = main("run", as_csv(tmp_path / "t.csv"), "--tool", "clean-my-data", "--out", tmp_path / "o", "--quiet")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


def test_contents_that_are_no_table_end_with_1_and_their_code(main, tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes(b"")
    ended = main("run", file, "--tool", "clean-my-data", "--out", tmp_path / "o")
    assert ended.returncode == 1
    assert "UNREADABLE_FILE" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tool", "guess-my-data"], "UNKNOWN_TOOL"),
        (["--tool", "clean-my-data", "--agents", "type-fixr"], "UNKNOWN_AGENT"),
        (["--tool", "clean-my-data", "--input", "extra=t.csv"], "FILES_NOT_FOUND"),
        (["--tool", "clean-my-data", "--parameters", "bad.json"], "INVALID_PARAMETERS"),
        (["--tool", "clean-my-data", "--parameters", "deep.json"], "is not JSON"),
        (["--tool", "clean-my-data", "--out", "bad.json"], "is a file"),
    ],
)
def test_bad_usage_ends_with_2_before_anything_runs(main, tmp_path, options, said):
    file = as_csv(tmp_path / "t.csv")
    (tmp_path / "bad.json").write_text('{"null-handler": {"knn_neighbors": -1}, "type-fixer": {"guess": true}}')
    (tmp_path / "deep.json").write_text("[" * 100_000)
    options = [str(tmp_path / o) if o.endswith(".json") else o.replace("=t.csv", f"={file}") for o in options]
    ended = main("run", file, "--out", tmp_path / "o", *options)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert not (tmp_path / "o").exists()


def test_every_fault_of_the_parameters_is_said_at_once(main, tmp_path):
    (tmp_path / "bad.json").write_text('{"null-handler": {"knn_neighbors": -1}, "type-fixer": {"guess": true}}')
    ended = main("run", as_csv(tmp_path / "t.csv"), "--tool", "clean-my-data",
                 "--parameters", tmp_path / "bad.json", "--out", tmp_path / "o")  # fmt: skip
    assert "null-handler.knn_neighbors" in ended.stderr
    assert "type-fixer.guess" in ended.stderr


def test_parameters_in_the_encoding_of_powershell(main, tmp_path):
    (tmp_path / "p.json").write_text('{"null-handler": {"knn_neighbors": -1}}', encoding="utf-16")
    ended = main("run", as_csv(tmp_path / "t.csv"), "--tool", "clean-my-data",
                 "--parameters", tmp_path / "p.json", "--out", tmp_path / "o")  # fmt: skip
    assert "knn_neighbors" in ended.stderr


def test_a_missing_file_ends_with_2(main, tmp_path):
    assert main("run", tmp_path / "none.csv", "--tool", "clean-my-data", "--out", tmp_path / "o").returncode == 2


def test_a_second_run_is_a_client_of_the_first(environment, main, tmp_path):
    """Both end well although only one of them works."""
    file = as_csv(tmp_path / "t.csv")
    command = [sys.executable, "main.py", "run", str(file), "--tool", "clean-my-data", "--quiet", "--out"]
    both = [
        subprocess.Popen([*command, str(tmp_path / name)], cwd=ROOT, env=environment) for name in ("first", "second")
    ]
    assert [process.wait(60) for process in both] == [0, 0]
    assert read(tmp_path / "first" / "cleaned.csv") == read(tmp_path / "second" / "cleaned.csv")


def _heed_ctrl_c() -> None:
    """A shell's background jobs, and all that they start, are born deaf to it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_cancels_the_task(environment, main, tmp_path):
    file = tmp_path / "large.csv"
    duckdb.sql("SELECT range AS id, 'name ' || range % 1000 AS name FROM range(2_000_000)").write_csv(str(file))
    command = [sys.executable, "main.py", "run", str(file), "--tool", "profile-my-data", "--out", str(tmp_path / "o")]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, preexec_fn=_heed_ctrl_c
    )
    assert "Profile my data" in process.stdout.readline()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 130
    process.stdout.close()
    assert not (tmp_path / "o").exists()


def test_a_run_in_a_dataset_is_compared_with_the_one_before(main, tmp_path: Path) -> None:
    rows = [["stars", "city"], *([str(i % 5), "Oslo"] for i in range(300))]
    for name, moved in (("before", 0), ("after", 3)):
        with (tmp_path / f"{name}.csv").open("w", newline="") as stream:
            csv.writer(stream).writerows([rows[0], *([str(int(stars) + moved), city] for stars, city in rows[1:])])
        arguments = ("--tool", "profile-my-data", "--agents", "drift-detector", "--dataset", "hotels", "--quiet")
        done = main("run", tmp_path / f"{name}.csv", *arguments, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "after" / "report.json").read_text(encoding="utf-8"))
    data = report["agent_results"]["drift-detector"]["data"]
    assert {each["column"]: each["status"] for each in data["columns"]} == {"stars": "drifted", "city": "stable"}
    assert [each["run"] for each in data["trend"]] == [1, 2]


def test_a_name_that_no_dataset_can_have(main, tmp_path: Path) -> None:
    done = main(
        "run", as_csv(tmp_path / "t.csv"), "--tool", "profile-my-data", "--dataset", "No Such", "--out", tmp_path
    )
    assert done.returncode == 2
    assert "dataset" in done.stderr

"""report.html shows everything, runs nothing of the user's, and needs no network."""

import html
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.transformers.report.documents import HOSTILE
from transformers.report import html as module
from transformers.report import write_html
from transformers.report.cards import column_cards
from transformers.report.overview import grouped_advice, things_to_know
from transformers.report.wording import figure, moment, tone


@pytest.fixture
def page(report: dict[str, Any], tmp_path: Path) -> str:
    write_html(report, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text("utf-8")


def test_a_script_in_a_cell_is_shown_not_run(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("<script>") == 1
    assert page.count(html.escape(HOSTILE, quote=False).replace('"', "&#34;")) >= 6


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(r"(?:src|href|url|import)\s*[=(]\s*[\"']?(?!#|data:)(?:https?:|//)", page)
    assert "default-src 'none'" in page


def test_templates_are_compiled_where_nothing_can_be_kept(
    report: dict[str, Any], page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = shutil.copytree(module._PAGE, tmp_path / "page", ignore=shutil.ignore_patterns("__pycache__"))
    (own / "__pycache__").write_text("in the way")
    monkeypatch.setattr(module, "_PAGE", own)
    module._template.cache_clear()
    write_html(report, tmp_path / "again.html")
    module._template.cache_clear()
    assert (tmp_path / "again.html").read_text("utf-8") == page


def test_templates_compiled_with_other_filters_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    before = module._Compiled().get_source_checksum("text")
    monkeypatch.setattr(module.wording, "__file__", module.__file__)
    assert module._Compiled().get_source_checksum("text") != before


def test_rows_count_from_one(page: str) -> None:
    assert '<td class="num">42</td>' in page
    assert '<td class="num">7</td>' in page


def test_the_worst_alerts_lead_and_are_counted_in_the_title(page: str) -> None:
    assert "Four things to know" in page
    assert page.index("critical alert") < page.index("medium alert") < page.index("low alert")


def test_the_next_step_is_the_last_thing_to_know(page: str) -> None:
    assert page.index("low alert") < page.index("Clean my data is the next step.")


def test_a_skipped_agent_is_seen_with_its_reason(page: str) -> None:
    assert "Drift detector" in page
    assert "no baseline was given" in page


def test_a_column_has_one_card_with_its_own_chart(page: str) -> None:
    card = page[page.index('<article class="column"') : page.index("</article>")]
    assert ">amount</h3>" in card
    assert "12.5 %" in card
    assert card.count("<figure") == 1


def test_an_empty_report_is_still_a_page(tmp_path: Path) -> None:
    write_html({}, tmp_path / "report.html")
    assert "No alert was raised" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (1234567, "", "1,234,567"),
        (0.123456, "", "0.1235"),
        (12.3456, "missing_percent", "12.35 %"),
        (1.5e-7, "", "1.5e-07"),
        (True, "", "yes"),
        (None, "", "–"),
        ("a", "", "a"),
    ],
)
def test_a_figure_reads_well(value: Any, name: str, shown: str) -> None:
    assert figure(value, name) == shown


def test_a_time_is_told_in_words_and_an_odd_one_as_it_is() -> None:
    assert moment("2026-01-02T03:04:05+00:00") == "2 Jan 2026, 03:04 UTC"
    assert moment("soon") == "soon"


@pytest.mark.parametrize(("text", "shown"), [(" a b ", "␣a b␣"), ("a\t", "a⇥"), ("   ", "␣␣␣"), ("a", "a")])
def test_blank_space_around_a_changed_value_is_seen(text: str, shown: str, tmp_path: Path) -> None:
    write_html({"changes_sample": [{"row": 0, "column": "c", "old": text, "new": ""}]}, tmp_path / "report.html")
    assert f'<span class="cell">{shown}</span>' in (tmp_path / "report.html").read_text("utf-8")


def test_figures_by_name_become_one_table(tmp_path: Path) -> None:
    data = {"types": {"order_id": {"kind": "integer"}, "city": {"kind": "text"}}}
    write_html({"agent_results": {"type-fixer": {"status": "done", "data": data}}}, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert page.count("<table") == 1
    assert "order_id" in page


def test_an_unknown_status_takes_no_side() -> None:
    assert [tone("ready"), tone("needs_review"), tone("critical"), tone("anything")] == [
        "good",
        "fair",
        "poor",
        "plain",
    ]


def test_the_same_advice_on_several_columns_is_said_once() -> None:
    advice = [{"field_name": name, "priority": "low", "recommendation": f"{name}: trim it"} for name in ("a", "b")]
    (said,) = grouped_advice({"recommendations": advice})
    assert (said["advice"], said["fields"]) == ("Trim it", ["a", "b"])


def test_of_every_theme_one_alert_comes_before_a_second_of_any() -> None:
    alerts = [{"severity": "high", "message": str(at), "category": "validity"} for at in range(6)]
    alerts.append({"severity": "low", "message": "trifle", "category": "governance"})
    assert [each["message"] for each in things_to_know({"alerts": alerts})] == ["0", "1", "2", "3", "4"]
    alerts.append({"severity": "medium", "message": "risk", "category": "privacy"})
    assert [each["message"] for each in things_to_know({"alerts": alerts})] == ["0", "1", "2", "3", "risk"]


def test_personal_data_is_told_once() -> None:
    told = [
        {"agent_id": agent, "severity": "medium", "category": "privacy", "message": agent}
        for agent in ("unified-profiler", "score-risk")
    ]
    assert [each["message"] for each in things_to_know({"alerts": told})] == ["score-risk"]
    assert [each["message"] for each in things_to_know({"alerts": told[:1]})] == ["unified-profiler"]


def test_an_issue_that_nobody_raised_an_alert_for_is_told() -> None:
    issues = [{"agent_id": "a", "severity": grade, "message": grade, "field_name": "c"} for grade in ("low", "high")]
    known = things_to_know({"issues": issues, "alerts": [{"agent_id": "b", "severity": "low", "message": "other"}]})
    assert [(each["message"], each["affected_fields"]) for each in known[:1]] == [("high.", ["c"])]
    assert len(known) == 2


@pytest.mark.parametrize(
    ("labels", "axis"),
    [
        (["0 – 1500", "1500 – 3000"], ("0", "3,000")),
        (["up to 2", "from inf"], ("up to 2", "from inf")),
        (["inf"], ("inf", "inf")),
        ([], None),
    ],
)
def test_an_axis_says_where_it_begins_and_ends(labels: list[str], axis: tuple[str, str] | None) -> None:
    (card,) = column_cards({}, [{"column": "a", "histogram": {"labels": labels, "counts": [1] * len(labels)}}])
    assert card["axis"] == axis

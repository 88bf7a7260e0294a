"""governance-checker's score is the sum of its fields' points, and every invalid consent is listed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from agents.base import AgentContext, AgentResult
from agents.profile.governance_checker import GovernanceChecker, run
from agents.table import Table
from errors import NotApplicable
from tests.agents.conftest import MakeTable

Check = Callable[..., AgentResult]

GOVERNED = {
    "name": ["Maria Lopez", "John Smith", "Emma Wilson", "Peter Novak"],
    "Source": ["crm", "crm", "shop", None],
    "load_date": ["2026-01-01"] * 4,
    "UpdatedAt": ["2026-01-02"] * 4,
    "consent_status": ["granted", "Opt-In", "maybe", "withdrawn"],
    "opt_in_date": ["2025-05-05", None, None, "2025-06-06"],
    "sensitivity": ["internal"] * 4,
}


@pytest.fixture
def check(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> Check:
    def of(columns: Mapping[str, Sequence[str | None]] = GOVERNED, **params: Any) -> AgentResult:
        table = make_table(columns)
        return run(table, GovernanceChecker(**params), context_of(table))

    return of


def test_fields_are_found_under_other_names_and_the_report_says_so(check: Check) -> None:
    fields = {each["required"]: (each["column"], each["match"]) for each in check().data["fields"]}
    assert fields == {
        "source_system": ("Source", "synonym"),
        "created_at": ("load_date", "synonym"),
        "updated_at": ("UpdatedAt", "normalised"),
        "consent_status": ("consent_status", "exact"),
        "consent_date": ("opt_in_date", "synonym"),
        "data_classification": ("sensitivity", "synonym"),
    }


def test_the_score_adds_up_from_its_parts(check: Check) -> None:
    result = check()
    points = [each["points"] for each in result.data["fields"]]
    # Three of four sources, all dates, three of four statuses valid, half of the consent dates, every class.
    assert points == pytest.approx([7.5, 10, 10, 15, 10, 30])
    assert result.data["score"] == pytest.approx(sum(each["points"] for each in result.data["parts"])) == 82.5
    assert sum(each["of"] for each in result.data["parts"]) == pytest.approx(100)
    assert result.metrics["compliant"] is True


def test_every_invalid_consent_is_listed(check: Check) -> None:
    result = check()
    (consent,) = result.data["consent"]
    assert (consent["valid"], consent["invalid"], consent["missing"]) == (3, 1, 0)
    assert consent["invalid_values"] == [{"value": "maybe", "rows": 1}]
    assert result.row_issues is not None
    assert result.row_issues.query('SELECT row, "column", issue_type, value FROM {self}') == [
        (2, "consent_status", "invalid_consent", "maybe")
    ]


def test_valid_statuses_can_be_given(check: Check) -> None:
    result = check(valid_consent_statuses=["Granted", "maybe"])
    assert [each["value"] for each in result.data["consent"][0]["invalid_values"]] == ["Opt-In", "withdrawn"]


def test_what_is_missing_costs_its_points_and_is_named(check: Check) -> None:
    result = check({name: values for name, values in GOVERNED.items() if name != "sensitivity"})
    assert result.metrics["compliance_score"] == 52.5
    assert "data_classification" in result.alerts[0].message
    assert result.recommendations[0].field_name == "data_classification"


def test_the_threshold_decides(check: Check) -> None:
    assert check(compliance_threshold=90).metrics["compliant"] is False
    assert check(compliance_threshold=82.5).alerts == ()


def test_required_fields_can_be_given(check: Check) -> None:
    result = check(
        required_lineage_fields=["batch"], required_consent_fields=[], required_classification_fields=["name"]
    )
    assert [(each["required"], each["match"], each["of"]) for each in result.data["fields"]] == [
        ("batch", "none", 50),
        ("name", "exact", 50),
    ]


def test_consent_is_asked_for_where_rows_are_people(check: Check) -> None:
    machines = {"machine": ["a", "b"], "source_system": ["x", "y"]}
    people = machines | {"birth_date": ["1985-03-12", "1990-11-30"]}
    parts = [{each["part"] for each in check(table).data["parts"]} for table in (machines, people)]
    assert parts == [{"lineage", "classification"}, {"lineage", "consent", "classification"}]


def test_a_date_of_consent_is_no_status(check: Check) -> None:
    assert check({"consent_date": ["2025-05-05"], "name": ["Ann"]}).data["consent"] == []


def test_nothing_required_is_nothing_to_do(check: Check) -> None:
    with pytest.raises(NotApplicable):
        check(required_lineage_fields=[], required_consent_fields=[], required_classification_fields=[])
    with pytest.raises(NotApplicable):
        check({"name": []})


def test_what_nobody_ever_made_is_a_gap_and_no_fault(check: Check) -> None:
    people = {"name": GOVERNED["name"], "email": ["a@example.com", "b@example.com", "c@example.com", "d@example.com"]}
    assert [alert.severity for alert in check(people).alerts] == ["medium"]
    assert [alert.severity for alert in check({"weight": ["1.5", "2.5", "3.5"]}).alerts] == ["low"]
    assert {each.priority for each in check({"weight": ["1.5"]}).recommendations} == {"low"}
    badly_kept = check(people | {"consent_status": ["maybe"] * 4})
    assert [alert.severity for alert in badly_kept.alerts] == ["high"]

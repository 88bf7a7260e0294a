"""score-risk finds what is personal, adds its points up, shows no value whole, and does what its parameters say."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from agents.base import AgentContext, AgentResult, registry
from agents.profile.score_risk import ScoreRisk, run
from agents.table import Table
from errors import ColumnNotFound, NotApplicable
from tests.agents.conftest import MakeTable

Score = Callable[..., AgentResult]

FIRST = ["Maria", "John", "Emma", "Peter", "Laura", "Omar", "Alice", "David"]
PEOPLE: Mapping[str, Sequence[str | None]] = {
    "id": [str(i) for i in range(8)],
    "name": [f"{name} Quibble" for name in FIRST],
    "email": [f"{name.lower()}@example.com" for name in FIRST],
    "card": ["4111111111111111", "5500000000000004", "340000000000009", "6011000000000004"] * 2,
    "birth_date": [
        "1985-03-12",
        "1985-03-12",
        "1990-11-30",
        "1990-11-30",
        "1972-01-05",
        "1972-01-05",
        "2001-07-19",
        None,
    ],
    "city": ["Rome", "Rome", "Oslo", "Oslo", "Bonn", "Bonn", "Bonn", "Bonn"],
    "diagnosis": ["asthma", "asthma", "I10", "E11.9", "I10", "I10", "flu", "flu"],
    "country": ["IT", "IT", "NO", "NO", "DE", "DE", "FR", "ES"],
    "amount": ["1.5", "2.5", "3.5", "4.5", "5.5", "6.5", "7.5", "8.5"],
}


@pytest.fixture
def score(make_table: MakeTable, context_of: Callable[[Table], AgentContext]) -> Score:
    def of(columns: Mapping[str, Sequence[str | None]] = PEOPLE, **params: Any) -> AgentResult:
        table = make_table(columns)
        return run(table, ScoreRisk(**params), context_of(table))

    return of


def by_column(result: AgentResult) -> dict[str, Mapping[str, Any]]:
    return {each["column"]: each for each in result.data["columns"]}


def test_it_comes_after_the_profiler() -> None:
    agents = list(registry())
    assert agents.index("unified-profiler") < agents.index("score-risk") < agents.index("governance-checker")


def test_every_column_is_classified_and_every_finding_explains_itself(score: Score) -> None:
    result = score()
    classes = {name: each["suggested"] for name, each in by_column(result).items()}
    assert classes == {
        "id": "internal",
        "name": "confidential",
        "email": "confidential",
        "card": "restricted",
        "birth_date": "confidential",
        "city": "internal",
        "diagnosis": "restricted",
        "country": "internal",
        "amount": "internal",
    }
    cells = {each["column"]: (each["cells"], each["sampled"]) for each in result.data["findings"]}
    assert (cells["email"], cells["birth_date"]) == ((8, None), (7, None))
    for each in result.data["findings"]:
        assert each["score"] == pytest.approx(sum(part["points"] for part in each["points"]))
        assert each["basis"]
        assert each["remedy"]
        assert {law["framework"] for law in each["frameworks"]} >= {"GDPR", "CCPA"}


def test_the_risk_of_the_table_is_its_worst_column(score: Score) -> None:
    result = score()
    scores = [each["risk_score"] for each in result.data["columns"]]
    assert result.metrics["risk_score"] == max(scores) == by_column(result)["card"]["risk_score"]
    assert result.metrics["risk_level"] == "high"


def test_no_value_leaves_whole(score: Score) -> None:
    said = repr(score())
    whole = [text for name in ("name", "email", "card", "birth_date") for text in PEOPLE[name] if text]
    assert [text for text in whole if text in said] == []


def test_frameworks_are_touched_for_a_reason(score: Score) -> None:
    touched = {each["framework"]: each for each in score().data["frameworks"]}
    assert set(touched) == {"GDPR", "CCPA", "HIPAA", "PCI DSS"}
    assert touched["PCI DSS"]["columns"] == ["card"]
    assert "name" in touched["HIPAA"]["columns"]
    without_health = {name: values for name, values in PEOPLE.items() if name != "diagnosis"}
    assert "HIPAA" not in {each["framework"] for each in score(without_health).data["frameworks"]}


def test_anonymity_is_counted_over_the_quasi_identifiers(score: Score) -> None:
    result = score()
    anonymity = result.data["anonymity"]
    assert anonymity["quasi_identifiers"] == ["birth_date", "city", "country"]
    assert (anonymity["k"], anonymity["unique_rows"], anonymity["chosen"]) == (1, 2, "suggested")
    assert anonymity["first_unique_rows"] == [6, 7]
    assert anonymity["below"][0] == {"k": 2, "rows": 2, "percent": 25.0}
    assert result.extras["unique_rows.csv"].query("SELECT row FROM {self}") == [(6,), (7,)]
    assert result.data["diversity"] == [{"column": "diagnosis", "l": 1, "rows_below_2": 6, "percent_below_2": 75.0}]


def test_quasi_identifiers_can_be_given(score: Score) -> None:
    anonymity = score(quasi_identifiers=["city"]).data["anonymity"]
    assert (anonymity["chosen"], anonymity["k"], anonymity["unique_rows"]) == ("given", 2, 0)
    with pytest.raises(ColumnNotFound, match="quasi_identifiers"):
        score(quasi_identifiers=["town"])


def test_a_classification_is_accepted_or_replaced(score: Score) -> None:
    columns = by_column(score(classifications={"email": "accept", "amount": "restricted", "city": "public"}))
    assert [
        (columns[name]["classification"], columns[name]["status"]) for name in ("email", "amount", "city", "id")
    ] == [
        ("confidential", "accepted"),
        ("restricted", "overridden"),
        ("public", "overridden"),
        ("internal", "suggested"),
    ]
    with pytest.raises(ColumnNotFound, match="classifications"):
        score(classifications={"nobody": "public"})


def test_what_is_switched_off_is_not_looked_for(score: Score) -> None:
    kinds = {each["kind"] for each in score(pii_detection_enabled=False).data["findings"]}
    assert kinds == {"card", "health"}
    kinds = {each["kind"] for each in score(sensitive_field_detection_enabled=False).data["findings"]}
    assert {"email", "person_name"} <= kinds
    assert kinds.isdisjoint({"card", "health"})


def test_thresholds_draw_the_lines(score: Score) -> None:
    assert by_column(score())["email"]["risk_level"] == "medium"
    assert by_column(score(high_risk_threshold=60))["email"]["risk_level"] == "high"
    assert by_column(score(medium_risk_threshold=70))["email"]["risk_level"] == "low"
    with pytest.raises(ValidationError, match="above"):
        ScoreRisk(medium_risk_threshold=80)


def test_the_sample_is_as_large_as_was_asked(score: Score) -> None:
    columns = {"mail": [f"u{i}@example.com" for i in range(5000)]}
    assert score(columns, pii_sample_size=5000).data["looked_at"] == {"rows": 5000, "of": 5000}
    assert score(columns, pii_sample_size=100).data["looked_at"]["rows"] < 1000


def test_governance_is_looked_at_where_personal_data_is(score: Score) -> None:
    checks = {each["check"]: each["status"] for each in score(PEOPLE | {"Consent": ["yes"] * 8}).data["governance"]}
    assert (checks["consent_status"], checks["retention_until"]) == ("present", "missing")
    assert score(governance_check_enabled=False).data["governance"] == []
    assert score({"amount": ["1", "2"]}).data["governance"] == []


def test_reference_values_are_public_and_nothing_personal_is_no_risk(score: Score) -> None:
    result = score({"currency": ["EUR", "USD", "CHF", "GBP"] * 3, "amount": [str(i) for i in range(12)]})
    assert by_column(result)["currency"]["suggested"] == "public"
    assert (result.metrics["risk_score"], result.metrics["risk_level"], result.data["anonymity"]) == (0.0, "none", None)
    assert result.alerts == ()


def test_a_table_without_rows_is_refused(score: Score) -> None:
    with pytest.raises(NotApplicable):
        score({"name": []})


def test_what_it_says_is_json(score: Score) -> None:
    assert json.loads(json.dumps(dict(score().data)))


def test_a_masked_copy_is_made_on_request(score: Score) -> None:
    assert "masked.csv" not in score().extras
    result = score(masked_copy=True, target_k=2, mask_methods={"amount": "redact", "country": "redact"})
    copy, masked = result.data["masked_copy"], result.extras["masked.csv"]
    assert masked.columns == tuple(PEOPLE)
    methods = {each["column"]: each["method"] for each in copy["columns"]}
    assert methods["email"] == "pseudonym"
    assert methods["amount"] == methods["card"] == "redact"
    assert (copy["before"]["k"], copy["k"]) == (1, 2)
    assert copy["after"]["k"] >= 2


def test_quasi_identifiers_that_were_given_are_generalised_too(score: Score) -> None:
    copy = score(masked_copy=True, target_k=2, quasi_identifiers=["amount", "country"]).data["masked_copy"]
    levels = {each["column"]: each["level"] for each in copy["columns"] if each["method"] == "generalise"}
    assert levels["amount"] > 0
    assert (copy["before"]["k"], copy["after"]["k"] >= 2) == (1, True)


def test_the_copy_s_pseudonyms_hang_on_the_salt(score: Score) -> None:
    first, again, other = (score(masked_copy=True, mask_salt=salt).extras["masked.csv"] for salt in "aab")
    mails = [table.query("SELECT email FROM {self} ORDER BY __row") for table in (first, again, other)]
    assert mails[0] == mails[1] != mails[2]


def test_methods_are_for_columns_that_are_there(score: Score) -> None:
    with pytest.raises(ColumnNotFound, match="mask_methods"):
        score(mask_methods={"nobody": "hash"})

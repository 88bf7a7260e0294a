"""The five things to know: what is wrong, what is risky, what has changed, and what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from transformers.report.document import by_severity
from transformers.report.wording import label

THINGS = 5
DIMENSIONS = ("completeness", "uniqueness", "validity", "consistency", "timeliness")

_THEMES = {
    "score-risk": "Risky",
    "governance-checker": "Risky",
    "drift-detector": "Changed",
    "readiness-rater": "Ready?",
}
_RISKY = ("privacy", "risk", "security", "governance", "compliance")


def things_to_know(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """At most five, the worst first: one of each theme before a second of any, then trifles, the next step last."""
    steps = list(_next_steps(report))[:1]
    alerts = by_severity([*_announced(report), *_unannounced(report)])
    chosen = _of_every_theme(alerts, THINGS - len(steps))
    return [{**alert, "theme": theme(alert)} for alert in chosen] + steps


def quality_dimensions(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The dimensions of the table's quality that were scored."""
    profiler = (report.get("agent_results") or {}).get("unified-profiler") or {}
    scored = [each for each in (profiler.get("data") or {}).get("dimensions") or [] if each.get("score") is not None]
    return scored or [
        {"dimension": name.removesuffix("_percent"), "score": score}
        for name, score in (profiler.get("metrics") or {}).items()
        if name.removesuffix("_percent") in DIMENSIONS and score is not None
    ]


def grouped_advice(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The recommendations, the most urgent first; the same advice on several columns is said once."""
    grouped: dict[tuple[str, str], dict[str, Any]] = {}
    for each in by_severity(report.get("recommendations") or [], "priority"):
        field, said = str(each.get("field_name") or ""), str(each.get("recommendation") or "")
        advice = said.removeprefix(f"{field}: ").replace(f" ({field}).", ".")
        group = grouped.setdefault(
            (str(each.get("priority")), advice), {**each, "advice": advice[:1].upper() + advice[1:], "fields": []}
        )
        if field and field not in group["fields"]:
            group["fields"].append(field)
    return list(grouped.values())


def theme(alert: Mapping[str, Any]) -> str:
    """What sort of thing an alert says."""
    if str(alert.get("category", "")).lower() in _RISKY:
        return "Risky"
    return _THEMES.get(str(alert.get("agent_id")), "Wrong")


def _announced(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The alerts, those of personal data once: score-risk tells more of it than the profiler."""
    alerts = report.get("alerts") or []
    told = any(alert.get("agent_id") == "score-risk" for alert in alerts)
    for alert in alerts:
        twice = told and alert.get("agent_id") == "unified-profiler" and alert.get("category") == "privacy"
        if not twice:
            yield alert


def _unannounced(report: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The graver issues of agents that raised no alert at all."""
    alarmed = {alert.get("agent_id") for alert in report.get("alerts") or []}
    for issue in report.get("issues") or []:
        if issue.get("agent_id") not in alarmed and issue.get("severity") in ("critical", "high", "medium"):
            field = issue.get("field_name")
            yield {
                **issue,
                "message": _sentence(str(issue.get("message"))),
                "affected_fields": [field] if field else [],
            }


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _of_every_theme(alerts: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    telling = [(place, alert) for place, alert in enumerate(alerts) if alert.get("severity") != "low"]
    firsts = list({theme(alert): place for place, alert in reversed(telling)}.values())
    others = [place for place in range(len(alerts)) if place not in firsts]
    return [alerts[place] for place in sorted((sorted(firsts) + others)[:most])]


def _next_steps(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for route in report.get("routing") or []:
        yield {
            "theme": "Do next",
            "severity": "",
            "message": f"{label(str(route.get('tool_id', '')))} is the next step.",
            "recommendation": route.get("reason") or "",
            "link": "#next",
        }

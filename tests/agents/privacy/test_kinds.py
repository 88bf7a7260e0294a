"""The sorts of personal data in words."""

from agents.privacy.kinds import KINDS


def test_a_title_within_a_sentence_keeps_an_abbreviation() -> None:
    assert [KINDS[kind].within for kind in ("email", "ip_address", "card")] == [
        "e-mail addresses",
        "IP addresses",
        "payment card numbers",
    ]

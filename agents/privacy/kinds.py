"""The sorts of personal data: how much harm they can do, which law speaks of them, how they are masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Classification = Literal["public", "internal", "confidential", "restricted"]
Category = Literal[
    "direct identifier",
    "contact",
    "financial",
    "special category",
    "secret",
    "location",
    "child",
    "quasi-identifier",
]
Style = Literal["email", "name", "number", "date", "hidden"]
Method = Literal["keep", "redact", "hash", "pseudonym", "generalise"]
Framework = Literal["GDPR", "CCPA", "HIPAA", "PCI DSS"]

JUDGED_ROWS = 2_000
"""On about so many rows of a table it is judged what its columns hold, unless more are asked for."""

CLASSIFICATIONS: tuple[Classification, ...] = ("public", "internal", "confidential", "restricted")
"""From the least to the most protected."""


@dataclass(frozen=True)
class Kind:
    """One sort of personal data.

    sensitivity: what a column of it is worth of 80 risk points, before how many cells and persons it concerns.
    identifying: whether a value alone can lead to a person, so that a report never shows one whole.
    style: what a mask leaves of a value. method: what a masked copy does with it.
    """

    title: str
    category: Category
    sensitivity: int
    classification: Classification
    style: Style
    method: Method
    remedy: str
    identifying: bool = True

    @property
    def within(self) -> str:
        """The title as it stands within a sentence."""
        return self.title if self.title[1].isupper() else self.title[0].lower() + self.title[1:]


_PSEUDONYMISE = "Replace it by a pseudonym wherever nobody has to be reached, and let few people see the original."
_DROP = "Leave it out of every copy that doesn't need it; keep the original encrypted, with a log of who reads it."
_GENERALISE = "Generalise it (a year, a region, a band) in every copy that leaves its system."
_SPECIAL = (
    "Process it only with explicit consent or another ground of GDPR article 9; keep it encrypted and apart from names."
)

KINDS: dict[str, Kind] = {
    "email": Kind("E-mail addresses", "contact", 48, "confidential", "email", "pseudonym", _PSEUDONYMISE),
    "phone": Kind("Phone numbers", "contact", 48, "confidential", "number", "hash", _PSEUDONYMISE),
    "person_name": Kind("Names of people", "direct identifier", 46, "confidential", "name", "pseudonym", _PSEUDONYMISE),
    "address": Kind("Postal addresses", "contact", 48, "confidential", "hidden", "redact", _PSEUDONYMISE),
    "birth_date": Kind("Dates of birth", "quasi-identifier", 46, "confidential", "date", "generalise", _GENERALISE),
    "national_id": Kind(
        "National identity and tax numbers", "direct identifier", 72, "restricted", "number", "hash", _DROP
    ),
    "identity_document": Kind(
        "Numbers of passports and licences", "direct identifier", 68, "restricted", "number", "hash", _DROP
    ),
    "card": Kind(
        "Payment card numbers",
        "financial",
        80,
        "restricted",
        "number",
        "redact",
        "Keep a token of the payment provider instead; PCI DSS forbids a number that is stored readable.",
    ),
    "card_security": Kind(
        "Security codes of payment cards",
        "secret",
        80,
        "restricted",
        "hidden",
        "redact",
        "Delete it: PCI DSS forbids keeping it after authorisation, encrypted or not.",
    ),
    "bank_account": Kind("Bank accounts", "financial", 68, "restricted", "number", "hash", _DROP),
    "salary": Kind(
        "Income and wealth", "financial", 50, "confidential", "hidden", "generalise", _GENERALISE, identifying=False
    ),
    "ip_address": Kind("IP addresses", "direct identifier", 36, "confidential", "number", "hash", _PSEUDONYMISE),
    "device_id": Kind(
        "Identifiers of devices", "direct identifier", 34, "confidential", "number", "hash", _PSEUDONYMISE
    ),
    "user_name": Kind("User names", "direct identifier", 34, "confidential", "name", "pseudonym", _PSEUDONYMISE),
    "vehicle": Kind("Vehicles", "direct identifier", 36, "confidential", "number", "hash", _PSEUDONYMISE),
    "medical_id": Kind("Patient and insurance numbers", "direct identifier", 66, "restricted", "number", "hash", _DROP),
    "secret": Kind(
        "Passwords, keys and tokens",
        "secret",
        80,
        "restricted",
        "hidden",
        "redact",
        "Delete the column and change the secrets: whoever has the file can use them.",
    ),
    "precise_location": Kind("Precise locations", "location", 54, "confidential", "number", "generalise", _GENERALISE),
    "health": Kind("Health", "special category", 66, "restricted", "hidden", "redact", _SPECIAL, identifying=False),
    "religion": Kind(
        "Religion or belief", "special category", 66, "restricted", "hidden", "redact", _SPECIAL, identifying=False
    ),
    "politics": Kind(
        "Political opinions", "special category", 66, "restricted", "hidden", "redact", _SPECIAL, identifying=False
    ),
    "ethnicity": Kind(
        "Racial or ethnic origin", "special category", 66, "restricted", "hidden", "redact", _SPECIAL, identifying=False
    ),
    "sex_life": Kind(
        "Sex life or orientation", "special category", 68, "restricted", "hidden", "redact", _SPECIAL, identifying=False
    ),
    "union": Kind(
        "Trade union membership", "special category", 66, "restricted", "hidden", "redact", _SPECIAL, identifying=False
    ),
    "biometrics": Kind("Biometric or genetic data", "special category", 72, "restricted", "hidden", "redact", _SPECIAL),
    "criminal": Kind(
        "Criminal records", "special category", 66, "restricted", "hidden", "redact", _SPECIAL, identifying=False
    ),
    "child": Kind(
        "Children",
        "child",
        60,
        "restricted",
        "hidden",
        "redact",
        "Ask whether it is needed at all; with children, consent is a parent's (GDPR article 8).",
        identifying=False,
    ),
    "gender": Kind("Gender", "quasi-identifier", 12, "internal", "hidden", "keep", _GENERALISE, identifying=False),
    "age": Kind("Age", "quasi-identifier", 14, "internal", "hidden", "generalise", _GENERALISE, identifying=False),
    "postcode": Kind(
        "Postcodes", "quasi-identifier", 16, "internal", "hidden", "generalise", _GENERALISE, identifying=False
    ),
    "place": Kind(
        "Towns and regions", "quasi-identifier", 10, "internal", "hidden", "generalise", _GENERALISE, identifying=False
    ),
    "nationality": Kind(
        "Nationality and language", "quasi-identifier", 20, "internal", "hidden", "keep", _GENERALISE, identifying=False
    ),
    "occupation": Kind(
        "Occupation and education", "quasi-identifier", 14, "internal", "hidden", "keep", _GENERALISE, identifying=False
    ),
    "family": Kind("Family", "quasi-identifier", 16, "internal", "hidden", "keep", _GENERALISE, identifying=False),
}

SPECIAL = tuple(name for name, kind in KINDS.items() if kind.category == "special category")
"""What GDPR article 9 (and 10) protects most."""

QUASI = tuple(name for name, kind in KINDS.items() if kind.category == "quasi-identifier")
"""What names nobody alone and everybody together."""

_HIPAA_IDENTIFIERS = {
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "person_name": "names",
    "address": "geographic subdivisions smaller than a state",
    "postcode": "geographic subdivisions smaller than a state",
    "precise_location": "geographic subdivisions smaller than a state",
    "birth_date": "dates that relate to an individual",
    "national_id": "social security numbers",
    "bank_account": "account numbers",
    "identity_document": "certificate and licence numbers",
    "vehicle": "vehicle identifiers",
    "device_id": "device identifiers",
    "ip_address": "IP addresses",
    "biometrics": "biometric identifiers",
    "medical_id": "medical record and health plan numbers",
}


def frameworks_of(kind: str, *, with_health: bool) -> list[tuple[Framework, str]]:
    """Which rules a column of that kind falls under, and why; HIPAA only in a table that `with_health` data."""
    rules: list[tuple[Framework, str]] = []
    if kind in SPECIAL:
        article = "10 (criminal convictions)" if kind == "criminal" else "9 (special categories)"
        rules.append(("GDPR", f"{KINDS[kind].title.lower()} fall under article {article}"))
    elif kind == "child":
        rules.append(("GDPR", "children's data needs a parent's consent (article 8)"))
    elif kind not in ("secret", "card_security"):
        rules.append(("GDPR", "relates to an identified or identifiable person (article 4)"))
    else:
        rules.append(("GDPR", "a leak of it is a failure of security of processing (article 32)"))
    rules.append(("CCPA", _ccpa_reason(kind)))
    if kind in ("card", "card_security"):
        held = "a primary account number" if kind == "card" else "sensitive authentication data"
        rules.append(("PCI DSS", f"holds {held} (requirement 3)"))
    if kind in ("health", "medical_id"):
        rules.append(("HIPAA", "health information about a person"))
    elif with_health and kind in _HIPAA_IDENTIFIERS:
        rules.append(("HIPAA", f"{_HIPAA_IDENTIFIERS[kind]} beside health data make it protected health information"))
    return rules


_CCPA_SENSITIVE = {
    *SPECIAL,
    *("national_id", "identity_document", "card", "card_security", "bank_account", "secret", "precise_location"),
}


def _ccpa_reason(kind: str) -> str:
    if kind in _CCPA_SENSITIVE:
        return "sensitive personal information (1798.140 ae)"
    return "personal information (1798.140 v)"

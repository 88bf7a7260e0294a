"""What the values of a column have to look like before its name is believed, sort by sort."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence

from agents.privacy import person_names
from agents.privacy.person_names import words
from agents.semantics import phones, validators

Values = Sequence[tuple[str, int]]
"""The distinct texts of a column and how many rows have each."""

Test = Callable[[str], bool]

_DATE = re.compile(
    r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}(?:[T ].*)?|\d{1,2}[-/. ]+[A-Za-z]{3,9}\.?[-/., ]+\d{2,4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}|(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
)
_YEAR = re.compile(r"(?:18|19|20)\d{2}")
_NUMBERED = re.compile(r"(?=(?:\D*\d){5})[A-Za-z\d][A-Za-z\d ./-]{4,24}")
_NUMBER = re.compile(r"[^\w]?\s?-?\d[\d.,' ]*\s?[^\d]{0,4}")
_DIGITS = re.compile(r"\d{6,20}")
_WHOLE_NUMBER = re.compile(r"\d{1,3}(?:\.0)?")
_HANDLE = re.compile(r"@?[A-Za-z][\w.\-]{2,31}")
_DEVICE = re.compile(r"[A-Za-z\d:._-]{8,64}")
_PLATE = re.compile(r"(?=.*\d)[A-Za-z\d][A-Za-z\d -]{3,17}")
_STREET_WORDS = (
    r"street|st|avenue|ave|road|rd|lane|ln|boulevard|blvd|drive|dr|court|ct|way|terrace|place|pl|square|sq|highway|hwy"
    r"|parkway|pkwy|crescent|close"
)
_STREET = re.compile(
    rf"\d+\s?[A-Za-z]?,?\s+(?:[^\W\d]\S*\s+){{1,4}}(?:{_STREET_WORDS})\b.*"
    r"|[^\W\d].{2,40}(?:straße|strasse|str\.|weg|gasse|allee|platz|straat|laan)\s*\d+\s?[a-z]?\b.*"
    r"|(?:\d+[, ]+)?(?:rue|via|calle|avenida|rua|piazza|plaza)\s.+",
    re.I,
)
SECRET = re.compile(
    r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*|AKIA[A-Z\d]{16}|gh[pousr]_\w{30,}|sk_(?:live|test)_\w{16,}|xox[abprs]-[\w-]{10,}"
    r"|\$2[aby]\$\d\d\$.{50,}|\$argon2\w*\$.+|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*|AIza[\w-]{35}"
)
# What stands in every text that holds one of a kind: in the text itself, or with 9 for each of its digits and A for
# each capital. To look for it takes a hundredth of the time that a pattern takes.
MARKS: Mapping[str, tuple[str, ...]] = {
    "email": ("@",),
    "national_id": ("999-99-9999",),
    "card": ("99999999", "9999 9999", "9999-9999"),
    "bank_account": ("AA99",),
    "phone": ("+9", "999-9999", "999.9999", "\n0"),
    "ip_address": ("9.9",),
    "secret": ("eyJ", "AKIA", "gh", "sk_", "xox", "$2", "$argon2", "-----BEGIN", "AIza"),
}
_CLASSES = bytes.maketrans((string.digits + string.ascii_uppercase).encode(), b"9" * 10 + b"A" * 26)

_FLAG = re.compile(r"(?:true|false|yes|no|y|n|t|f|0|1|\d{1,3}|none|never|ok|set|unset)", re.I)
_ICD = re.compile(r"[A-TV-Z]\d[\dA-Z](?:\.[\dA-Z]{1,4})?")
_CODE = re.compile(r"\d{1,2}")

_GENDERS = words(
    "m f w d x u o male female man woman men women other unknown nonbinary non-binary diverse homme femme 0 1 2 9"
)
_SPELLED_GENDERS = frozenset({"male", "female"})

LEXICONS: Mapping[str, frozenset[str]] = {
    "religion": words(
        """
        christian catholic protestant orthodox muslim islam jewish hindu buddhist sikh atheist agnostic
        evangelical lutheran methodist baptist anglican mormon sunni shia judaism christianity hinduism
        buddhism jain taoist pentecostal presbyterian quaker
        """
    ),
    "politics": words(
        """
        democrat democratic republican libertarian labour conservative tory socialist communist liberal spd
        cdu csu afd fdp ukip
        """
    ),
    "ethnicity": words(
        """
        caucasian hispanic latino latina asian black white african-american arab indigenous aboriginal maori
        mestizo roma
        """
    ),
    "sex_life": words("heterosexual homosexual gay lesbian bisexual straight asexual pansexual queer"),
    "health": words(
        """
        diabetes hypertension asthma cancer depression hiv hepatitis epilepsy arthritis migraine anxiety
        copd pneumonia influenza covid-19 tuberculosis schizophrenia dementia alzheimer anemia obesity
        stroke leukemia a+ a- b+ b- ab+ ab- o+ o-
        """
    ),
    "family": words("married single divorced widowed separated engaged cohabiting"),
    "gender": _SPELLED_GENDERS,
}
"""Words that only one sort of column holds: found without a telling name where most cells are such words."""

EVERY_WORD = frozenset().union(*LEXICONS.values())


def kinds_marked(texts: str) -> set[str]:
    """The kinds whose marks stand in some lines of text; every kind where these aren't plain ASCII."""
    if not texts.isascii():
        return set(MARKS)
    both = f"\n{texts}\n{texts.encode().translate(_CLASSES).decode()}"
    return {kind for kind, marks in MARKS.items() if any(mark in both for mark in marks)}


def share(values: Values, test: Test) -> float:
    """The share of rows, and of distinct values where that is less, that pass: one frequent value decides nothing."""
    passed = [rows for text, rows in values if test(text)]
    return min(sum(passed) / sum(rows for _, rows in values), len(passed) / len(values)) if values else 0.0


def _lettered(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


def _of(pattern: re.Pattern[str]) -> Test:
    return lambda text: pattern.fullmatch(text) is not None


def _spoken(kind: str) -> Test:
    spoken = LEXICONS[kind]
    return lambda text: text.lower() in spoken or not spoken.isdisjoint(text.lower().split())


def is_address(text: str) -> bool:
    """A street with its number, as several countries write it."""
    return _STREET.fullmatch(text) is not None


def is_secret(text: str) -> bool:
    """A token, key or password hash by its own unmistakable spelling."""
    return SECRET.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """A day, however it is written."""
    return _DATE.fullmatch(text) is not None and not validators.is_ip(text)


def _people(test: Test) -> Test:
    return lambda text: all(test(each) for each in person_names.people_in(text))


is_name = _people(person_names.may_be_name)
is_full_name = _people(person_names.may_be_full_name)

# What at least this share of a column's cells must pass, once its name says the kind.
NAMED: Mapping[str, tuple[Test, float]] = {
    "email": (validators.is_email, 0.2),
    "phone": (phones.is_any_phone, 0.4),
    "person_name": (lambda text: is_name(text.rstrip("0123456789")), 0.6),
    "address": (lambda text: _lettered(text) or text.isdigit(), 0.6),
    "birth_date": (is_date, 0.6),
    "national_id": (_of(_NUMBERED), 0.6),
    "identity_document": (_of(_NUMBERED), 0.6),
    "card": (lambda text: len(re.sub(r"\D", "", text)) in range(12, 20) and not _lettered(text), 0.6),
    "card_security": (lambda text: text.isdigit() and len(text) in (3, 4), 0.8),
    "bank_account": (_of(_NUMBERED), 0.6),
    "salary": (_of(_NUMBER), 0.6),
    "ip_address": (validators.is_ip, 0.5),
    "device_id": (_of(_DEVICE), 0.7),
    "user_name": (_of(_HANDLE), 0.7),
    "vehicle": (_of(_PLATE), 0.6),
    "medical_id": (lambda text: any(letter.isdigit() for letter in text) and len(text) <= 24, 0.7),
    "secret": (lambda text: len(text) >= 4 and not _FLAG.fullmatch(text) and not is_date(text), 0.7),
    "precise_location": (lambda text: re.fullmatch(r"[+-]?\d{1,3}\.\d{3,}", text) is not None, 0.5),
    "health": (lambda text: not is_date(text), 0.5),
    "religion": (_lettered, 0.7),
    "politics": (_lettered, 0.7),
    "ethnicity": (lambda text: _lettered(text) or _CODE.fullmatch(text) is not None, 0.7),
    "sex_life": (lambda text: not is_date(text), 0.5),
    "union": (lambda text: not is_date(text), 0.5),
    "biometrics": (lambda text: len(text) >= 4, 0.5),
    "criminal": (lambda text: not is_date(text), 0.5),
    "child": (lambda text: not is_date(text), 0.5),
    "gender": (lambda text: text.lower() in _GENDERS, 0.8),
    "age": (lambda text: _WHOLE_NUMBER.fullmatch(text) is not None or _YEAR.fullmatch(text) is not None, 0.9),
    "postcode": (validators.is_any_postcode, 0.6),
    "place": (_lettered, 0.8),
    "nationality": (_lettered, 0.8),
    "occupation": (_lettered, 0.7),
    "family": (lambda text: _lettered(text) or _WHOLE_NUMBER.fullmatch(text) is not None, 0.8),
}

# The same where the name only may mean it.
HINTED: Mapping[str, tuple[Test, float]] = {
    **NAMED,
    "address": (is_address, 0.4),
    "bank_account": (_of(_DIGITS), 0.9),
    "national_id": (_of(_DIGITS), 0.9),
    "secret": (lambda text: len(text) >= 16 and not text.isdigit() and " " not in text, 0.9),
    "politics": (_spoken("politics"), 0.4),
    "health": (lambda text: _ICD.fullmatch(text) is not None or _spoken("health")(text), 0.3),
    "phone": (phones.is_phone, 0.4),
}


def names_without_a_name(values: Values) -> bool:
    """Whether texts are the full names of people, although nothing says so."""
    known = share(values, person_names.holds_known_name)
    given = share(values, person_names.holds_given_name)
    return share(values, is_full_name) >= 0.7 and known >= 0.4 and given >= 0.25


def names_with_a_hint(values: Values) -> bool:
    """Whether texts are names of people where the column may hold such."""
    given = share(values, person_names.holds_given_name)
    full = share(values, is_full_name) >= 0.6 and share(values, person_names.holds_known_name) >= 0.12 and given >= 0.05
    return full or (share(values, is_name) >= 0.8 and given >= 0.3)

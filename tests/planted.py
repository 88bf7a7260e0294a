"""A table full of made-up personal data, and what of it must never be seen whole."""

from collections.abc import Iterable, Mapping

from agents.semantics.validators import is_iban, passes_luhn

_GIVEN = ("Maria", "John", "Emma", "Peter", "Laura", "Omar", "Alice", "David", "Nina", "Oscar")
_FAMILY = ("Quibbleton", "Zornwald", "Wexleyan", "Brackmoor", "Thistlewick", "Ombregard")
_STREETS = ("Larkspur Street", "Juniper Avenue", "Quarry Road", "Heron Lane")

LEADING = (
    "full_name",
    "email",
    "mobile",
    "phone_digits",
    "ssn",
    "tax_id",
    "card",
    "iban",
    "ip",
    "address",
    "born",
    "dob",
)
"""The columns whose cells lead to a person."""


def _card(number: int) -> str:
    body = f"411111{number:09d}"
    return next(body + digit for digit in "0123456789" if passes_luhn(body + digit))


def _iban(number: int) -> str:
    account = f"{37040044:08d}{number:010d}"
    return next(iban for check in range(2, 99) if is_iban(iban := f"DE{check:02d}{account}"))


def people(rows: int) -> dict[str, list[str | None]]:
    """So many people, a few of whom stand in the table twice, with a bit of every dirt."""
    seen = [number - (number % 17 == 16) for number in range(rows)]
    names = [f"{_GIVEN[n % 10]} {_FAMILY[n * 7 % 6]}" for n in seen]
    return {
        "id": [str(number) for number in range(rows)],
        "full_name": [
            name.upper() if n % 19 == 5 else f" {name}" if n % 23 == 3 else name
            for n, name in zip(seen, names, strict=True)
        ],
        "email": ["none yet" if n % 29 == 7 else f"{_GIVEN[n % 10].lower()}.{n}@quibble.example.org" for n in seen],
        "mobile": [f"+1 202 555 {100 + n:04d}" for n in seen],
        "phone_digits": [f"2125550{100 + n:03d}" for n in seen],
        "ssn": [f"{123 + n % 400:03d}-{10 + n % 80:02d}-{4000 + n:04d}" for n in seen],
        "tax_id": [f"{323 + n % 400:03d}{10 + n % 80:02d}{7000 + n:04d}" for n in seen],
        "card": [_card(83_000_000 + 7919 * n) for n in seen],
        "iban": [_iban(532_013_000 + 31 * n) for n in seen],
        "ip": [f"10.77.{n % 200}.{n * 7 % 250}" for n in seen],
        "address": [f"{12 + n} {_STREETS[n % 4]}" for n in seen],
        "born": [f"19{50 + n % 49}-{1 + n % 12:02d}-{1 + n % 28:02d}" for n in seen],
        "dob": [f"{1 + n % 28:02d}.{1 + n * 5 % 12:02d}.19{51 + n % 47}" for n in seen],
        "city": [("Rome", "Oslo", "Bonn")[n % 3] for n in seen],
        "diagnosis": [("asthma", "I10", "E11.9")[n % 3] for n in seen],
        "amount": ["99999" if n == 5 else None if n % 11 == 0 else f"{n * 37 % 100}.5" for n in seen],
        "note": [
            f"write to {_GIVEN[n % 10].lower()}.{n}@quibble.example.org" if n % 9 == 4 else "all well" for n in seen
        ],
        "consent_status": ["perhaps" if n % 8 == 2 else "granted" for n in seen],
    }


def as_csv(columns: Mapping[str, Iterable[str | None]]) -> str:
    """The table as comma-separated text, every cell in quotes."""
    lines = [",".join(f'"{name}"' for name in columns)]
    for row in zip(*columns.values(), strict=True):
        lines.append(",".join("" if cell is None else f'"{cell}"' for cell in row))
    return "\n".join(lines) + "\n"


def secrets(columns: Mapping[str, Iterable[str | None]]) -> set[str]:
    """Every cell that leads to a person, and every birth date as ISO writes it."""
    cells = {cell.strip() for name in LEADING for cell in columns[name] if cell and cell != "none yet"}
    return cells | {"-".join(reversed(cell.split("."))) for cell in columns["dob"] if cell}


def leaked(text: str, columns: Mapping[str, Iterable[str | None]]) -> list[str]:
    """What stands in a text and must not."""
    folded = text.lower()
    return sorted(cell for cell in secrets(columns) if cell.lower() in folded)

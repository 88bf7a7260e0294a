"""Write the example files of this folder: the customers of a shop that doesn't exist, as people really keep them.

`customers_messy.csv` has every fault below; `customers_last_year.csv` holds the same columns for part of the same
people, tidier and with smaller sales: a second source to match, or a baseline to compare with. Names, e-mail addresses
(example.com and example.org) and telephone numbers (555-01xx) are made up.
"""

import csv
import math
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

FOLDER = Path(__file__).parent
SEED = 20260107
PEOPLE = 340

FIRST_NAMES = re.findall(
    r"\w+",
    """Alice Amir Anna Ben Bruno Carla Chen Clara Daniel Diego Elena Emma Farid Felix Grace Hannah Hugo Ines Ivan Jack
    Jonas Julia Karim Laura Leo Lina Lucas Maria Marta Max Mia Nadia Noah Nora Olga Oscar Paul Petra Rosa Samuel Sofia
    Tara Theo Tom Vera Victor Wanda Yusuf Zoe""",
)
LAST_NAMES = re.findall(
    r"\w+",
    """Abbott Alvarez Bauer Bennett Berger Carter Castillo Chandler Dawson Delgado Dixon Eriksen Farrell Fischer
    Fletcher Garner Goodwin Haddad Hartley Hoffman Ibarra Ingram Jansen Keller Kowalski Lambert Larsen Lowell Mahoney
    Marquez Mercer Moretti Nakamura Novak Okafor Osborne Palmer Peterson Quinn Ramsey Reyes Romero Sandoval Schuster
    Silva Sorensen Thornton Underwood Vance Vasquez Wagner Whitaker Winslow Yates Zimmerman""",
)
STREETS = (
    *("Maple Avenue", "Oak Street", "Pine Road", "Cedar Lane", "Elm Street"),
    *("Lake Drive", "Hill Road", "Park Avenue", "Mill Lane", "Station Road"),
)
# postcode, city, state, telephone area
PLACES = (
    ("02108", "Boston", "MA", "617"),
    ("02903", "Providence", "RI", "401"),
    ("03101", "Manchester", "NH", "603"),
    ("04101", "Portland", "ME", "207"),
    ("06103", "Hartford", "CT", "860"),
    ("07102", "Newark", "NJ", "973"),
    ("12207", "Albany", "NY", "518"),
    ("19103", "Philadelphia", "PA", "215"),
    ("60601", "Chicago", "IL", "312"),
    ("80202", "Denver", "CO", "303"),
)
# product, price of one, bag
PRODUCTS = (
    ("House Blend", 11.9, "12 oz"),
    ("Dark Roast", 12.5, "12 oz"),
    ("Decaf", 13.25, "10 oz"),
    ("Espresso", 14.0, "16 oz"),
    ("Single Origin", 17.5, "8 oz"),
)
MISSING = ("N/A", "n/a", "NULL", "-", "")


@dataclass(frozen=True)
class Customer:
    """One row, every cell as it is written."""

    customer_id: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str
    postcode: str
    city: str
    state: str
    signup_date: str
    product: str
    bag: str
    unit_price: str
    quantity: str
    discount: str
    total_spent: str
    newsletter: str


def people(chance: random.Random, number: int) -> list[Customer]:
    """Customers without a fault, each with a name of its own."""
    names = chance.sample([(first, last) for first in FIRST_NAMES for last in LAST_NAMES], number)
    return [person(chance, 10_001 + row, *name) for row, name in enumerate(names)]


def person(chance: random.Random, number: int, first: str, last: str) -> Customer:
    """One customer without a fault."""
    postcode, city, state, area = chance.choice(PLACES)
    product, price, bag = chance.choice(PRODUCTS)
    quantity = chance.randint(1, 12)
    return Customer(
        customer_id=f"C-{number}",
        first_name=first,
        last_name=last,
        email=f"{first}.{last}@{chance.choice(['example.com', 'example.org'])}".lower(),
        phone=f"{area}-555-01{chance.randint(0, 99):02}",
        street=f"{chance.randint(1, 180)} {chance.choice(STREETS)}",
        postcode=postcode,
        city=city,
        state=state,
        signup_date=(date(2022, 1, 1) + timedelta(days=chance.randrange(1400))).isoformat(),
        product=product,
        bag=bag,
        unit_price=f"{price:.2f}",
        quantity=str(quantity),
        discount=f"{chance.choice([0, 5, 10, 15])}%",
        total_spent=f"{price * quantity * chance.randint(2, 40):.2f}",
        newsletter=chance.choice(["yes", "no"]),
    )


def other_date(chance: random.Random, text: str) -> str:
    """The same day as other people write it; where it has slashes, the day comes first."""
    day = date.fromisoformat(text)
    return day.strftime(chance.choice(["%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d", "%b %d, %Y"]))


def other_bag(chance: random.Random, text: str) -> str:
    """The same size, spelled otherwise."""
    ounces = text.split()[0]
    return chance.choice([f"{ounces}oz", f"{ounces}.0 oz.", f"{ounces} OZ", f"{ounces} ounce"])


def other_case(chance: random.Random, text: str) -> str:
    """The same word in capitals, or without any."""
    return chance.choice([text.upper(), text.lower()])


def stray_space(chance: random.Random, text: str) -> str:
    """Blank space before, after or within."""
    return chance.choice([f" {text}", f"{text}  ", text.replace(" ", "  ", 1) if " " in text else f"{text} "])


def typo(chance: random.Random, text: str) -> str:
    """Two letters swapped, one lost or one doubled, never the first."""
    if len(text) < 4:
        return text
    at = chance.randrange(1, len(text) - 2)
    return chance.choice(
        [
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[: at + 1] + text[at:],
        ]
    )


def float_artefact(_chance: random.Random, text: str) -> str:
    """What binary arithmetic leaves of a decimal."""
    return repr(math.nextafter(float(text), math.inf))


def thousands(_chance: random.Random, text: str) -> str:
    """With separators, where there is something to separate."""
    return f"{float(text):,.2f}"


def other_percent(chance: random.Random, text: str) -> str:
    """The same percentage, spelled otherwise."""
    return chance.choice([f"{text[:-1]} %", f"{text[:-1]}.0%"])


def other_phone(chance: random.Random, text: str) -> str:
    """The same number, spelled otherwise."""
    area, exchange, line = text.split("-")
    return chance.choice([f"({area}) {exchange}-{line}", f"+1 {area} {exchange} {line}", f"{area}.{exchange}.{line}"])


def missing(chance: random.Random, _text: str) -> str:
    """One of the ways to say that nothing is known."""
    return chance.choice(MISSING)


# What goes wrong, where, and in how many of a hundred rows.
FAULTS: tuple[tuple[str, float, Callable[[random.Random, str], str]], ...] = (
    ("signup_date", 12, other_date),
    ("bag", 22, other_bag),
    ("city", 5, other_case),
    ("city", 4, typo),
    ("city", 4, stray_space),
    ("first_name", 4, stray_space),
    ("product", 4, stray_space),
    ("product", 4, other_case),
    ("unit_price", 5, float_artefact),
    ("total_spent", 25, thousands),
    ("discount", 12, other_percent),
    ("phone", 15, other_phone),
    ("phone", 5, missing),
    ("street", 4, missing),
    ("newsletter", 6, missing),
    ("state", 3, missing),
    ("newsletter", 8, other_case),
)


def spoil(chance: random.Random, customers: Iterable[Customer]) -> list[Customer]:
    """The customers with each fault in its share of the rows."""
    spoiled = []
    for customer in customers:
        changes: dict[str, str] = {}
        for column, percent, fault in FAULTS:
            cell = getattr(customer, column)
            if chance.random() * 100 < percent and cell and column not in changes:
                changes[column] = fault(chance, cell)
        spoiled.append(replace(customer, **changes))
    return spoiled


def shifted(customer: Customer) -> Customer:
    """The e-mail address one column too far to the right, where the telephone number was."""
    return replace(customer, email="", phone=customer.email)


def same_person(chance: random.Random, number: int, customer: Customer) -> Customer:
    """The same person, entered once more by somebody else."""
    return replace(
        customer,
        customer_id=f"C-{number}",
        first_name=chance.choice(
            [customer.first_name, typo(chance, customer.first_name), customer.first_name[0] + "."]
        ),
        last_name=chance.choice([customer.last_name, typo(chance, customer.last_name)]),
        phone=chance.choice([customer.phone, ""]),
        email=chance.choice([customer.email, customer.email.upper(), ""]),
        street=re.sub(
            "Street|Avenue|Road", lambda word: {"S": "St", "A": "Ave", "R": "Rd"}[word[0][0]], customer.street
        ),
        signup_date=(date.fromisoformat(customer.signup_date) + timedelta(days=chance.randint(20, 90))).isoformat(),
    )


def messy(chance: random.Random, tidy: list[Customer]) -> list[Customer]:
    """This year's file: spoiled, with people entered twice and rows copied."""
    again = [same_person(chance, 10_001 + len(tidy) + n, found) for n, found in enumerate(chance.sample(tidy, 32))]
    rows = spoil(chance, tidy + again)
    for at in chance.sample(range(len(rows)), 6):
        rows[at] = shifted(rows[at]) if "@" in rows[at].email else rows[at]
    rows += chance.sample(rows, 14)
    chance.shuffle(rows)
    return rows


def last_year(chance: random.Random, tidy: list[Customer]) -> list[Customer]:
    """Last year's file: part of the same people under other numbers, and smaller sales."""
    kept = [same_person(chance, 50_001 + n, found) for n, found in enumerate(chance.sample(tidy, 120))]
    return [replace(row, total_spent=f"{float(row.total_spent) * chance.uniform(0.3, 0.6):.2f}") for row in kept]


def write(path: Path, rows: list[Customer], *, delimiter: str = ",") -> None:
    """Write a CSV file; the same rows give the same bytes everywhere."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, asdict(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def write_all(folder: Path) -> None:
    """Write every example file into a folder."""
    chance = random.Random(SEED)
    tidy = people(chance, PEOPLE)
    write(folder / "customers_messy.csv", messy(chance, tidy))
    write(folder / "customers_last_year.csv", last_year(chance, tidy), delimiter=";")


if __name__ == "__main__":
    write_all(FOLDER)

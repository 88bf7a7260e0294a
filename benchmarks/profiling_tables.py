"""Tables for measuring profilers: seeded, of any size, with real tables' faults. Every person in them is made up."""

from pathlib import Path

COLUMNS = 20

_FIRST = "['Ada','Bo','Cy','Dee','Eve','Flo','Gus','Hal','Ida','Jo','Kim','Lou','Max','Nia','Oto','Pia']"
_LAST = "['Abel','Berg','Cole','Dunn','Egan','Frost','Gale','Hahn','Ives','Judd','Kerr','Lang','Mohr','Nash','Orr']"
_CITIES = "['Aalen','Bergen','Como','Derby','Essen','Faro','Genk','Halle','Imst','Jena','Kiel','Linz']"
_COUNTRIES = "['Norway','Germany','Italy','Portugal','Belgium','Austria']"

# A card's sixteenth digit makes Luhn's sum right: every second digit counts double, nines cast out.
_PAYLOAD = "'400000' || lpad(({h7} % 1000000000)::VARCHAR, 9, '0')"
_LUHN = """list_sum(list_transform(range(1, 16), lambda k: CASE k % 2
    WHEN 0 THEN substr({p}, k::INT, 1)::INT
    ELSE CASE substr({p}, k::INT, 1)::INT WHEN 9 THEN 9 ELSE 2 * substr({p}, k::INT, 1)::INT % 9 END END))"""

_BLOCK = {
    "id": "i + {block}",
    "customer_code": "'C-' || lpad(({h1} % 100000000)::VARCHAR, 8, '0')",
    "first_name": f"{_FIRST}[1 + ({{h2}} % 16)::INT]",
    "last_name": f"{_LAST}[1 + ({{h3}} % 15)::INT]",
    "email": f"lower({_FIRST}[1 + ({{h2}} % 16)::INT]) || '.' || {{h4}} % 2000000 || '@example.'"
    " || ['org','com','net'][1 + ({h5} % 3)::INT]",
    "phone": "CASE WHEN {h6} % 10 > 0 THEN '(' || 201 + {h6} % 700 || ') 555-'"
    " || lpad(({h6} // 1000 % 10000)::VARCHAR, 4, '0') END",
    "card": "CASE WHEN {h8} % 5 > 0 THEN {p} || (10 - {luhn} % 10) % 10 END",
    "ssn": "CASE WHEN {h9} % 4 > 0 THEN lpad((1 + {h9} % 665)::VARCHAR, 3, '0') || '-'"
    " || lpad((1 + {h9} // 1000 % 99)::VARCHAR, 2, '0') || '-'"
    " || lpad((1 + {h9} // 100000 % 9999)::VARCHAR, 4, '0') END",
    "city": f"{_CITIES}[1 + ({{h10}} % 12)::INT]",
    "postcode": "lpad(({h11} % 100000)::VARCHAR, 5, '0')",
    "country": f"CASE WHEN {{h12}} % 20 = 0 THEN 'N/A' ELSE {_COUNTRIES}[1 + ({{h10}} % 6)::INT] END",
    "ordered_on": "CASE WHEN {h14} % 5 = 0 THEN strftime(DATE '2015-01-01' + ({h13} % 3650)::INT, '%d.%m.%Y')"
    " ELSE strftime(DATE '2015-01-01' + ({h13} % 3650)::INT, '%Y-%m-%d') END",
    "seen_at": "strftime(TIMESTAMP '2020-01-01' + to_seconds(({h15} % 100000000)::BIGINT), '%Y-%m-%d %H:%M:%S')",
    "amount": "round(exp(({h16} % 10000) / 1500.0) * CASE WHEN {h17} % 1000 = 0 THEN 1000 ELSE 1 END, 2)",
    "score": "CASE WHEN {h18} % 10 > 2 THEN"
    " (({h18} % 1000 + {h18} // 1000 % 1000 + {h18} // 1000000 % 1000)::INT - 1500) / 7.0 END",
    "quantity": "format('{:,}', ({h19} % 20000)::INT)",
    "active": "['yes','no','Yes','no'][1 + ({h20} % 4)::INT]",
    "note": "CASE WHEN {h21} % 5 > 1 THEN 'note ' || {h22} % 500000 END",
    "weight": "{h23} % 1000 || CASE WHEN {h24} % 4 = 0 THEN ' kg' ELSE 'kg' END",
    "ip_address": "'10.' || {h25} % 256 || '.' || {h25} // 256 % 256 || '.' || {h25} // 65536 % 256",
}


def write_table(path: Path, rows: int, columns: int = COLUMNS) -> Path:
    """A CSV of so many rows and columns (a multiple of 20), between 0 and 40 % of each missing; written once."""
    if not path.exists():
        import duckdb  # what measures others should be small itself

        path.parent.mkdir(parents=True, exist_ok=True)
        selected = ", ".join(part for block in range(columns // COLUMNS) for part in _block(block))
        unfinished = path.with_suffix(".part")
        duckdb.execute("SET preserve_insertion_order = true")
        duckdb.execute(
            f"COPY (SELECT {selected} FROM (SELECT range AS i FROM range({int(rows)}))) TO '{unfinished}' (FORMAT csv)"
        )
        unfinished.rename(path)
    return path


def _block(block: int) -> list[str]:
    """Twenty columns; those of further blocks have other values and their number behind the name."""
    hashes = {f"h{number}": f"hash(i, {100 * block + number})" for number in range(1, 26)}
    payload = _PAYLOAD.replace("{h7}", hashes["h7"])
    words = hashes | {"block": str(block), "p": payload, "luhn": _LUHN.replace("{p}", payload)}
    return [f'{_filled(sql, words)} AS "{name}{f"_{block}" if block else ""}"' for name, sql in _BLOCK.items()]


def _filled(sql: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        sql = sql.replace(f"{{{name}}}", f"({word})" if name == "p" else word)
    return sql

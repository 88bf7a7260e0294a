"""Tables made for measuring: seeded, with the faults of real ones. Every person in them is made up."""

from pathlib import Path

import duckdb

_SQL = """
COPY (
    SELECT
        i AS id,
        'C' || lpad((i * 7919 % 1000000)::VARCHAR, 7, '0') AS customer_code,
        first_names[1 + (hash(p, 1) % 12)::INT] AS first_name,
        last_names[1 + (hash(p, 2) % 12)::INT] || (hash(p, 3) % 9000)::VARCHAR AS last_name,
        lower(first_names[1 + (hash(p, 1) % 12)::INT]) || '.' || p || '@example.org' AS email,
        CASE WHEN hash(i, 4) % 10 = 0 THEN NULL
             ELSE '+1 555 ' || lpad((hash(p, 5) % 10000000)::VARCHAR, 7, '0') END AS phone,
        cities[1 + (hash(p, 6) % 10)::INT] AS city,
        lpad((hash(p, 7) % 100000)::VARCHAR, 5, '0') AS postcode,
        CASE WHEN hash(i, 8) % 20 = 0 THEN 'N/A' ELSE countries[1 + (hash(p, 9) % 5)::INT] END AS country,
        CASE WHEN hash(i, 11) % 50 = 0 THEN strftime(DATE '2015-01-01' + (hash(i, 10) % 3650)::INT, '%d.%m.%Y')
             ELSE strftime(DATE '2015-01-01' + (hash(i, 10) % 3650)::INT, '%Y-%m-%d') END AS ordered_on,
        strftime(TIMESTAMP '2020-01-01' + to_seconds((hash(i, 12) % 100000000)::BIGINT), '%Y-%m-%d %H:%M:%S')
            AS seen_at,
        CASE WHEN hash(i, 13) % 1000 = 0 THEN 9999999 ELSE hash(i, 14) % 100000 END / 100.0 AS amount,
        CASE WHEN hash(i, 15) % 5 = 0 THEN NULL ELSE hash(i, 16) % 120 END AS age,
        hash(i, 17) % 100000 / 7.0 AS score,
        CASE hash(i, 18) % 3 WHEN 0 THEN 'yes' WHEN 1 THEN 'no' ELSE 'Yes' END AS active,
        CASE WHEN hash(i, 19) % 5 < 2 THEN NULL ELSE 'note ' || hash(i, 20) % 500000 END AS note,
        (hash(i, 21) % 1000)::VARCHAR || CASE WHEN hash(i, 22) % 4 = 0 THEN ' kg' ELSE 'kg' END AS weight,
        '  ' || (hash(i, 23) % 50)::VARCHAR AS shelf,
        'K' || hash(i, 24) % 200 AS category,
        '10.' || hash(i, 25) % 256 || '.' || hash(i, 26) % 256 || '.' || hash(i, 27) % 256 AS address
    FROM (
        -- One person in twenty stands in the table twice.
        SELECT range AS i, CASE WHEN hash(range, 0) % 20 = 0 THEN greatest(range - 1, 0) ELSE range END AS p
        FROM range($rows)
    ), (SELECT
        ['Ada','Bo','Cy','Dee','Eve','Flo','Gus','Hal','Ida','Jo','Kim','Lou'] AS first_names,
        ['Abel','Berg','Cole','Dunn','Egan','Frost','Gale','Hahn','Ives','Judd','Kerr','Lang'] AS last_names,
        ['Aalen','Bergen','Como','Derby','Essen','Faro','Genk','Halle','Imst','Jena'] AS cities,
        ['Norway','Germany','Italy','Portugal','Belgium'] AS countries)
    ORDER BY i
) TO '{path}' (FORMAT csv, HEADER)
"""


def write_table(path: Path, rows: int) -> Path:
    """A table of 20 columns and so many rows; written once, the same every time."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        duckdb.execute(_SQL.replace("{path}", str(path)), {"rows": rows})
    return path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import keys
from storage.port import checked_key


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\sales 2024.xlsx", "sales 2024.xlsx"),
        ("Übersicht_你好.csv", "Übersicht_你好.csv"),
        ("U\u0308.csv", "Ü.csv"),
        ("..", "file"),
        ("", "file"),
        ("a/", "file"),
        (".hidden.csv", "hidden.csv"),
        ("a\x00b\nc.csv", "ab c.csv"),
        ("exe\u202evsc.csv", "exevsc.csv"),
        ("nul.csv", "_nul.csv"),
        ('50% <b>"x"</b>?.csv', "b__.csv"),
        ("\ud800.csv", "csv"),
    ],
)
def test_names_become_safe(given_name, safe):
    assert keys.safe_filename(given_name) == safe


def test_a_long_name_keeps_its_suffix():
    name = keys.safe_filename("x" * 500 + ".csv.gz")
    assert name.endswith("x.csv.gz")
    assert len(name) == 150


@given(st.text(max_size=400))
def test_every_name_makes_a_key_once_and_for_all(name):
    safe = keys.safe_filename(name)
    assert 0 < len(safe) <= 151
    assert checked_key(keys.input_key("u", "t", "primary", name)) == f"users/u/tasks/t/inputs/primary/{safe}"
    assert keys.safe_filename(safe) == safe


def test_the_layout():
    assert keys.parameters_key("u", "t") == "users/u/tasks/t/inputs/parameters.json"
    assert keys.checkpoint_prefix("u", "t", 3, 1, "null-handler") == "users/u/tasks/t/attempts/3/01-null-handler"
    assert keys.output_key("u", "t", 3, "report.json") == "users/u/tasks/t/attempts/3/outputs/report.json"

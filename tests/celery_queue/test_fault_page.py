"""docs/faults.md names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"`(?:([\w/]+\.py))?(?:::)?(test_\w+)(?:\[\w+\])?`")


def test_every_test_that_is_named_is_there():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    missing, path = [], ""
    for found in NAMED.finditer(page):
        path = found[1] or path
        file = ROOT / path if path.startswith("tests/") else ROOT / "tests" / "celery_queue" / path
        if f"def {found[2]}(" not in file.read_text(encoding="utf-8"):
            missing.append(found[0])
    assert missing == []
    assert len(NAMED.findall(page)) > 30

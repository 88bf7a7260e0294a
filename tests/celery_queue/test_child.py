import subprocess
import sys
from pathlib import Path

import pytest

from transformers.tools import tools

ROOT = Path(__file__).parent.parent.parent
JOB = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from celery_queue import child
from transformers.pipeline import run
from transformers.specification import InputSpec, Specification
from transformers.tools import order

def own():
    return {name for name in sys.modules if name.partition(".")[0] in ("agents", "transformers")}

folder, tool_id = Path(sys.argv[1]), sys.argv[2]
child._prepare(tool_id)
before = own()
ordered = order(tool_id)
run(folder, Specification(
    task_id="t", tool_id=tool_id, agents=ordered.agents, parameters=ordered.parameters, prices=ordered.prices,
    inputs=(InputSpec(role="primary", filename="t.csv", path="t.csv"),), created_at=datetime(2026, 1, 2, tzinfo=UTC),
), lambda _: None)
print(*(own() - before))
"""


@pytest.mark.parametrize("tool_id", tools())
def test_a_child_that_knows_the_tool_has_all_of_it_ready(tmp_path, tool_id):
    rows = "".join(f"{n},ann{n % 7}@example.org,{n % 3},Ann {n % 5} Lee\n" for n in range(60))
    (tmp_path / "t.csv").write_text(f"id,mail,group,name\n{rows}", encoding="utf-8")
    command = [sys.executable, "-c", JOB, tmp_path, tool_id]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.split() == []
    assert (tmp_path / "outputs" / "report.html").exists()

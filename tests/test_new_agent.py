"""Adding an agent is adding one file: it appears everywhere without another edit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
AGENT = '''
"""A throw-away agent."""

from pydantic import Field

from agents.base import AgentContext, AgentResult, Params, agent
from agents.table import Table


class RowCounter(Params):
    """How it counts."""

    step: int = Field(1, ge=1, description="Counts by this number.")


@agent(credits=7, after=("type-fixer",))
def run(table: Table, params: RowCounter, ctx: AgentContext) -> AgentResult:
    """Count the rows, for the fun of it."""
    return AgentResult(metrics={"counted": table.rows * params.step})
'''
LOOK = """
import json
from api.app import create_app
from cli.show import reference
from transformers.tools import order, tool_of

ordered = order("clean-my-data", None, {"row-counter": {"step": 3}})
schema = create_app().openapi()
print(json.dumps({
    "agents": [agent.id for agent in tool_of("clean-my-data").agents],
    "price": ordered.prices["row-counter"],
    "step": ordered.parameters["row-counter"]["step"],
    "openapi": "row-counter" in json.dumps(schema),
    "docs": "### row-counter: 7 credits" in reference(),
}))
"""


@pytest.fixture(scope="module")
def copy_of_house(tmp_path_factory) -> Path:
    house = tmp_path_factory.mktemp("house")
    for name in ("agents", "transformers", "celery_queue", "api", "db", "billing", "storage", "cli"):
        shutil.copytree(ROOT / name, house / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in ROOT.glob("*.py"):
        shutil.copy(path, house)
    (house / "agents" / "clean" / "row_counter.py").write_text(AGENT)
    return house


def run(house: Path, *arguments: str) -> str:
    environment = os.environ | {"DATA_DIR": str(house / "var")}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=house, env=environment, check=True, capture_output=True, text=True).stdout


def test_it_appears_in_the_order_the_price_the_schema_and_the_docs(copy_of_house):
    seen = json.loads(run(copy_of_house, "-c", LOOK))
    assert seen["agents"].index("row-counter") > seen["agents"].index("type-fixer")
    assert (seen["price"], seen["step"], seen["openapi"], seen["docs"]) == (7, 3, True, True)


def test_it_is_listed_and_runs(copy_of_house):
    assert "row-counter" in run(copy_of_house, "main.py", "tools")
    (copy_of_house / "t.csv").write_text("a\n1\n2\n")
    run(copy_of_house, "main.py", "run", "t.csv", "--tool", "clean-my-data", "--out", "out", "--quiet")
    report = json.loads((copy_of_house / "out" / "report.json").read_text())
    assert report["agent_results"]["row-counter"]["metrics"] == {"counted": 2}

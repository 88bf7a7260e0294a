"""What can be ordered is shown from the agents themselves."""

from pathlib import Path

from agents.base import registry
from cli.show import reference

PAGE = Path(__file__).resolve().parents[2] / "docs" / "agents.md"


def test_tools_lists_every_agent_with_its_price(main):
    shown = main("tools").stdout
    assert all(agent.id in shown and str(agent.credits) in shown for agent in registry().values())


def test_the_reference_page_is_fresh():
    """Stale? `python main.py tools --markdown > docs/agents.md`."""
    assert PAGE.read_text(encoding="utf-8") == reference() + "\n"

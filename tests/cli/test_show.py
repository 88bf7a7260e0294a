"""What can be ordered is shown from the agents themselves."""

from pathlib import Path

from agents.base import registry
from cli.show import configuration, reference
from settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_tools_lists_every_agent_with_its_price(main):
    shown = main("tools").stdout
    assert all(agent.id in shown and str(agent.credits) in shown for agent in registry().values())


def test_settings_lists_every_variable(main):
    shown = main("settings", "--markdown").stdout
    assert all(f"`{name.upper()}`" in shown for name in Settings.model_fields)


def test_the_pages_are_fresh():
    """Stale? `make docs`."""
    assert (DOCS / "agents.md").read_text(encoding="utf-8") == reference() + "\n"
    assert (DOCS / "configuration.md").read_text(encoding="utf-8") == configuration() + "\n"

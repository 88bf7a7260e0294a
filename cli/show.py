"""`python main.py tools` and `settings`: what can be ordered and configured, read from the code itself."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agents.base import Agent
from settings import Settings
from transformers.tools import ToolSpec
from transformers.tools import tools as all_tools


def tools(
    markdown: Annotated[bool, typer.Option(help="Print the reference page docs/agents.md instead.")] = False,
) -> None:
    """List the tools, their agents and prices."""
    if markdown:
        print(reference())
        return
    console = Console()
    for tool in all_tools().values():
        table = Table(title=f"{tool.id} · {tool.help}", title_justify="left", show_edge=False, pad_edge=False)
        for heading in ("agent", "credits", "what it does"):
            table.add_column(heading, justify="right" if heading == "credits" else "left")
        for agent in tool.agents:
            table.add_row(agent.id, str(agent.credits), agent.help.splitlines()[0])
        console.print(table, "")


def settings(
    markdown: Annotated[bool, typer.Option(help="Print the reference page docs/configuration.md instead.")] = False,
) -> None:
    """List every setting with its default, as the environment names it."""
    if markdown:
        print(configuration())
        return
    table = Table(show_edge=False, pad_edge=False)
    for heading in ("variable", "default", "what it does"):
        table.add_column(heading)
    for name, default, description in _settings():
        table.add_row(name, default, description)
    Console().print(table)


def configuration() -> str:
    """docs/configuration.md: every setting."""
    rows = [f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in _settings()]
    head = ["# Settings", "", "Environment variables, or lines of a file `.env` in the working folder. Printed by"]
    head += ["`python main.py settings --markdown`.", "", "| variable | default | what it does |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def _settings() -> list[tuple[str, str, str]]:
    fields = Settings.model_fields.items()
    return [(name.upper(), _default(info.default), info.description or "") for name, info in fields]


def _default(value: object) -> str:
    return "" if value is None else str(value)


def reference() -> str:
    """docs/agents.md: every tool, agent and parameter."""
    parts = [
        "# Tools, agents, parameters",
        "",
        "Printed by `python main.py tools --markdown`.",
    ]
    for tool in all_tools().values():
        parts += ["", *_tool(tool)]
        for agent in tool.agents:
            parts += ["", *_agent(agent)]
    return "\n".join(parts)


def _tool(tool: ToolSpec) -> list[str]:
    files = [f"- `{role.name}{'*' if role.many else ''}`: {role.help}" for role in tool.roles]
    return [f"## {tool.id}", "", tool.help, "", *files]


def _agent(agent: Agent) -> list[str]:
    lines = [f"### {agent.id}: {agent.credits} credits", "", agent.help, ""]
    if not agent.params.model_fields:
        return lines[:-1]
    lines += ["| parameter | default | what it does |", "|---|---|---|"]
    for name, info in agent.params.model_fields.items():
        default = info.get_default(call_default_factory=True)
        lines.append(f"| `{name}` | `{_shown(default)}` | {info.description} |")
    return lines


def _shown(value: object) -> str:
    return str(value).replace("|", "\\|")

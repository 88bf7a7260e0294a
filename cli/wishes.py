"""What `run` is asked for, checked before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import InvalidInput
from transformers.tools import OUTPUT, order, tool_of


@dataclass(frozen=True)
class Wish:
    """One tool of the command line, checked."""

    tool_id: str
    agents: list[str] | None
    parameters: dict[str, Any]
    out: Path


def files_of(primary: Path, others: Iterable[str]) -> dict[str, Path]:
    """The files by role; each of the others is spelt ROLE=FILE."""
    return {"primary": primary} | dict(map(_role, others))


def _role(text: str) -> tuple[str, Path]:
    role, equals, path = text.partition("=")
    if not equals:
        raise InvalidInput(f"--input takes ROLE=FILE, not {text!r}")
    return role, Path(path)


def wishes_of(
    tool: str, agents: str | None, parameters: Path | None, out: Path, files: Mapping[str, Path]
) -> list[Wish]:
    """Check everything that can be checked before anything runs."""
    for path in files.values():
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
    tool_ids = [each.strip() for each in tool.split(",")]
    chosen = [each.strip() for each in agents.split(",") if each.strip()] if agents else None
    given = _read_parameters(parameters) if parameters else {}
    wishes = [
        Wish(
            tool_id,
            agents=_of_tool(tool_id, chosen, tool_ids),
            parameters=_parameters_of(tool_id, given, tool_ids),
            out=out / tool_id if len(tool_ids) > 1 else out,
        )
        for tool_id in tool_ids
    ]
    for wish in wishes:
        order(wish.tool_id, wish.agents, wish.parameters)
    tool_of(tool_ids[0]).check_roles(files)
    for wish in wishes:
        _check_folder(wish.out)
    return wishes


def _check_folder(out: Path) -> None:
    """Refuse now, rather than when the results are there, what can't be a folder."""
    place = next(each for each in (out.absolute(), *out.absolute().parents) if each.exists())
    if not place.is_dir():
        raise InvalidInput(f"--out: {place} is a file, so results can't be put there")


def _read_parameters(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(path.read_bytes())  # which tells UTF-8 and the UTF-16 of a PowerShell's `>` apart
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(given, dict):
        raise InvalidInput(f"{path} is not an object of agents")
    return given


def _of_tool(tool_id: str, chosen: list[str] | None, tool_ids: list[str]) -> list[str] | None:
    """The chosen agents that are this tool's; with one tool all of them, so that a wrong name is told."""
    if chosen is None or len(tool_ids) == 1:
        return chosen
    own = {agent.id for agent in tool_of(tool_id).agents}
    return [each for each in chosen if each in own] or None


def _parameters_of(tool_id: str, given: Mapping[str, Any], tool_ids: list[str]) -> dict[str, Any]:
    if len(tool_ids) == 1:
        return dict(given)
    own = {agent.id for agent in tool_of(tool_id).agents} | tool_of(tool_id).common.keys()
    strangers = {OUTPUT, *(agent.id for other in tool_ids for agent in tool_of(other).agents)} - own
    return {name: value for name, value in given.items() if name not in strangers}

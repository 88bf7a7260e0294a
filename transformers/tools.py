"""What a user can order: tools, their files, agents, parameters and prices, all derived from the agents themselves."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from agents.base import Agent, Params, agents_of
from errors import InvalidParameters, MissingInput, UnknownAgent, UnknownTool
from transformers.plain_json import unstorable

if TYPE_CHECKING:
    from transformers.pipeline import Run
    from transformers.report.masking import Shield

INPUT = "input"
"""The name under which `parameters` holds what concerns reading, beside the agents' ids."""

OUTPUT = "output"
"""The name under which `parameters` holds what concerns the results, of tools that mask them."""

_TOOLS = ("profile-my-data", "clean-my-data", "master-my-data")
_MESSAGES = {"extra_forbidden": "there is no such parameter", "model_type": "must be an object of parameters"}
_SHORT = 60


class InputParams(Params):
    """How the files are read."""

    sheet: str | None = Field(None, description="Sheet of an XLSX file; empty = the first that holds data.")


class OutputParams(Params):
    """What the results may show."""

    unmask: bool = Field(
        False,
        description="Leave the cells of confidential and restricted columns whole in the files that list rows; the "
        "report stays masked. The task's timeline says who asked for it.",
    )


@dataclass(frozen=True)
class Role:
    """What a file is to a tool. `many`: any number of files whose role starts with this name (source_a, source_b)."""

    name: str
    help: str
    required: bool = False
    many: bool = False

    def takes(self, role: str) -> bool:
        """Whether a file of that role belongs here."""
        return role.startswith(self.name) and role != self.name if self.many else role == self.name


@dataclass(frozen=True)
class SummaryItem:
    """One figure of the executive summary; `status` colours it."""

    id: str
    title: str
    value: str
    status: str
    description: str


@dataclass(frozen=True)
class ToolSpec:
    """A tool: its files, its agents (those of its folder), the output the next tool takes, its summary, and, where its
    results are masked, what shields them; `imports` are the modules that these two import when they run."""

    id: str
    title: str
    help: str
    roles: tuple[Role, ...]
    main_output: str
    summarise: Callable[[Run], list[SummaryItem]]
    shield: Callable[[Run], Shield] | None = None
    imports: tuple[str, ...] = ()

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Its agents in the order in which they run."""
        return tuple(agents_of(self.id).values())

    @property
    def work(self) -> tuple[str, ...]:
        """The modules that a run of it imports when it comes to them, and whoever takes orders doesn't."""
        return (*(each.work for each in self.agents if each.work), *self.imports)

    @property
    def common(self) -> dict[str, type[Params]]:
        """The parameters that belong to no agent, by the name of their part."""
        return {INPUT: InputParams} | ({OUTPUT: OutputParams} if self.shield else {})

    def check_roles(self, roles: Iterable[str]) -> None:
        """Raise MissingInput unless every file has a place here and every needed file is there."""
        given = set(roles)
        for role in given:
            if not any(each.takes(role) for each in self.roles):
                known = ", ".join(each.name + "*" * each.many for each in self.roles)
                raise MissingInput(f"{self.id} takes no file called {role}; it takes {known}", unknown=role)
        sources = any(each.many and each.takes(role) for each in self.roles for role in given)
        missing = [each.name for each in self.roles if each.required and each.name not in given and not sources]
        if missing:
            raise MissingInput(f"{self.id} needs the file {', '.join(missing)}", missing=missing)


@functools.cache
def tools() -> Mapping[str, ToolSpec]:
    """Every tool by id."""
    return {tool_id: tool_of(tool_id) for tool_id in _TOOLS}


def tool_of(tool_id: str) -> ToolSpec:
    """The tool of that id, which alone is imported; UnknownTool where there is none."""
    if tool_id not in _TOOLS:
        raise UnknownTool(f"there is no tool {tool_id!r}; there are {', '.join(_TOOLS)}", known=list(_TOOLS))
    tool: ToolSpec = importlib.import_module(f"transformers.{tool_id.replace('-', '_')}_transformer").TOOL
    return tool


@dataclass(frozen=True)
class Order:
    """A valid order: the agents that will run, in order, their parameters with every default, and their prices."""

    tool: ToolSpec
    agents: tuple[str, ...]
    parameters: Mapping[str, Mapping[str, Any]]
    prices: Mapping[str, int]

    @property
    def credits(self) -> int:
        """What it costs if no agent is skipped."""
        return sum(self.prices.values())

    @property
    def unmasked(self) -> bool:
        """Whether files that list rows are to show confidential cells."""
        return bool(self.parameters.get(OUTPUT, {}).get("unmask"))


def order(tool_id: str, agents: Iterable[str] | None = None, parameters: Mapping[str, Any] | None = None) -> Order:
    """Check an order and fill it in; UnknownTool, UnknownAgent, or InvalidParameters with every fault at once."""
    tool = tool_of(tool_id)
    chosen = _choose(tool, agents)
    models: dict[str, type[Params]] = tool.common | {each.id: each.params for each in chosen}
    given = dict(parameters or {})
    faults = [_stranger(tool, name) for name in given if name not in models]
    if fault := unstorable(given):
        faults.append({"path": fault[0], "message": fault[1]})
    filled: dict[str, dict[str, Any]] = {}
    for name, model in models.items():
        try:
            filled[name] = model.model_validate(given.get(name, {})).model_dump(mode="json")
        except ValidationError as error:
            faults += [_fault(name, each) for each in error.errors()]
    if faults:
        raise InvalidParameters(faults)
    return Order(tool, tuple(each.id for each in chosen), filled, {each.id: each.credits for each in chosen})


def _choose(tool: ToolSpec, agents: Iterable[str] | None) -> list[Agent]:
    known = {each.id: each for each in tool.agents}
    wanted = {each.id for each in tool.agents if each.default} if agents is None else set(agents)
    strangers = sorted(wanted - known.keys())
    if strangers:
        raise UnknownAgent(
            f"{tool.id} has no agent {', '.join(map(repr, strangers))}; it has {', '.join(known)}", unknown=strangers
        )
    return [each for each in tool.agents if each.id in wanted or each.always]


def _stranger(tool: ToolSpec, name: str) -> dict[str, str]:
    there = name in {each.id for each in tool.agents}
    return {
        "path": name,
        "message": "this agent is not among the chosen ones" if there else f"{tool.id} has no agent of this name",
    }


def _fault(name: str, error: Any) -> dict[str, str]:
    path = ".".join([name, *(str(part) for part in error["loc"])])
    return {"path": path, "message": _MESSAGES.get(error["type"]) or _in_words(error)}


def _in_words(error: Any) -> str:
    """What the validator says, and the value where it is short."""
    message, given = str(error["msg"]).removeprefix("Value error, "), error["input"]
    short = isinstance(given, str | int | float) and len(str(given)) <= _SHORT and error["type"] != "value_error"
    return f"{message} (given: {given!r})" if short else message


def request_models() -> Mapping[str, type[BaseModel]]:
    """A model of POST /tasks per tool, with every agent's own parameters: what OpenAPI and the form show."""
    return {tool.id: _request_model(tool) for tool in tools().values()}


def _request_model(tool: ToolSpec) -> type[BaseModel]:
    fields: dict[str, Any] = {
        each.id: (each.params | None, Field(None, title=each.title, description=each.help)) for each in tool.agents
    }
    for part, model in tool.common.items():
        fields[part] = (model | None, Field(None, description=model.__doc__))
    name = "".join(part.capitalize() for part in tool.id.split("-"))
    forbid = ConfigDict(extra="forbid")
    parameters = create_model(f"{name}Parameters", __config__=forbid, **fields)
    return create_model(
        f"{name}Order",
        __config__=forbid,
        __doc__=tool.help,
        tool_id=(str, Field(json_schema_extra={"const": tool.id})),
        agents=(list[str] | None, Field(None, description="Agents to run; empty = the tool's defaults.")),
        parameters=(parameters | None, Field(None, description="Parameters by agent.")),
    )

"""What can be ordered, read from the tools themselves."""

from fastapi import APIRouter

from api.refusals import refuses
from api.schemas import AgentAnswer, FileRole, ToolAnswer
from errors import NotFound
from transformers.tools import InputParams, OutputParams, ToolSpec, tools

router = APIRouter(prefix="/tools", tags=["tools"])


@router.get("")
def list_tools() -> list[ToolAnswer]:
    """Every tool with its files, and its agents in order with help, price and parameters."""
    return [_answer(tool) for tool in tools().values()]


@router.get("/{tool_id}", responses=refuses(NotFound))
def get_tool(tool_id: str) -> ToolAnswer:
    """One tool."""
    if tool_id not in tools():
        raise NotFound("There is no such tool.", known=list(tools()))
    return _answer(tools()[tool_id])


def _answer(tool: ToolSpec) -> ToolAnswer:
    return ToolAnswer(
        id=tool.id,
        title=tool.title,
        help=tool.help,
        files=[FileRole(role=role.name, required=role.required, many=role.many, help=role.help) for role in tool.roles],
        agents=[
            AgentAnswer(
                id=agent.id,
                title=agent.title,
                help=agent.help,
                credits=agent.credits,
                default=agent.default,
                always=agent.always,
                parameters=agent.params.model_json_schema(),
            )
            for agent in tool.agents
        ],
        input_parameters=InputParams.model_json_schema(),
        output_parameters=OutputParams.model_json_schema() if tool.shield else None,
        main_output=tool.main_output,
    )

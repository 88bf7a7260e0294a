from transformers.tools import tools


def test_every_tool_shows_its_files_and_agents(client):
    shown = {tool["id"]: tool for tool in client.get("/tools").json()}
    assert shown.keys() == tools().keys()
    clean = shown["clean-my-data"]
    assert {"role": "primary", "required": True}.items() <= clean["files"][0].items()
    assert [agent["id"] for agent in clean["agents"]] == [agent.id for agent in tools()["clean-my-data"].agents]


def test_an_agent_tells_price_help_and_parameters(client):
    agents = {agent["id"]: agent for agent in client.get("/tools/clean-my-data").json()["agents"]}
    fixer = agents["type-fixer"]
    assert fixer["credits"] == 25
    assert fixer["help"]
    assert fixer["parameters"]["properties"]["date_order"]["description"]


def test_the_document_shows_every_agents_own_parameters(client):
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    choices = document["paths"]["/tasks"]["post"]["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert len(choices) == len(tools())
    order = schemas["CleanMyDataOrder"]["properties"]
    assert {"tool_id", "agents", "parameters", "dataset", "inputs_from"} <= order.keys()
    assert "date_order" in schemas["TypeFixer"]["properties"]
    assert client.get("/docs").status_code == 200


def test_every_reference_in_the_document_leads_somewhere(client):
    document = client.get("/openapi.json").json()

    def references(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    names = {reference.rpartition("/")[2] for reference in references(document)}
    assert names <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in names

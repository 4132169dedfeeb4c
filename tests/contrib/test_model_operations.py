"""The operations of a ModelToolset take what their class says, and no more."""

from django_mcp import MCPServer
from django_mcp.contrib.model_toolset import ModelToolset
from tests.contrib.zoo import Animal


class Visits(ModelToolset):
    model = Animal
    fields = ("id", "facts", "tags")
    operations = ("list", "get", "count", "aggregate", "delete")
    ordering = ("name",)
    noun = "visit"
    prefix = "our_"


def schemas():
    server = MCPServer("operations", version="1")
    server.toolset(Visits)
    return {name: tool.definition for name, tool in server.registry.tools.items()}


def test_operations_are_named_by_the_noun_and_its_plural():
    assert " ".join(schemas()) == (
        "our_list_visits our_get_visit our_count_visits our_aggregate_visits our_delete_visit"
    )


def test_json_and_lists_are_neither_grouped_nor_summed_up_by():
    properties = schemas()["our_aggregate_visits"]["inputSchema"]["properties"]

    assert properties["field"] == {"type": "string", "enum": ["id", "pk"], "default": "pk"}
    assert properties["group_by"] == {"type": "string", "const": "id"}


def test_a_list_is_sorted_either_way():
    properties = schemas()["our_list_visits"]["inputSchema"]["properties"]

    assert properties["order_by"] == {"type": "string", "enum": ["name", "-name"]}

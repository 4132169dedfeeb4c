"""Every model of a project that is not ours, as tools: whatever is asked, the answer is a result or a sentence."""

import re

import pytest
from django.db import models

from django_mcp.testing import MCPClient, MCPError
from tests.zoo.rows import make_row, make_user
from tests.zoo.served.mcp import SERVED, WRITES

pytestmark = pytest.mark.django_db(databases="__all__")

WAY_OUT = re.compile(
    r"leave it out|leave create out|toolset of its own|name its columns|needs search_fields|use (one of )?\w+|"
    r"say (how|in)|add a method|name it"
)
FAILED = "failed unexpectedly"

# Oscar saves these without a type, and then cannot say what they are called: its own admin fails too.
FAULTS_OF_THEIRS = [f"admin_{verb}_{noun}" for verb in ("create", "delete") for noun in ("condition", "benefit")]


@pytest.fixture(params=SERVED, ids=str)
def served(request):
    return request.param


def client_of(kind):
    return MCPClient("/mcp", user=make_user(kind))


_schemas = {}


def schemas_of(client):
    """The schemas of the arguments of the owner's tools, by the tools' names."""
    if not _schemas:
        _schemas.update({tool["name"]: tool["inputSchema"] for tool in client.list_tools()})
    return _schemas


def schema_of(client, tool):
    return schemas_of(client)[tool]


def tools_of(client, served):
    """The owner's tools of a model, by operation: some admins let nobody add, change or delete, as django CMS's do."""
    tools = {operation: name for operation, name in served.tools.items() if name in schemas_of(client)}
    assert served.by_admin or tools == served.tools
    return tools


def call(client, tool, arguments):
    """The answer, which is never an accident of the server's."""
    answer = client.call_tool(tool, arguments)
    assert tool in FAULTS_OF_THEIRS or FAILED not in answer.text, f"{tool} {arguments}: {answer.text}"
    return answer


def test_whatever_is_refused_is_refused_by_a_sentence_with_the_way_out(served):
    assert {what: said for what, said in served.refused.items() if not WAY_OUT.search(said)} == {}


def test_the_owner_reads_and_writes_each_row_or_is_told_why_not(served, report):
    row = make_row(served.model)
    client = client_of("owner")
    tools = tools_of(client, served)
    counted = report(served)
    call(client, tools["list"], {})
    if "search" in tools:
        call(client, tools["search"], {"query": "a ё"})
    _aggregate_everything(client, served)
    if row is not None:
        pk = _key(row)
        found = call(client, tools["get"], {"pk": pk})
        assert not found.is_error, found.text
        counted["read"] = True
        _filter_by_everything(client, served, found.data)
        if "update" in tools:
            _write_back(client, served, pk, found.data, counted)
    if "create" in tools:
        _create(client, served, found.data if row is not None else {}, counted)
    if row is not None and "delete" in tools:
        arguments = {"pk": pk, "with_related": True} if served.by_admin else {"pk": pk}
        counted["deleted"] = not call(client, tools["delete"], arguments).is_error


def _key(row):
    return list(map(str, row.pk)) if isinstance(row.pk, tuple) else row.pk if isinstance(row.pk, int) else str(row.pk)


def _aggregate_everything(client, served):
    tool = served.tools["aggregate"]
    properties = schema_of(client, tool)["properties"]
    for name in properties["field"]["enum"]:
        for function in ("count", "sum", "avg", "min", "max"):
            call(
                client,
                tool,
                {"function": function, "field": name, "group_by": name} if name != "pk" else {"function": function},
            )


def _filter_by_everything(client, served, row):
    for name in served.filters:
        path, _, lookup = name.rpartition("__")
        path, lookup = (path, lookup) if path in row else (name, "exact")
        # An empty text may be how a null is read, and an admin may hide a field.
        if row.get(path, "") in ("", []) or (row[path] is None and lookup != "isnull"):
            continue
        value = row[path] is None if lookup == "isnull" else row[path]
        several = value if isinstance(value, list) and path != "pk" else [value]
        for one in [several] if lookup == "in" else several:
            found = call(client, served.tools["count"], {name: one})
            if lookup in ("exact", "in", "isnull") and not found.is_error:
                assert int(found.text) >= 1, f"{name}={one!r} does not find its own row"
    for name in served.ordering:
        call(client, served.tools["list"], {"order_by": f"-{name}"})


def _write_back(client, served, pk, row, counted):
    """Writes back each value that was read. The tool accepts it, or says why it does not."""
    tool = served.tools["update"]
    for name in _changes(schema_of(client, tool)):
        if name in row:
            answer = call(client, tool, {"pk": pk, "changes": {name: row[name]}})
            counted["written" if not answer.is_error else "kept"].append(name)
            if not answer.is_error:
                read = call(client, served.tools["get"], {"pk": pk}).data
                assert answer.data[name] == read[name], f"{tool}: {name} was not {answer.data[name]!r}"
            else:
                counted["said"].append(f"{name}={row[name]!r}: {answer.text}")


def _changes(schema):
    changes = schema["properties"]["changes"]
    changes = schema["$defs"][changes["$ref"].rpartition("/")[2]] if "$ref" in changes else changes
    return changes.get("properties", {})


def _create(client, served, row, counted):
    tool = served.tools["create"]
    properties = schema_of(client, tool)["properties"]
    counted_by_database = {one.name for one in served.model._meta.pk_fields if isinstance(one, models.AutoField)}
    known = [name for name in properties if row.get(name) is not None and name not in counted_by_database]
    given = {name: _other(row[name]) for name in known}
    call(client, tool, {})
    answer = call(client, tool, given)
    counted["created"] = not answer.is_error
    if answer.is_error:
        counted["said"].append(f"create: {answer.text}")


def _other(value):
    return value.replace("x", "y", 1) if isinstance(value, str) else value


def test_staff_do_what_their_permissions_say_and_strangers_nothing(served):
    make_row(served.model)
    staff, stranger = client_of("staff"), client_of("stranger")
    if not served.by_admin and "view" in served.model._meta.default_permissions:
        assert not call(staff, served.tools["list"], {}).is_error
    for operation, tool in served.tools.items():
        if operation in WRITES:
            arguments = (
                {"pk": "1", "changes": {}} if operation == "update" else {"pk": "1"} if operation == "delete" else {}
            )
            if operation != "update" and not served.by_admin:
                assert is_hidden(staff, tool)
            elif not is_hidden(staff, tool):
                call(staff, tool, arguments)
        assert is_hidden(stranger, tool)


def is_hidden(client, tool):
    try:
        client.call_tool(tool, {})
    except MCPError as error:
        return error.message == f"Unknown tool: {tool}"
    return False

import copy

import jsonschema
from mcp_types.methods import validate_server_result

from django_mcp.protocol import handshake
from django_mcp.protocol.versions import HANDSHAKE_VERSIONS
from tests.tables import cases

ICONS = [{"src": "https://example.com/icon.png", "sizes": ["48x48"]}]
ANNOTATIONS = {"audience": ["user"], "priority": 0.5}

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}, "completions": {}, "logging": {}},
    "serverInfo": {
        "name": "test",
        "version": "1",
        "title": "Test",
        "description": "A test",
        "websiteUrl": "https://example.com",
        "icons": ICONS,
    },
    "instructions": "Ask.",
}
TOOLS = {
    "tools": [
        {
            "name": "find",
            "title": "Find",
            "description": "Finds",
            "inputSchema": {"type": "object", "properties": {"title": {"type": "string"}}},
            "outputSchema": {"type": "array", "items": {"type": "integer"}},
            "annotations": {"readOnlyHint": True},
            "icons": ICONS,
            "_meta": {"example.com/a": 1},
        }
    ],
    "nextCursor": "more",
}
RESOURCES = {
    "resources": [
        {
            "uri": "a:b",
            "name": "b",
            "title": "B",
            "mimeType": "text/plain",
            "annotations": ANNOTATIONS,
            "size": 3,
            "icons": ICONS,
            "_meta": {"example.com/a": 1},
        }
    ]
}
TEMPLATES = {
    "resourceTemplates": [
        {
            "uriTemplate": "a:{b}",
            "name": "b",
            "title": "B",
            "annotations": ANNOTATIONS,
            "icons": ICONS,
            "_meta": {"a": 1},
        }
    ]
}
PROMPTS = {
    "prompts": [
        {
            "name": "ask",
            "title": "Ask",
            "arguments": [{"name": "what", "title": "What", "description": "The thing", "required": True}],
            "icons": ICONS,
            "_meta": {"a": 1},
        }
    ]
}
BLOCKS = [
    {"type": "text", "text": "hi", "annotations": ANNOTATIONS, "_meta": {"a": 1}},
    {"type": "image", "data": "eA==", "mimeType": "image/png", "_meta": {"a": 1}},
    {"type": "audio", "data": "eA==", "mimeType": "audio/wav", "_meta": {"a": 1}},
    {"type": "resource", "resource": {"uri": "a:b", "text": "t"}, "_meta": {"a": 1}},
    {"type": "resource_link", "uri": "a:b", "name": "b", "title": "B", "_meta": {"a": 1}},
]
CALL = {"content": BLOCKS, "isError": False, "structuredContent": {"result": [1]}, "_meta": {"a": 1}}
PROMPT = {"description": "d", "messages": [{"role": "user", "content": block} for block in BLOCKS]}
READ = {
    "contents": [{"uri": "a:b", "mimeType": "text/plain", "text": "t", "_meta": {"a": 1}}, {"uri": "a:c", "blob": ""}]
}

FULL = {
    "initialize": INITIALIZE,
    "tools/list": TOOLS,
    "resources/list": RESOURCES,
    "resources/templates/list": TEMPLATES,
    "prompts/list": PROMPTS,
    "tools/call": CALL,
    "prompts/get": PROMPT,
    "resources/read": READ,
    "completion/complete": {"completion": {"values": ["a"], "hasMore": False, "total": 1}},
    "ping": {},
}


def cut(entity, *members):
    return {key: value for key, value in entity.items() if key not in members}


def shape(method, full, version):
    """The full result in a revision, whose lists are shaped entry by entry."""
    shaped = handshake.shape(method, full, version)
    for key in ("tools", "resources", "resourceTemplates", "prompts"):
        if method.endswith("/list") and key in full:
            shaped = {**shaped, key: [handshake.shape_entry(key, entry, version) for entry in full[key]]}
    return shaped


@cases("version", HANDSHAKE_VERSIONS)
@cases("method", FULL)
def test_a_shaped_result_is_one_of_its_revision_and_leaves_the_full_one_alone(method, version):
    before = copy.deepcopy(FULL[method])

    validate_server_result(method, version, shape(method, FULL[method], version))

    assert FULL[method] == before


@cases(
    ("method", "unchanged"),
    [
        ("initialize", INITIALIZE),
        ("resources/list", RESOURCES),
        ("resources/templates/list", TEMPLATES),
        ("prompts/list", PROMPTS),
        ("tools/call", CALL),
        ("prompts/get", PROMPT),
        ("resources/read", READ),
    ],
)
def test_the_newest_revision_has_everything(method, unchanged):
    assert shape(method, unchanged, "2025-11-25") == unchanged


INFO = INITIALIZE["serverInfo"]


@cases(
    ("version", "info", "capabilities"),
    [
        ("2024-11-05", {"name": "test", "version": "1"}, {"tools": {}, "logging": {}}),
        ("2025-03-26", {"name": "test", "version": "1"}, {"tools": {}, "completions": {}, "logging": {}}),
        ("2025-06-18", {"name": "test", "version": "1", "title": "Test"}, INITIALIZE["capabilities"]),
        ("2025-11-25", INFO, INITIALIZE["capabilities"]),
    ],
)
def test_a_server_introduces_itself_in_the_words_of_the_revision(version, info, capabilities):
    assert handshake.shape("initialize", INITIALIZE, version) == {
        **INITIALIZE,
        "serverInfo": info,
        "capabilities": capabilities,
    }


TOOL = TOOLS["tools"][0]
WRAPPED = {
    "type": "object",
    "properties": {"result": {"type": "array", "items": {"type": "integer"}}},
    "required": ["result"],
}


@cases(
    ("version", "tool"),
    [
        ("2024-11-05", cut(TOOL, "title", "outputSchema", "annotations", "icons", "_meta")),
        ("2025-03-26", cut(TOOL, "title", "outputSchema", "icons", "_meta")),
        ("2025-06-18", {**cut(TOOL, "icons"), "outputSchema": WRAPPED}),
        ("2025-11-25", {**TOOL, "outputSchema": WRAPPED}),
    ],
)
def test_a_tool_has_the_members_that_the_revision_knows(version, tool):
    assert handshake.shape_entry("tools", TOOL, version) == tool


@cases(
    ("version", "gone"),
    [
        ("2024-11-05", ("title", "icons", "_meta")),
        ("2025-03-26", ("title", "icons", "_meta")),
        ("2025-06-18", ("icons",)),
        ("2025-11-25", ()),
    ],
)
@cases(("key", "full"), [("resources", RESOURCES), ("resourceTemplates", TEMPLATES), ("prompts", PROMPTS)])
def test_an_entry_has_the_members_that_the_revision_knows(key, full, version, gone):
    """Resources had annotations from the first, tools since 2025-03-26."""
    expected = cut(full[key][0], *gone)
    if "arguments" in expected and "title" in gone:
        expected["arguments"] = [{"name": "what", "description": "The thing", "required": True}]

    assert handshake.shape_entry(key, full[key][0], version) == expected


OLDER_BLOCKS = [
    {"type": "text", "text": "hi", "annotations": ANNOTATIONS},
    {"type": "image", "data": "eA==", "mimeType": "image/png"},
    {"type": "audio", "data": "eA==", "mimeType": "audio/wav"},
    {"type": "resource", "resource": {"uri": "a:b", "text": "t"}},
    {"type": "text", "text": "b: a:b"},
]
OLDEST_BLOCKS = [
    *OLDER_BLOCKS[:2],
    {"type": "resource", "resource": {"uri": "attachment:audio", "mimeType": "audio/wav", "blob": "eA=="}},
    *OLDER_BLOCKS[3:],
]


@cases(("version", "blocks"), [("2024-11-05", OLDEST_BLOCKS), ("2025-03-26", OLDER_BLOCKS), ("2025-06-18", BLOCKS)])
def test_a_block_that_a_revision_lacks_is_told_in_one_that_it_has(version, blocks):
    """And structured content, which came with 2025-06-18, is left out: its text stands beside it."""
    expected = {"content": blocks, "isError": False, "_meta": {"a": 1}}
    if blocks is BLOCKS:
        expected["structuredContent"] = {"result": [1]}

    assert handshake.shape("tools/call", CALL, version) == expected
    assert handshake.shape("prompts/get", PROMPT, version) == {
        "description": "d",
        "messages": [{"role": "user", "content": block} for block in blocks],
    }


@cases("version", ["2024-11-05", "2025-03-26"])
def test_contents_have_no_meta_before_2025_06_18(version):
    assert handshake.shape("resources/read", READ, version) == {
        "contents": [{"uri": "a:b", "mimeType": "text/plain", "text": "t"}, {"uri": "a:c", "blob": ""}]
    }


def test_the_schema_of_an_object_is_left_as_it_is():
    schema = {"type": "object", "properties": {"a": {}}}

    assert handshake.wrap_output_schema(schema) is schema


NODE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    "anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}],
    "description": "A list",
}


@cases(
    ("schema", "value", "foreign"),
    [
        ({"type": "integer", "minimum": 3}, 5, 1),
        ({"type": ["object", "null"]}, None, []),
        ({"enum": ["a", "b"]}, "a", "c"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], ["a", 1]),
        (NODE, {"next": {"next": {}}}, {"next": 5}),
        (NODE, None, 5),
    ],
)
def test_any_other_schema_becomes_the_member_result_of_an_object(schema, value, foreign):
    wrapped = handshake.wrap_output_schema(schema)

    assert (wrapped["type"], wrapped["required"]) == ("object", ["result"])
    jsonschema.Draft202012Validator.check_schema(wrapped)
    jsonschema.validate({"result": value}, wrapped)
    assert not jsonschema.Draft202012Validator(wrapped).is_valid({"result": foreign})


def test_references_still_lead_somewhere_in_a_wrapped_schema():
    assert handshake.wrap_output_schema(NODE) == {
        "$schema": NODE["$schema"],
        "$defs": NODE["$defs"],
        "type": "object",
        "properties": {"result": {"anyOf": NODE["anyOf"], "description": "A list"}},
        "required": ["result"],
    }

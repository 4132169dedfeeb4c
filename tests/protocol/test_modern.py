import base64

import pytest

from django_mcp.protocol import modern
from django_mcp.protocol.errors import ProtocolError
from django_mcp.protocol.modern import CacheHints
from tests import wire
from tests.tables import cases

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
INFO = "io.modelcontextprotocol/clientInfo"
LEVEL = "io.modelcontextprotocol/logLevel"
SERVER = "io.modelcontextprotocol/serverInfo"
REVISION = "2026-07-28"

SENT = {"mcp-protocol-version": REVISION, "mcp-method": "tools/list"}
REQUIRED = f"Invalid params: _meta with {VERSION} and {CAPABILITIES} is required"


def request(method="tools/list", envelope=None, **params):
    return wire.request(method, {**params, "_meta": wire.ENVELOPE if envelope is None else envelope})


def sentinel(text):
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def refusal_of(function, *arguments):
    with pytest.raises(ProtocolError) as refusal:
        function(*arguments)
    error = refusal.value
    assert error.status in (400, None)
    return error.code, error.message


# The claim


@cases(
    ("message", "claimed"),
    [
        (request(), True),
        (request(envelope={VERSION: "v999"}), True),
        (request(envelope={VERSION: None}), True),
        (request(envelope={CAPABILITIES: {}}), False),
        (request(envelope={}), False),
        (wire.request("tools/list"), False),
        (wire.request("tools/list", {}), False),
        (wire.request("tools/list", {"_meta": None}), False),
        (wire.request("tools/list", {"_meta": [VERSION]}), False),
        (wire.request("tools/list", [VERSION]), False),
        (wire.request("tools/list", VERSION), False),
    ],
)
def test_a_message_claims_this_era_by_naming_a_revision_in_its_envelope(message, claimed):
    assert modern.is_claimed(message) is claimed


# The envelope and its mirrors


def test_a_request_whose_headers_repeat_it_is_of_the_revision_that_it_names():
    assert modern.read_envelope("request", request(), SENT) == REVISION


@cases(
    "envelope",
    [
        {VERSION: REVISION, CAPABILITIES: {}},
        {VERSION: REVISION, CAPABILITIES: {"roots": {}}, INFO: "nobody", "example.com/other": 1},
        {**wire.ENVELOPE, "progressToken": 5, LEVEL: "debug"},
    ],
)
def test_the_revision_and_the_capabilities_are_all_that_an_envelope_needs(envelope):
    assert modern.read_envelope("request", request(envelope=envelope), SENT) == REVISION


@cases(
    ("message", "text"),
    [
        (wire.request("tools/list"), REQUIRED),
        (wire.request("tools/list", {}), REQUIRED),
        (wire.request("tools/list", {"_meta": 5}), REQUIRED),
        (request(envelope={CAPABILITIES: {}}), f"Invalid params: _meta.{VERSION} must be a string"),
        (request(envelope={VERSION: 5, CAPABILITIES: {}}), f"Invalid params: _meta.{VERSION} must be a string"),
        (request(envelope={VERSION: None, CAPABILITIES: {}}), f"Invalid params: _meta.{VERSION} must be a string"),
        (request(envelope={VERSION: REVISION}), f"Invalid params: _meta.{CAPABILITIES} must be an object"),
        (
            request(envelope={VERSION: REVISION, CAPABILITIES: []}),
            f"Invalid params: _meta.{CAPABILITIES} must be an object",
        ),
        (
            request(envelope={VERSION: "v999", CAPABILITIES: None}),
            f"Invalid params: _meta.{CAPABILITIES} must be an object",
        ),
    ],
)
def test_an_envelope_that_lacks_something_is_refused_before_the_headers_are_looked_at(message, text):
    assert refusal_of(modern.read_envelope, "request", message, SENT) == (-32602, text)
    wrong_method = {**SENT, "mcp-method": "prompts/list"}
    assert refusal_of(modern.read_envelope, "request", message, wrong_method) == (-32602, text)


CALL = {**SENT, "mcp-method": "tools/call"}
READ = {**SENT, "mcp-method": "resources/read"}


@cases(
    ("message", "headers", "text"),
    [
        (request(), {"mcp-method": "tools/list"}, "MCP-Protocol-Version is missing"),
        (request(), {**SENT, "mcp-protocol-version": "2025-11-25"}, "MCP-Protocol-Version differs from the body"),
        (request(), {**SENT, "mcp-protocol-version": ""}, "MCP-Protocol-Version differs from the body"),
        (
            request(),
            {**SENT, "mcp-protocol-version": f"{REVISION},{REVISION}"},
            "MCP-Protocol-Version differs from the body",
        ),
        (
            request(envelope={VERSION: "v999", CAPABILITIES: {}}),
            SENT,
            "MCP-Protocol-Version differs from the body",
        ),
        (request(), {"mcp-protocol-version": REVISION}, "Mcp-Method is missing"),
        (request(), {**SENT, "mcp-method": "Tools/List"}, "Mcp-Method differs from the body"),
        (request(), {**SENT, "mcp-method": "tools/call"}, "Mcp-Method differs from the body"),
        (request(), {**SENT, "mcp-method": "tools/list,tools/list"}, "Mcp-Method differs from the body"),
        (request(), {**SENT, "mcp-method": sentinel("tools/list")}, "Mcp-Method differs from the body"),
        (request("tools/call", name="add"), CALL, "Mcp-Name is missing"),
        (request("tools/call", name="add"), {**CALL, "mcp-name": "Add"}, "Mcp-Name differs from the body"),
        (request("tools/call", name="add"), {**CALL, "mcp-name": ""}, "Mcp-Name differs from the body"),
        (request("tools/call", name="add"), {**CALL, "mcp-name": "add,add"}, "Mcp-Name differs from the body"),
        (request("tools/call", name="add"), {**CALL, "mcp-name": sentinel(" add ")}, "Mcp-Name differs from the body"),
        (request("tools/call", name=" add "), {**CALL, "mcp-name": " add "}, "Mcp-Name differs from the body"),
        (
            request("tools/call", name="hello"),
            {**CALL, "mcp-name": "=?BASE64?aGVsbG8=?="},
            "Mcp-Name differs from the body",
        ),
        (
            request("tools/call", name="hello"),
            {**CALL, "mcp-name": "=?base64?aGVsbG8?="},
            "Mcp-Name is not valid Base64 of UTF-8 text",
        ),
        (
            request("resources/read", uri="a:Zürich"),
            {**READ, "mcp-name": "a:Z\u00c3\u00bcrich"},
            "Mcp-Name holds characters outside visible ASCII; send them as =?base64?…?=",
        ),
    ],
)
def test_a_header_that_does_not_repeat_the_body_is_a_mismatch(message, headers, text):
    """Even a revision that nobody serves: a client that contradicts itself is told so first."""
    assert refusal_of(modern.read_envelope, "request", message, headers) == (-32020, f"Header mismatch: {text}")


@cases(
    ("message", "headers"),
    [
        (request(), {"mcp-protocol-version": f" {REVISION}\t", "mcp-method": "\ttools/list "}),
        (request(), {**SENT, "mcp-name": "whatever"}),
        (request(), {**SENT, "mcp-param-region": "whatever", "mcp-session-id": "x", "last-event-id": "1"}),
        (request("tools/call", name="add"), {**CALL, "mcp-name": "add"}),
        (request("tools/call", name="add"), {**CALL, "mcp-name": " add "}),
        (request("tools/call", name="add"), {**CALL, "mcp-name": sentinel("add")}),
        (request("tools/call", name=" add "), {**CALL, "mcp-name": sentinel(" add ")}),
        (request("tools/call", name="a,b"), {**CALL, "mcp-name": "a,b"}),
        (request("tools/call", name=""), {**CALL, "mcp-name": ""}),
        (request("tools/call"), CALL),
        (request("tools/call", name=5), CALL),
        (request("prompts/get", name="ask"), {**SENT, "mcp-method": "prompts/get", "mcp-name": "ask"}),
        (request("resources/read", uri="a:Zürich"), {**READ, "mcp-name": sentinel("a:Zürich")}),
        (
            request("resources/read", uri="=?base64?aGVsbG8=?="),
            {**READ, "mcp-name": sentinel("=?base64?aGVsbG8=?=")},
        ),
        (request("no/such/method"), {**SENT, "mcp-method": "no/such/method"}),
    ],
)
def test_headers_that_repeat_the_body_pass_and_others_are_ignored(message, headers):
    """A name that is missing or no string is for the parameters' own check."""
    assert modern.read_envelope("request", message, headers) == REVISION


@cases("version", ["v999", "2025-11-25", "2024-11-05", ""])
def test_a_revision_that_no_request_can_name_is_refused_with_those_that_one_can(version):
    message = request(envelope={VERSION: version, CAPABILITIES: {}})

    with pytest.raises(ProtocolError) as refusal:
        modern.read_envelope("request", message, {**SENT, "mcp-protocol-version": version})

    assert (refusal.value.code, refusal.value.status) == (-32022, 400)
    assert refusal.value.data == {"supported": [REVISION], "requested": version}


def test_a_revision_that_only_the_header_names_must_be_served():
    code, _ = refusal_of(modern.read_envelope, "request", wire.request("tools/list"), {"mcp-protocol-version": "v999"})

    assert code == -32022


@cases(
    ("message", "headers"),
    [
        (wire.notification("notifications/cancelled"), {"mcp-protocol-version": REVISION}),
        ({**wire.notification("x"), "params": {"_meta": {VERSION: REVISION}}}, {}),
        ({**wire.notification("x"), "params": {"_meta": wire.ENVELOPE}}, {"mcp-method": "y"}),
    ],
)
def test_of_a_notification_only_the_revision_is_looked_at(message, headers):
    """The revision has none from clients over HTTP, and says nothing of their headers."""
    assert modern.read_envelope("notification", message, headers) == REVISION


@cases("version", ["v999", "2025-11-25", 5, None, []])
def test_a_notification_of_another_revision_is_refused(version):
    message = {**wire.notification("x"), "params": {"_meta": {VERSION: version}}}

    code, _ = refusal_of(modern.read_envelope, "notification", message, {})

    assert code == -32022


def test_a_response_is_refused():
    message = {**wire.answer({}), "params": {"_meta": wire.ENVELOPE}}

    assert refusal_of(modern.read_envelope, "response", message, SENT) == (
        -32600,
        "Invalid Request: a posted response has no place in this revision",
    )


# Arguments that are repeated in headers

REGION = {"Region": ("region",)}
DEEP = {"Deep": ("a", "b", "c")}


@cases(
    ("declared", "arguments", "headers"),
    [
        ({}, {"region": "eu"}, {"mcp-param-region": "us"}),
        (REGION, {}, {}),
        (REGION, {"region": None}, {}),
        (REGION, {"region": "eu"}, {"mcp-param-region": "eu"}),
        (REGION, {"region": "eu"}, {"mcp-param-region": " eu "}),
        (REGION, {"region": "eu, us"}, {"mcp-param-region": "eu, us"}),
        (REGION, {"region": "Zürich"}, {"mcp-param-region": sentinel("Zürich")}),
        (REGION, {"region": " "}, {"mcp-param-region": sentinel(" ")}),
        (REGION, {"region": ""}, {"mcp-param-region": ""}),
        (REGION, {"region": True}, {"mcp-param-region": "true"}),
        (REGION, {"region": False}, {"mcp-param-region": "false"}),
        (REGION, {"region": 42}, {"mcp-param-region": "42"}),
        (REGION, {"region": 42}, {"mcp-param-region": "42.0"}),
        (REGION, {"region": 42.0}, {"mcp-param-region": "42"}),
        (REGION, {"region": 0}, {"mcp-param-region": "-0"}),
        (REGION, {"region": -(2**53) + 1}, {"mcp-param-region": "-9007199254740991"}),
        (REGION, {"region": "eu"}, {"mcp-param-region": "eu", "mcp-param-other": "x"}),
        (DEEP, {"a": {"b": {"c": "x"}}}, {"mcp-param-deep": "x"}),
        (DEEP, {"a": {"b": {}}}, {}),
        (DEEP, {"a": 5}, {}),
        (DEEP, {"a": {"b": ["c"]}}, {}),
    ],
)
def test_a_header_repeats_its_argument_and_is_absent_with_it(declared, arguments, headers):
    modern.check_param_headers(declared, arguments, headers)


MISSING = "Mcp-Param-Region is missing: it must repeat the argument region"
DIFFERS = "Mcp-Param-Region differs from the argument region"
UNASKED = "Mcp-Param-Region was sent, but the argument region was not"


@cases(
    ("arguments", "headers", "text"),
    [
        ({"region": "eu"}, {}, MISSING),
        ({"region": ""}, {}, MISSING),
        ({"region": False}, {}, MISSING),
        ({"region": 0}, {}, MISSING),
        ({}, {"mcp-param-region": "eu"}, UNASKED),
        ({"region": None}, {"mcp-param-region": "null"}, UNASKED),
        ({"region": "eu"}, {"mcp-param-region": "us"}, DIFFERS),
        ({"region": "eu"}, {"mcp-param-region": "EU"}, DIFFERS),
        ({"region": "eu"}, {"mcp-param-region": "eu,eu"}, DIFFERS),
        ({"region": "42"}, {"mcp-param-region": "42.0"}, DIFFERS),
        ({"region": True}, {"mcp-param-region": "True"}, DIFFERS),
        ({"region": True}, {"mcp-param-region": "1"}, DIFFERS),
        ({"region": 1}, {"mcp-param-region": "true"}, DIFFERS),
        ({"region": 42}, {"mcp-param-region": "42.5"}, DIFFERS),
        ({"region": 42}, {"mcp-param-region": "4_2"}, DIFFERS),
        ({"region": 42}, {"mcp-param-region": "+42"}, DIFFERS),
        ({"region": 42}, {"mcp-param-region": "\u0664\u0662"}, None),
        ({"region": 10**30}, {"mcp-param-region": "1" + "0" * 30}, DIFFERS),
        ({"region": 42.5}, {"mcp-param-region": "42"}, DIFFERS),
        ({"region": ["eu"]}, {"mcp-param-region": "eu"}, DIFFERS),
        ({"region": {"eu": 1}}, {"mcp-param-region": "eu"}, DIFFERS),
    ],
)
def test_a_header_that_does_not_repeat_its_argument_is_a_mismatch_that_names_it(arguments, headers, text):
    """The name is for clients that mirror nothing: they are told what is missing."""
    code, message = refusal_of(modern.check_param_headers, REGION, arguments, headers)

    assert code == -32020
    if text is not None:
        assert message == f"Header mismatch: {text}"


# The envelope


@cases(
    ("meta", "info", "capabilities"),
    [
        ({}, {}, {}),
        ({INFO: {"name": "a"}, CAPABILITIES: {"roots": {}}}, {"name": "a"}, {"roots": {}}),
        ({INFO: "a", CAPABILITIES: []}, {}, {}),
    ],
)
def test_what_a_client_says_of_itself_is_read_leniently(meta, info, capabilities):
    assert modern.client_info(meta) == info
    assert modern.client_capabilities(meta) == capabilities


def test_a_capability_that_is_missing_is_named_as_a_client_would_declare_it():
    failure = modern.missing_capability({"elicitation": {"url": {}}}, "Asks the user")

    assert (failure.code, failure.message) == (-32021, "Asks the user")
    assert failure.data == {"requiredCapabilities": {"elicitation": {"url": {}}}}


# Results

WHO = {"name": "test", "version": "1"}


@cases(
    "method",
    [
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
    ],
)
def test_lists_and_reads_say_how_long_they_keep(method):
    """Spec 2026-07-28 server/utilities/caching: on these six, and on no other."""
    assert modern.complete(method, {"a": 1}, WHO, lambda: CacheHints(5000, "public")) == {
        "resultType": "complete",
        "a": 1,
        "ttlMs": 5000,
        "cacheScope": "public",
        "_meta": {SERVER: WHO},
    }


@cases("method", ["tools/call", "prompts/get", "completion/complete"])
def test_other_results_say_nothing_of_it(method):
    assert modern.complete(method, {"a": 1}, WHO, lambda: CacheHints(5000)) == {
        "resultType": "complete",
        "a": 1,
        "_meta": {SERVER: WHO},
    }


def test_nothing_is_kept_and_nothing_shared_unless_the_server_says_so():
    completed = modern.complete("tools/list", {}, WHO, CacheHints)

    assert (completed["ttlMs"], completed["cacheScope"]) == (0, "private")


def test_what_a_result_says_itself_stands():
    result = {"ttlMs": 1, "cacheScope": "public", "_meta": {"example.com/a": 1}}

    assert modern.complete("resources/read", result, WHO, CacheHints) == {
        "resultType": "complete",
        "ttlMs": 1,
        "cacheScope": "public",
        "_meta": {SERVER: WHO, "example.com/a": 1},
    }
    assert result == {"ttlMs": 1, "cacheScope": "public", "_meta": {"example.com/a": 1}}


def test_a_result_that_asks_for_input_is_not_kept():
    asked = {"resultType": "input_required", "requestState": "s"}

    assert modern.complete("resources/read", asked, WHO, lambda: CacheHints(5000)) == {**asked, "_meta": {SERVER: WHO}}

"""Questions of a tool to the client: each question as it goes out, and each answer as the tool reads it, in both eras
and both colours.
"""

import asyncio

import pytest
from pydantic import BaseModel

from django_mcp import ToolError, UserMessage
from django_mcp.exceptions import ClientCannot
from django_mcp.primitives.asking import Elicited, InputRequired, Inputs, Question, Sampled
from django_mcp.primitives.context import Caller, Context, Principal
from django_mcp.protocol.errors import ProtocolError
from tests.tables import cases

ALL = {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}, "roots": {}}


class Count(BaseModel):
    count: int


COUNT = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
ACCEPT = {"action": "accept", "content": {"count": 2}}
WRONG = {"action": "accept", "content": {"count": "many"}}
WRITTEN = {"role": "assistant", "content": {"type": "text", "text": "Hi"}, "model": "m", "stopReason": "endTurn"}


class Client:
    """Answers what it is asked with what was laid down for it."""

    cancelled = False

    def __init__(self, *answers):
        self.asked = []
        self._answers = list(answers)

    def ask(self, question):
        self.asked.append(question)
        return self._answers.pop(0)

    async def aask(self, question):
        return self.ask(question)


def make(client=None, inputs=None, **values):
    return Context(
        **{
            "server": "server",
            "method": "tools/call",
            "request_id": 1,
            "era": "handshake",
            "protocol_version": "2025-11-25",
            "client_info": {},
            "client_capabilities": ALL,
            "meta": {},
            "session": None,
            "caller": Caller(Principal("", None), lambda: None),
            "request_stream": client,
            "inputs": inputs or Inputs(),
        }
        | values
    )


def modern(answers=(), **values):
    return make(inputs=Inputs(dict(answers)), **{"era": "modern", "protocol_version": "2026-07-28", **values})


def in_a_thread(context, method, *args, **kwargs):
    return getattr(context, method)(*args, **kwargs)


def on_an_event_loop(context, method, *args, **kwargs):
    return asyncio.run(getattr(context, f"a{method}")(*args, **kwargs))


colours = pytest.mark.parametrize("call", [in_a_thread, on_an_event_loop])


# Questions, and the answers that the tool gets


@colours
@pytest.mark.parametrize(
    ("method", "args", "kwargs", "question", "answer", "result"),
    [
        (
            "elicit",
            ("How many?", Count),
            {"timeout_seconds": 5},
            Question(
                "elicitation/create",
                {"message": "How many?", "requestedSchema": COUNT},
                {"elicitation": {"form": {}}},
                None,
                5,
            ),
            ACCEPT,
            Elicited("accept", Count(count=2)),
        ),
        (
            "sample",
            ("Say hi",),
            {"max_tokens": 9, "systemPrompt": "Be brief", "temperature": None, "key": "hi"},
            Question(
                "sampling/createMessage",
                {
                    "messages": [{"role": "user", "content": {"type": "text", "text": "Say hi"}}],
                    "maxTokens": 9,
                    "systemPrompt": "Be brief",
                },
                {"sampling": {}},
                "hi",
            ),
            WRITTEN,
            Sampled(WRITTEN),
        ),
        (
            "list_roots",
            (),
            {},
            Question("roots/list", {}, {"roots": {}}),
            {"roots": [{"uri": "file:///a"}]},
            [{"uri": "file:///a"}],
        ),
    ],
)
def test_a_client_is_asked_and_its_answer_read(call, method, args, kwargs, question, answer, result):
    client = Client(answer)

    assert call(make(client), method, *args, **kwargs) == result
    assert client.asked == [question]


@colours
@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_a_page_has_an_id_of_its_own_where_the_revision_wants_one(call, version):
    client = Client({"action": "accept"})

    answer = call(make(client, protocol_version=version), "elicit_url", "Pay", "https://example.com/pay")

    (question,) = client.asked
    identifier = question.params.pop("elicitationId", None)
    assert answer == Elicited("accept")
    assert question == Question(
        "elicitation/create",
        {"mode": "url", "message": "Pay", "url": "https://example.com/pay"},
        {"elicitation": {"url": {}}},
    )
    assert (identifier is not None) == (version == "2025-11-25")


@cases("action", ["decline", "cancel"])
def test_a_user_may_refuse(action):
    answer = make(Client({"action": action, "content": {"count": "many"}})).elicit("How many?", Count)

    assert (answer, answer.accepted) == (Elicited(action), False)


@colours
def test_a_form_that_was_filled_in_wrongly_is_shown_again_and_says_why(call):
    client = Client(WRONG, ACCEPT)

    assert call(make(client), "elicit", "How many?", Count).data == Count(count=2)
    assert [question.params["message"] for question in client.asked] == [
        "How many?",
        "How many?\n\n- count: Input should be a valid integer, unable to parse string as an integer",
    ]


@colours
def test_a_form_is_not_shown_for_ever(call):
    client = Client(WRONG, WRONG, WRONG, ACCEPT)

    with pytest.raises(ToolError, match="did not fit the form after 3 attempts"):
        call(make(client), "elicit", "How many?", Count)

    assert len(client.asked) == 3


@cases(
    ("messages", "wire"),
    [
        ("a", [{"role": "user", "content": {"type": "text", "text": "a"}}]),
        (UserMessage("a"), [{"role": "user", "content": {"type": "text", "text": "a"}}]),
        (["a", "b"], [{"role": "user", "content": {"type": "text", "text": text}} for text in "ab"]),
        ([{"role": "assistant", "content": []}], [{"role": "assistant", "content": []}]),
    ],
)
def test_what_a_model_is_given_may_be_text_messages_or_the_protocols_own(messages, wire):
    assert make().sampling_question(messages, max_tokens=1).params == {"messages": wire, "maxTokens": 1}


@cases(
    ("raw", "text", "content"),
    [
        (WRITTEN, "Hi", [{"type": "text", "text": "Hi"}]),
        (
            {"content": [{"type": "text", "text": "a"}, {"type": "tool_use"}, {"type": "text", "text": "b"}]},
            "a\nb",
            [{"type": "text", "text": "a"}, {"type": "tool_use"}, {"type": "text", "text": "b"}],
        ),
    ],
)
def test_what_a_model_wrote_is_read_as_text_and_as_blocks(raw, text, content):
    sampled = Sampled(raw)

    assert (sampled.text, sampled.content, sampled.stop_reason) == (text, content, raw.get("stopReason"))


@cases(
    ("method", "args", "kwargs", "answer", "expected"),
    [
        ("elicit", ("?", Count), {}, None, "an elicitation result"),
        ("elicit", ("?", Count), {}, {"action": "maybe"}, "an elicitation result"),
        ("elicit", ("?", Count), {}, {"action": "accept", "content": [1]}, "an elicitation result"),
        ("elicit_url", ("?", "https://example.com"), {}, "accept", "an elicitation result"),
        ("sample", ("?",), {"max_tokens": 1}, {"role": "assistant"}, "a sampling result"),
        ("sample", ("?",), {"max_tokens": 1}, [], "a sampling result"),
        ("list_roots", (), {}, {}, "a list of roots"),
        ("list_roots", (), {}, {"roots": {}}, "a list of roots"),
    ],
)
def test_an_answer_that_is_none_is_refused(method, args, kwargs, answer, expected):
    with pytest.raises(ProtocolError) as caught:
        getattr(make(Client(answer)), method)(*args, **kwargs)

    assert (caught.value.code, caught.value.message) == (
        -32602,
        f"Invalid params: an input response is not {expected}",
    )


# Clients that can be asked

QUESTIONS = {
    "form": ("elicit", ("?", Count), {}),
    "url": ("elicit_url", ("?", "https://example.com"), {}),
    "sampling": ("sample", ("?",), {"max_tokens": 1}),
    "tools": ("sample", ("?",), {"max_tokens": 1, "tools": []}),
    "roots": ("list_roots", (), {}),
}


@cases(
    ("capabilities", "kinds"),
    [
        ({}, set()),
        # `elicitation: {}` is how forms were declared before there were pages.
        ({"elicitation": {}}, {"form"}),
        ({"elicitation": {"form": {}}}, {"form"}),
        ({"elicitation": {"url": {}}}, {"url"}),
        ({"elicitation": {"form": {}, "url": {}}}, {"form", "url"}),
        ({"elicitation": None, "sampling": True}, set()),
        ({"sampling": {}}, {"sampling"}),
        ({"sampling": {"tools": {}}}, {"sampling", "tools"}),
        ({"roots": {"listChanged": True}}, {"roots"}),
    ],
)
@cases("era", ["handshake", "modern"])
def test_a_client_is_asked_what_it_has_said_that_it_can(era, capabilities, kinds):
    asked = set()
    for kind, (method, args, kwargs) in QUESTIONS.items():
        client = Client(RuntimeError)
        context = make(client, era=era, client_capabilities=capabilities)
        try:
            getattr(context, method)(*args, **kwargs)
        except InputRequired:
            asked.add(kind)
        except ProtocolError as error:
            if error.code != -32021:
                asked.add(kind)
        except ClientCannot:
            assert era == "handshake"
            assert client.asked == []

    assert asked == kinds


def test_a_modern_client_is_told_what_it_lacks():
    with pytest.raises(ProtocolError) as caught:
        modern(client_capabilities={"sampling": {}}).sample("?", max_tokens=1, tools=[])

    assert (caught.value.code, caught.value.message, caught.value.data) == (
        -32021,
        "This needs a client that supports sampling",
        {"requiredCapabilities": {"sampling": {"tools": {}}}},
    )


@colours
def test_a_client_that_cannot_be_reached_is_not_asked(call):
    with pytest.raises(ClientCannot, match="there is no session"):
        call(make(), "list_roots")


# Rounds of a modern client's call


def converse(context, call):
    """Asks two questions without a name, one with a name, and that one again."""
    first = call(context, "elicit", "First?", Count)
    roots = call(context, "list_roots")
    named = call(context, "elicit", "Named?", Count, key="named")
    return first, roots, named


@colours
def test_questions_have_the_same_names_in_every_round(call):
    answers = {
        "elicitation-1": ACCEPT,
        "roots-2": {"roots": []},
        "named": WRONG,
        "named-again": {"action": "decline"},
    }
    asked, known = [], {}
    for _ in answers:
        with pytest.raises(InputRequired) as caught:
            converse(modern(known), call)
        (key,) = caught.value.questions
        asked.append(key)
        known[key] = answers[key]

    assert asked == list(answers)
    assert converse(modern(known), call) == (Elicited("accept", Count(count=2)), [], Elicited("decline"))


def test_a_wrong_answer_to_a_question_without_a_name_is_asked_under_the_next():
    with pytest.raises(InputRequired) as caught:
        modern({"elicitation-1": WRONG}).elicit("How many?", Count)

    assert list(caught.value.questions) == ["elicitation-2"]


def test_a_modern_client_is_not_asked_while_it_waits():
    client = Client(ACCEPT)
    context = make(client, era="modern", protocol_version="2026-07-28", inputs=Inputs({}, {"step": 1}, 2))

    with pytest.raises(InputRequired) as caught:
        context.elicit("How many?", COUNT, key="n")

    assert client.asked == []
    assert caught.value.state == {"step": 1}
    assert {key: question.to_wire() for key, question in caught.value.questions.items()} == {
        "n": {"method": "elicitation/create", "params": {"message": "How many?", "requestedSchema": COUNT}}
    }


def test_a_question_passes_a_tools_own_except():
    def careless():
        try:
            modern().list_roots()
        except Exception:
            return "swallowed"

    with pytest.raises(InputRequired):
        careless()


def test_questions_can_be_made_to_be_asked_together():
    context = make()

    assert (
        context.form_question("?", Count),
        context.sampling_question("?", max_tokens=1),
        context.roots_question(),
    ) == (
        Question(
            "elicitation/create", {"message": "?", "requestedSchema": COUNT}, {"elicitation": {"form": {}}}, None, None
        ),
        Question(
            "sampling/createMessage",
            {"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 1},
            {"sampling": {}},
        ),
        Question("roots/list", {}, {"roots": {}}),
    )

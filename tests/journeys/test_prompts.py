"""Prompts over HTTP: listed, got and completed (spec server/prompts, server/utilities/completion)."""

import pytest

from django_mcp.testing import MCPError
from tests.servers import SECRET
from tests.tables import cases

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def test_prompts_are_listed_with_their_arguments(connect):
    assert connect("/plain").list_prompts() == [
        {
            "name": "compose",
            "description": "Ask for a text.",
            "arguments": [
                {"name": "topic", "description": "what about", "required": True},
                {"name": "tone", "description": "how", "required": False},
            ],
        },
        {"name": "answer", "description": "Say yes, in the user's language."},
        {"name": "answer_async", "description": "Say yes, in the user's language, in a coroutine."},
        {"name": "broken_prompt", "description": "Raises."},
    ]


def test_a_prompt_is_filled_with_its_arguments(connect):
    prompt = connect("/plain").get_prompt("compose", {"topic": "tides"})

    assert prompt["messages"] == [
        {"role": "user", "content": {"type": "text", "text": "Write about tides, in a dry tone."}}
    ]
    assert prompt["description"] == "Ask for a text."


@cases(
    ("name", "arguments"),
    [
        ("nothing", {}),
        ("compose", {}),
        ("compose", {"topic": "tides", "length": "9"}),
        ("compose", {"topic": 1}),
        ("compose", []),
        (1, {}),
    ],
)
def test_a_prompt_that_cannot_be_filled_is_a_protocol_error(connect, era, name, arguments):
    with pytest.raises(MCPError) as refused:
        connect("/plain").request("prompts/get", {"name": name, "arguments": arguments})

    assert refused.value.code == -32602
    assert refused.value.status == (200 if era == "handshake" else 400)


def test_a_prompt_that_raises_says_nothing_of_the_exception(connect, caplog):
    with pytest.raises(MCPError) as refused:
        connect("/plain").get_prompt("broken_prompt")

    assert (refused.value.code, refused.value.message, refused.value.data) == (-32603, "Internal error", None)
    assert SECRET in caplog.text


def test_an_argument_is_completed_in_the_light_of_the_others(connect):
    client = connect("/plain")

    values = client.complete({"type": "ref/prompt", "name": "compose"}, "tone", "dr", {"topic": "tides"})
    assert values == ["dry about tides", "droll about tides"]
    assert client.complete({"type": "ref/prompt", "name": "compose"}, "tone", "dro") == ["droll about ?"]


@pytest.mark.parametrize("prompt", ["answer", "answer_async"])
def test_a_prompt_is_in_the_language_that_the_client_accepts(connect, prompt):
    def said(**headers):
        client = connect("/plain", headers=headers)
        return client.get_prompt(prompt)["messages"][0]["content"]["text"]

    assert said(**{"Accept-Language": "de-AT, en;q=0.5"}) == "de: Ja"
    assert said(**{"Accept-Language": "xx"}) == "en: Yes"
    assert said() == "en: Yes"


def test_a_server_may_say_in_which_language_its_users_read(connect):
    assert connect("/french").get_prompt("answer")["messages"][0]["content"]["text"] == "fr: Oui"

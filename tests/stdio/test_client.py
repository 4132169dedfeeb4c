"""The client of commands, in either era."""

import pytest
from asgiref.sync import async_to_sync

from django_mcp.stdio.client import CallRefused, LocalClient
from tests.stdio.pipes import local_endpoint

pytestmark = pytest.mark.django_db


def visit(era, conversation, endpoint=None):
    noted = []

    async def answer(question):
        return {"action": "accept", "content": {"count": 4}}

    async def run():
        async with LocalClient(endpoint or local_endpoint(), era, answer, noted.append) as client:
            return await conversation(client)

    return async_to_sync(run)(), [message["method"] for message in noted]


def test_a_call_with_a_question_and_progress_has_one_result(era):
    async def conversation(client):
        greeted = await client.request("tools/call", {"name": "greet", "arguments": {"name": "Ada"}})
        ordered = await client.request("tools/call", {"name": "order", "arguments": {"dish": "fish"}})
        return [result["content"][0]["text"] for result in (greeted, ordered)]

    result, noted = visit(era, conversation)

    assert result == ["Hello, Ada, from nobody", "4 fish"]
    assert "notifications/progress" in noted


def test_a_list_has_all_of_its_pages(era):
    from tests.servers import guarded

    async def conversation(client):
        return await client.list("resources/templates/list", "resourceTemplates"), await client.list(
            "tools/list", "tools"
        )

    (templates, tools), _ = visit(era, conversation, local_endpoint(server=guarded))

    assert templates == []
    assert [tool["name"] for tool in tools] == ["open_door", "rename_group"]


def test_an_error_is_raised(era):
    async def conversation(client):
        with pytest.raises(CallRefused, match=r"^Unknown tool: nothing \(-32602\)$"):
            await client.request("tools/call", {"name": "nothing"})

    visit(era, conversation)

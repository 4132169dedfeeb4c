"""manage.py mcp_call: calls a tool as a user, through every rule that a client's call goes through."""

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from asgiref.sync import async_to_sync
from django.core.management.base import CommandError

from django_mcp.management.answers import Answers
from django_mcp.management.endpoints import add_arguments, endpoint_of
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.management.values import arguments_of
from django_mcp.page.shown import seen
from django_mcp.protocol.versions import Era
from django_mcp.stdio.client import CallRefused, LocalClient

TOOL_FAILED, REFUSED = 1, 2

EPILOG = """\
examples:
  manage.py mcp_call airport_facts --arg code=LHR
  manage.py mcp_call route --arg codes=LHR --arg codes=SIN --arg codes=SYD
  manage.py mcp_call create_trip --user ada --arguments '{"name": "Home"}' --json
  manage.py mcp_call delete_trip --user ada --arg trip_id=7 --answer sure=true

exit codes:
  0  the tool has answered
  1  the tool has answered with an error, such as arguments that do not fit
  2  the call was refused, or could not be made
"""


class Command(HelpfulCommand):
    help = (
        "Call a tool as a user, through all that a client's call goes through: the endpoint's policies, permissions, "
        "throttles, validation, middleware, transactions and budgets. Progress and log messages go to stderr, the "
        "result to stdout."
    )
    epilog = EPILOG

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tool", help="the tool's name, as mcp_inspect lists it")
        given = parser.add_mutually_exclusive_group()
        given.add_argument(
            "--arg", action="append", default=[], metavar="NAME=VALUE", help="an argument; again for a list's next item"
        )
        given.add_argument("--arguments", metavar="JSON", help="all arguments, as a JSON object")
        add_arguments(parser)
        parser.add_argument(
            "--answer",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help="the answer to the tool's question: a field of the form, or accept, decline or cancel; without it, "
            "you are asked at the terminal",
        )
        parser.add_argument("--era", choices=get_args(Era), help="the protocol's era (default: modern, where served)")
        parser.add_argument("--json", action="store_true", help="print the whole result, or the error, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = self._call(options)
        except CallRefused as refused:
            if options["json"]:
                self.stdout.write(json.dumps({"error": refused.error}, indent=2, ensure_ascii=False))
            raise CommandError(str(refused), returncode=REFUSED) from None
        except CommandError as error:
            raise CommandError(str(error), returncode=REFUSED) from None
        if options["json"]:
            self.stdout.write(json.dumps(result, indent=2, ensure_ascii=False))
        else:
            for text in _shown(result):
                self.stdout.write(text)
        if result.get("isError"):
            raise CommandError("The tool answered with an error.", returncode=TOOL_FAILED)

    def _call(self, options: Mapping[str, Any]) -> dict[str, Any]:
        endpoint, server, caller = endpoint_of(options)
        served = endpoint.view().eras
        era: Era = options["era"] or ("modern" if "modern" in served else "handshake")
        if era not in served:
            raise CommandError(f"The endpoint at {endpoint.path} does not serve the {era} era.")
        tools = next((entries for key, entries in seen(server, caller) if key == "tools"), [])
        schemas: dict[str, Any] = {one["name"]: one["inputSchema"] for one in tools}
        params = {"name": options["tool"], "arguments": _arguments(options, schemas.get(options["tool"], {}))}
        client = LocalClient(endpoint, era, Answers(options["answer"], self.stderr).answer, self._note)
        result: dict[str, Any] = _run(era)(_request)(client, params)
        return result

    def _note(self, message: Mapping[str, Any]) -> None:
        """Prints progress and log messages."""
        params = message.get("params", {})
        if message["method"] == "notifications/progress":
            total = f" of {params['total']:g}" if params.get("total") is not None else ""
            text = f" {params['message']}" if params.get("message") else ""
            self.stderr.write(f"… {params['progress']:g}{total}{text}", style_func=str)
        elif message["method"] == "notifications/message":
            data = params.get("data")
            text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            self.stderr.write(f"{params.get('level', 'info')}: {text}", style_func=str)


def _run(era: Era) -> Callable[[Any], Any]:
    """The way to run the call: a modern one never waits for an answer, so that its sync work runs in this thread, in
    the caller's transaction; one of the handshake era waits, and needs other threads.
    """
    if era == "modern":
        return async_to_sync
    return lambda function: lambda *args: asyncio.run(function(*args))


async def _request(client: LocalClient, params: Mapping[str, Any]) -> dict[str, Any]:
    async with client:
        return await client.request("tools/call", params)


def _arguments(options: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the call. Raises `CommandError` for text that is no JSON object."""
    if options["arguments"] is None:
        return arguments_of(options["arg"], schema)
    try:
        given = json.loads(options["arguments"])
    except (ValueError, RecursionError) as error:
        raise CommandError(f"--arguments is not JSON: {error}.") from None
    if not isinstance(given, dict):
        raise CommandError("--arguments is not a JSON object.")
    return given


def _shown(result: Mapping[str, Any]) -> Iterator[str]:
    """The result for people: the structured content, else each block."""
    if "structuredContent" in result:
        yield json.dumps(result["structuredContent"], indent=2, ensure_ascii=False)
        return
    for block in result.get("content", []):
        yield _text_of(block)


def _text_of(block: Mapping[str, Any]) -> str:
    match block["type"]:
        case "text":
            return str(block["text"])
        case "resource_link":
            return f"[{block['name']}: {block['uri']}]"
        case "resource":
            resource = block["resource"]
            return str(resource.get("text", f"[{resource.get('mimeType', 'bytes')}: {resource['uri']}]"))
    return f"[{block.get('mimeType', block['type'])}, {len(block.get('data', ''))} characters of Base64]"

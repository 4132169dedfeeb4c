"""manage.py mcp_call: calls a tool as a user, through every rule that a client's call goes through."""

import asyncio
import json
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from asgiref.sync import async_to_sync
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from django_mcp.management.answers import Answers
from django_mcp.management.endpoints import add_arguments, endpoint_of
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.management.values import arguments_of
from django_mcp.page.shown import seen
from django_mcp.protocol.versions import Era
from django_mcp.stdio.client import CallRefused, LocalClient

TOOL_FAILED, REFUSED = 1, 2


class Command(HelpfulCommand):
    help = gettext_lazy(
        "Call a tool as a user, through all that a client's call goes through: the endpoint's policies, permissions, "
        "throttles, validation, middleware, transactions and budgets. Progress and log messages go to stderr, the "
        "result to stdout."
    )
    examples = (
        "manage.py mcp_call airport_facts --arg code=LHR",
        "manage.py mcp_call route --arg codes=LHR --arg codes=SIN --arg codes=SYD",
        """manage.py mcp_call create_trip --user ada --arguments '{"name": "Home"}' --json""",
        "manage.py mcp_call delete_trip --user ada --arg trip_id=7 --answer sure=true",
    )
    exit_codes = {
        "0": gettext_lazy("the tool has answered"),
        "1": gettext_lazy("the tool has answered with an error, such as arguments that do not fit"),
        "2": gettext_lazy("the call was refused, or could not be made"),
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tool", help=_("the tool's name, as mcp_inspect lists it"))
        given = parser.add_mutually_exclusive_group()
        given.add_argument(
            "--arg",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=_("an argument; again for a list's next item"),
        )
        given.add_argument("--arguments", metavar="JSON", help=_("all arguments, as a JSON object"))
        add_arguments(parser)
        parser.add_argument(
            "--answer",
            action="append",
            default=[],
            metavar="FIELD=VALUE",
            help=_(
                "the answer to the tool's question: a field of the form, or accept, decline or cancel; without it, you "
                "are asked at the terminal"
            ),
        )
        parser.add_argument(
            "--era", choices=get_args(Era), help=_("the protocol's era (default: modern, where served)")
        )
        parser.add_argument("--json", action="store_true", help=_("print the whole result, or the error, as JSON"))

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
            raise CommandError(_("The tool answered with an error."), returncode=TOOL_FAILED)

    def _call(self, options: Mapping[str, Any]) -> dict[str, Any]:
        endpoint, server, caller = endpoint_of(options)
        served = endpoint.view().eras
        era: Era = options["era"] or ("modern" if "modern" in served else "handshake")
        if era not in served:
            text = _("The endpoint at %(path)s does not serve the %(era)s era.")
            raise CommandError(text % {"path": endpoint.path, "era": era})
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
            text = f" {params['message']}" if params.get("message") else ""
            self.stderr.write(f"… {_progress_of(params)}{text}", style_func=str)
        elif message["method"] == "notifications/message":
            data = params.get("data")
            text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
            self.stderr.write(f"{params.get('level', 'info')}: {text}", style_func=str)


def _progress_of(params: Mapping[str, Any]) -> str:
    done = f"{params['progress']:g}"
    if params.get("total") is None:
        return done
    return _("%(done)s of %(total)s") % {"done": done, "total": f"{params['total']:g}"}


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
        raise CommandError(_("--arguments is not JSON: %(error)s.") % {"error": error}) from None
    if not isinstance(given, dict):
        raise CommandError(_("--arguments is not a JSON object."))
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
    size = len(block.get("data", ""))
    text = ngettext("%(count)d character of Base64", "%(count)d characters of Base64", size) % {"count": size}
    return f"[{block.get('mimeType', block['type'])}, {text}]"

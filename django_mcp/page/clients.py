"""Configurations of MCP clients: the file that each reads, the entry of a server in it, and the links that add one."""

import base64
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from django.http import HttpRequest

    from django_mcp.endpoint.options import EndpointOptions


@dataclass(frozen=True, slots=True)
class Http:
    """A server at a URL. `scheme` and `variable` are of its `Authorization` header: the word before the token, and the
    environment variable that has the token; without them, the client signs in by itself or needs no token.
    """

    url: str
    scheme: str = "Bearer"
    variable: str = ""

    def headers(self, reference: str) -> dict[str, Any]:
        """The headers, with the client's own way to name an environment variable: `${%s}`."""
        return {"headers": {"Authorization": f"{self.scheme} {reference % self.variable}"}} if self.variable else {}


@dataclass(frozen=True, slots=True)
class Stdio:
    """A server that the client starts."""

    command: str
    args: list[str]
    env: dict[str, str] = field(default_factory=dict)

    def entry(self) -> dict[str, Any]:
        return {"command": self.command, "args": self.args, **({"env": self.env} if self.env else {})}


Server: TypeAlias = Http | Stdio


@dataclass(frozen=True, slots=True)
class Client:
    """A client: its file, the keys that lead to its servers there, and the entry of a server."""

    title: str
    file: Callable[[], Path]
    key: str
    entry: Callable[[Server], dict[str, Any]]
    beside: Callable[[Server], dict[str, Any]] = lambda server: {}
    link: Callable[[str, dict[str, Any]], str] = lambda name, document: ""

    @property
    def is_toml(self) -> bool:
        return self.file().suffix == ".toml"

    def document(self, name: str, server: Server) -> dict[str, Any]:
        """The whole file, if it holds this server alone."""
        return {self.key: {name: self.entry(server)}, **self.beside(server)}

    def text(self, name: str, server: Server) -> str:
        document = self.document(name, server)
        return to_toml(document) if self.is_toml else json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @property
    def shown_file(self) -> str:
        """The file as people name it, whose home is not this machine's."""
        path = self.file()
        if not path.is_absolute():
            return path.as_posix()
        return path.name if self.file is _desktop_file else f"~/{path.relative_to(Path.home()).as_posix()}"

    def link_for(self, name: str, server: Server) -> str:
        """The address by which the client adds the server itself; empty for clients that have none."""
        return self.link(name, self.document(name, server))


def _claude_code(server: Server) -> dict[str, Any]:
    if isinstance(server, Stdio):
        return {"type": "stdio", **server.entry()}
    return {"type": "http", "url": server.url, **server.headers("${%s}")}


def _claude_desktop(server: Server) -> dict[str, Any]:
    if isinstance(server, Stdio):
        return server.entry()
    # The file takes commands alone; the app's own connectors take URLs that the internet reaches.
    if not server.variable:
        return {"command": "npx", "args": ["-y", "mcp-remote", server.url]}
    header = ["--header", "Authorization:${AUTHORIZATION}"]
    env = {"AUTHORIZATION": f"{server.scheme} <your token>"}
    return {"command": "npx", "args": ["-y", "mcp-remote", server.url, *header], "env": env}


def _cursor(server: Server) -> dict[str, Any]:
    return server.entry() if isinstance(server, Stdio) else {"url": server.url, **server.headers("${env:%s}")}


def _vscode(server: Server) -> dict[str, Any]:
    if isinstance(server, Stdio):
        return {"type": "stdio", **server.entry()}
    return {"type": "http", "url": server.url, **server.headers("${input:%s}")}


def _vscode_inputs(server: Server) -> dict[str, Any]:
    if isinstance(server, Stdio) or not server.variable:
        return {}
    asked = {"id": server.variable, "type": "promptString", "description": "The token", "password": True}
    return {"inputs": [asked]}


def _codex(server: Server) -> dict[str, Any]:
    if isinstance(server, Stdio):
        return server.entry()
    if not server.variable:
        return {"url": server.url}
    if server.scheme == "Bearer":
        return {"url": server.url, "bearer_token_env_var": server.variable}
    # The variable then has the whole header, with its first word.
    return {"url": server.url, "env_http_headers": {"Authorization": server.variable}}


def _gemini(server: Server) -> dict[str, Any]:
    return server.entry() if isinstance(server, Stdio) else {"httpUrl": server.url, **server.headers("$%s")}


def _windsurf(server: Server) -> dict[str, Any]:
    return server.entry() if isinstance(server, Stdio) else {"serverUrl": server.url, **server.headers("${env:%s}")}


def _cursor_link(name: str, document: dict[str, Any]) -> str:
    entry = base64.b64encode(json.dumps(document["mcpServers"][name]).encode()).decode()
    return f"cursor://anysphere.cursor-deeplink/mcp/install?{urlencode({'name': name, 'config': entry})}"


def _vscode_link(name: str, document: dict[str, Any]) -> str:
    inputs = {"inputs": document["inputs"]} if "inputs" in document else {}
    return f"vscode:mcp/install?{quote(json.dumps({'name': name, **document['servers'][name], **inputs}), safe='')}"


def _desktop_file() -> Path:
    name = Path("Claude") / "claude_desktop_config.json"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / name
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / name
    return Path.home() / ".config" / name


CLIENTS: Final[Mapping[str, Client]] = {
    "claude-code": Client("Claude Code", lambda: Path(".mcp.json"), "mcpServers", _claude_code),
    "claude-desktop": Client("Claude Desktop", _desktop_file, "mcpServers", _claude_desktop),
    "cursor": Client("Cursor", lambda: Path(".cursor/mcp.json"), "mcpServers", _cursor, link=_cursor_link),
    "vscode": Client("VS Code", lambda: Path(".vscode/mcp.json"), "servers", _vscode, _vscode_inputs, _vscode_link),
    "codex": Client("Codex", lambda: Path.home() / ".codex" / "config.toml", "mcp_servers", _codex),
    "gemini": Client("Gemini CLI", lambda: Path(".gemini/settings.json"), "mcpServers", _gemini),
    "windsurf": Client(
        "Windsurf", lambda: Path.home() / ".codeium" / "windsurf" / "mcp_config.json", "mcpServers", _windsurf
    ),
}
"""The clients by the name that a person types. A relative file is in the folder that the client opens."""


def http_at(view: "EndpointOptions", url: str, request: "HttpRequest") -> Http:
    """The server of a view at its URL, and the environment variable for a token, unless it is open or signs in by
    OAuth.
    """
    authenticators = view.get_authenticators()
    # DRF's TokenAuthentication has a word of its own.
    keyword = getattr(authenticators[0], "keyword", None) if authenticators else None
    scheme = keyword if isinstance(keyword, str) else "Bearer"
    if view.public or not authenticators or view.get_authorization_servers(request):
        return Http(url, scheme)
    return Http(url, scheme, f"{plain_name(view.get_server().name).upper().replace('-', '_')}_TOKEN")


def plain_name(name: str) -> str:
    """A server's name in letters that every client's file takes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "django"


def to_toml(document: Mapping[str, Any]) -> str:
    """A document of tables of text and lists of text, as TOML. JSON's strings are strings of TOML."""
    return "\n".join(_tables(document, ()))


def _tables(table: Mapping[str, Any], path: tuple[str, ...]) -> list[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = [f"{_key(key)} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
    blocks = [f"[{'.'.join(map(_key, path))}]\n{''.join(lines)}"] if lines else []
    for key, value in table.items():
        if isinstance(value, Mapping):
            blocks += _tables(value, (*path, key))
    return blocks


def _key(text: str) -> str:
    return text if text.isascii() and text.replace("_", "").replace("-", "").isalnum() else json.dumps(text)

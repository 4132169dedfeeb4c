"""Findings of mcp_doctor, and the lines of proxies' configurations that mend them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Status: TypeAlias = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A result of a check. `advice` says what to change; `lines` are the same in the configuration of each proxy."""

    check: str
    status: Status
    text: str
    advice: str = ""
    lines: Mapping[str, str] = field(default_factory=dict)

    @property
    def fails(self) -> bool:
        return self.status == "problem"


BUFFERING: Final = {
    "nginx": "proxy_buffering off;\nproxy_http_version 1.1;",
    "Caddy": "reverse_proxy app:8000 {\n    flush_interval -1\n}",
    "Traefik": (
        "# no buffering middleware on this router, and\n"
        "traefik.http.services.app.loadbalancer.responseforwarding.flushinterval=1ms"
    ),
}
COMPRESSION: Final = {
    "nginx": "gzip off;\nbrotli off;  # where the module is loaded",
    "Caddy": "@pages not path /mcp*\nencode @pages gzip zstd",
    "Traefik": "traefik.http.middlewares.zip.compress.excludedcontenttypes=text/event-stream",
}
IDLE: Final = {
    "nginx": "proxy_read_timeout 1h;\nproxy_send_timeout 1h;",
    "Caddy": "reverse_proxy app:8000 {\n    transport http {\n        read_timeout 1h\n    }\n}",
    "Traefik": (
        "--entrypoints.websecure.transport.respondingtimeouts.readtimeout=0\n"
        "--entrypoints.websecure.transport.respondingtimeouts.writetimeout=0"
    ),
}
HOST: Final = {
    "nginx": "proxy_set_header Host $host;\nproxy_set_header X-Forwarded-Proto $scheme;",
    "Caddy": "# Caddy passes Host on: remove `header_up Host`",
    "Traefik": "traefik.http.services.app.loadbalancer.passhostheader=true",
}
REQUEST_HEADERS: Final = {
    "nginx": (
        "proxy_pass_request_headers on;\n"
        "proxy_set_header Authorization $http_authorization;\n"
        "proxy_set_header Mcp-Session-Id $http_mcp_session_id;"
    ),
    "Caddy": "# Caddy passes headers on: remove `header_up -Mcp-*` and `header_up -Authorization`",
    "Traefik": "# remove Mcp-* and Authorization from customrequestheaders: an empty value removes a header",
}
RESPONSE_HEADERS: Final = {
    "nginx": "proxy_pass_header Mcp-Session-Id;\nproxy_pass_header WWW-Authenticate;",
    "Caddy": "# Caddy passes headers on: remove `header_down -Mcp-*` and `header_down -WWW-Authenticate`",
    "Traefik": "# remove Mcp-* and WWW-Authenticate from customresponseheaders: an empty value removes a header",
}
BODY: Final = {
    "nginx": "client_max_body_size 4m;",
    "Caddy": "request_body {\n    max_size 4MB\n}",
    "Traefik": "traefik.http.middlewares.limit.buffering.maxrequestbodybytes=4194304",
}

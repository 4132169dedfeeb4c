"""The settings, MCP_<NAME> each: their names, types and defaults.

Where two endpoints could want different values, the argument of the server or view is the place; what is here holds
for the whole project.
"""

from collections.abc import Callable, Sequence
from types import NoneType, UnionType
from typing import Any, Final, cast, get_args, get_type_hints

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import Promise

PREFIX = "MCP_"


class Settings:
    """The defaults. Reading `mcp_settings.NAME` gives settings.MCP_NAME, or the default below."""

    SERVER_NAME: str = "django"
    """Name of the default server, told to clients. Its sessions carry it: renaming the server ends them."""

    SERVER_VERSION: str = ""
    """Version of the default server, told to clients."""

    SERVER_TITLE: str | None = None
    """Name of the default server for people."""

    SERVER_INSTRUCTIONS: str | None = None
    """What a model should know before it uses the default server."""

    SESSION_TTL_SECONDS: int = 60 * 60
    """A session expires when it has not been used for this long."""

    SESSION_MAX_AGE_SECONDS: int = 7 * 24 * 60 * 60
    """A session expires at this age, however much it is used."""

    SESSION_TOUCH_SECONDS: int = 60
    """Use of a session is written to its row at most this often, and at least twice in SESSION_TTL_SECONDS."""

    MAX_SESSIONS_PER_PRINCIPAL: int | None = 100
    """Live sessions that one user may have, with all clients and tokens together, or one client without a user.
    None: any number.
    """

    MAX_SESSIONS: int | None = 10_000
    """Live sessions of everybody together, anonymous clients too. None: any number."""

    MAX_ANONYMOUS_SESSIONS: int | None = None
    """Live sessions of all anonymous clients together, their share of MAX_SESSIONS: those who sign in find room. None:
    half of it.
    """

    MAX_ENDED_SESSIONS_PER_PRINCIPAL: int | None = 100
    """Ended sessions of one user or client (anonymous clients are one) that are kept until the purge; the oldest are
    deleted earlier. None: any number.
    """

    MAX_SUBSCRIPTIONS_PER_SESSION: int = 100
    """Resources that one session may be subscribed to."""

    MAX_BODY_BYTES: int = 4 * 1024 * 1024
    """A larger request body is answered 413."""

    MAX_UNADMITTED_BYTES: int = 64 * 1024
    """Bytes of a request body that are read before the caller is admitted. They are kept, and not parsed."""

    MAX_READING_BYTES: int = 64 * 1024 * 1024
    """Bytes of unfinished request bodies that one process keeps, in the ASGI lane. Beyond, longer bodies are answered
    503 until others have been read.
    """

    MAX_JSON_VALUES: int = 100_000
    """Values in the JSON of one request body. More are answered 400, before they are parsed."""

    MAX_BATCH_MESSAGES: int = 50
    """Messages in one JSON-RPC batch (revision 2025-03-26). More are answered 400."""

    MAX_BATCH_BYTES: int = 4 * 1024 * 1024
    """When the answers to a batch are larger together, the rest of its messages are answered with errors."""

    MAX_HEADER_BYTES: int = 64 * 1024
    """Longer headers, all together, are answered 431. Not every server in front has a limit."""

    BODY_TIMEOUT_SECONDS: float = 30
    """A client that takes longer to send its request body is answered 408, in the ASGI lane. Elsewhere the server in
    front has such a limit of its own.
    """

    MAX_JSON_DEPTH: int = 64
    """A body nested deeper than this is refused."""

    PUBLIC_URL: str = ""
    """The scheme and host under which clients reach the project, such as "https://api.example.com", where the request
    does not say it rightly. For protected resource metadata.
    """

    ALLOWED_ORIGINS: Sequence[str] = ()
    """Browser origins, such as "https://app.example.com", that may call from pages of another host."""

    PAGE: str | Callable[..., Any] | bool = "debug"
    """The people who may see the page that a browser gets at an endpoint: "debug" (everybody with DEBUG, else staff),
    "staff", a permission ("app.codename"), a function of the request, or False: nobody.
    """

    PAGE_SIZE: int = 1000
    """Entries in one page of a list. Many clients read only the first page, so it is large."""

    READ_ONLY_DATABASE: str = ""
    """The alias of a replica from which tools that say `read_only=True` read. It needs
    `django_mcp.replicas.ReplicaRouter` in DATABASE_ROUTERS.
    """

    THREADS: int | None = None
    """Worker threads of the ASGI lane in each process, for sync tools and the database. None: the processors plus 4, at
    most 32.
    """

    ASYNC_THREADS: int = 32
    """Async calls of one process that may have a thread and a connection of their own for the database at once; another
    waits for its first query. As many threads as THREADS says are kept between calls.
    """

    KEEPALIVE_SECONDS: float = 15
    """A stream that says nothing for this long sends a comment, since proxies cut silent connections; a POST that takes
    longer becomes one.
    """

    SEND_TIMEOUT_SECONDS: float = 30
    """A client that takes nothing of a stream for so long is closed. What it missed is stored, if it can come back."""

    RETRY_MILLISECONDS: int = 5000
    """How long a client waits before it resumes a stream that was closed on it. The official clients try twice and then
    give up, so twice this should outlive a deploy.
    """

    STREAM_LEASE_SECONDS: float = 45
    """A stream whose process has not been heard of for this long is taken for dead. Three keep-alives."""

    POLL_SECONDS: float = 1
    """How often a process looks into the database for news of its streams where no channel layer spans the processes;
    with one, a fifth as often.
    """

    CLIENT_REQUEST_TIMEOUT_SECONDS: float = 600
    """How long a tool waits for the client's answer to an elicitation, a sampling request or a list of roots. A person
    may have to read.
    """

    MAX_CLIENT_REQUESTS: int = 32
    """Requests to one session's client that may wait for an answer at once."""

    MAX_WAITING_CALLS: int = 64
    """Calls of handshake clients that may wait for an answer at once in one process; one more is told that its client
    cannot be asked. Anonymous callers have half of them together. Under WSGI each also holds a thread of the server's:
    set this below the threads of a worker.
    """

    MAX_WAITING_CALLS_PER_PRINCIPAL: int | None = 8
    """Those of one user or client; of an anonymous caller, those of one session. None: any number."""

    MAX_WAITING_TRANSACTIONS: int = 8
    """Waiting calls of one process that may be in a transaction, each with its database connection and its locks; one
    more is told that its client cannot be asked. No caller has more than half of them, nor have the anonymous ones. A
    tool that asks before its first query needs none.
    """

    CLIENT_GONE_SECONDS: float = 60
    """A call that waits for an answer is ended, and its transaction undone, when its client has had no connection for
    this long: neither its own POST's, nor a GET stream of the session.
    """

    MAX_LISTENERS: int = 1000
    """`subscriptions/listen` streams that one process keeps open; one more is answered 503."""

    MAX_LISTENERS_PER_PRINCIPAL: int | None = 20
    """Those of one user, or of one client without a user, in one process; one more is answered 429. None: any
    number.
    """

    MAX_LISTEN_URIS: int = 100
    """Resources that one `subscriptions/listen` may name; more are answered 400."""

    MAX_LISTEN_CHARACTERS: int = 32 * 1024
    """Characters of those URIs together: each is matched with every resource template. More are answered 400."""

    EVENTS_PER_SESSION: int = 1000
    """Events of a session that are kept for resuming; the oldest go first."""

    EVENT_BYTES_PER_SESSION: int = 16 * 1024 * 1024
    """Characters of events of a session that are kept for resuming; the oldest go first."""

    EVENT_MAX_AGE_SECONDS: int = 24 * 60 * 60
    """Events and changes older than this are purged."""

    ISSUER_TIMEOUT_SECONDS: float = 3
    """How long an authorization server elsewhere may take to answer (contrib.external_tokens). After that, callers are
    told 503 for some seconds without being asked.
    """

    ISSUER_REQUESTS: int = 8
    """Questions about tokens that one process has open at one introspection endpoint; one more caller is told 503."""

    OAUTH_REGISTRATIONS_PER_ADDRESS: int | None = 30
    """OAuth clients that may register themselves from one address in an hour; one more is answered 429. None: any
    number.
    """

    OAUTH_REGISTRATIONS: int | None = 1000
    """OAuth clients that may register themselves from everywhere in an hour; one more is answered 429. None: any
    number.
    """

    OAUTH_DOCUMENTS_PER_USER: int | None = 30
    """Documents of OAuth clients that are fetched for one user in an hour; beyond it a client that is not known yet
    stays unknown. None: any number.
    """

    REQUEST_STATE_TTL_SECONDS: int = 600
    """How long a modern client may take to answer what a tool asks of it."""

    MAX_ROUNDS: int = 10
    """How often one call may ask a modern client for more before it fails."""

    LARGE_TOOL_BYTES: int | None = 32 * 1024
    """`manage.py check` names the tools whose entry in the list is larger: a model reads all of it. None: no check."""


class _Reader:
    """Keeps what it has read: each request wants several, and Django's own way to one takes as long as reading the
    message.
    """

    def __getattr__(self, name: str) -> Any:
        default = getattr(Settings, name)  # A name that is not declared above is an AttributeError here.
        if name.isupper():
            vars(self)[name] = default = getattr(settings, PREFIX + name, default)
        return default

    def forget(self, *, setting: str, **kwargs: Any) -> None:
        """A test has other settings for a while (`override_settings`, pytest-django's `settings`)."""
        vars(self).pop(setting.removeprefix(PREFIX), None)


_reader = _Reader()
setting_changed.connect(_reader.forget, dispatch_uid="django_mcp")

mcp_settings = cast(Settings, _reader)


def setting_names() -> list[str]:
    """The settings that exist, as they are written in a settings module: MCP_ALLOWED_ORIGINS …"""
    return sorted(PREFIX + name for name in Settings.__annotations__)


_MAY_BE_ZERO: Final = frozenset(
    {
        "SESSION_TOUCH_SECONDS",
        "MAX_SESSIONS_PER_PRINCIPAL",
        "MAX_SESSIONS",
        "RETRY_MILLISECONDS",
        "MAX_CLIENT_REQUESTS",
        "MAX_LISTENERS",
        "MAX_LISTENERS_PER_PRINCIPAL",
        "EVENTS_PER_SESSION",
        "EVENT_BYTES_PER_SESSION",
        "MAX_UNADMITTED_BYTES",
        "MAX_BATCH_MESSAGES",
        "OAUTH_REGISTRATIONS_PER_ADDRESS",
        "OAUTH_REGISTRATIONS",
        "OAUTH_DOCUMENTS_PER_USER",
    }
)
"""The numbers of which none at all makes sense."""


PAGE_POLICIES: Final = '"debug", "staff", a permission ("app.codename"), a function of the request, or False'


def is_page_policy(value: Any) -> bool:
    """Whether a value says who may see the page for people."""
    if isinstance(value, str):
        return value in ("debug", "staff") or value.count(".") == 1
    return value is False or callable(value)


def wrong_settings() -> dict[str, str]:
    """The settings whose value cannot be meant, each with how it has to be: MCP_PAGE_SIZE, "a positive number" …"""
    hints = get_type_hints(Settings)
    found = {name: _problem(name, getattr(mcp_settings, name), hint) for name, hint in hints.items()}
    return {PREFIX + name: problem for name, problem in found.items() if problem}


def _problem(name: str, value: Any, hint: Any) -> str:
    from pydantic import TypeAdapter, ValidationError

    value = str(value) if isinstance(value, Promise) else value
    if name == "PAGE":
        return "" if is_page_policy(value) else PAGE_POLICIES
    try:
        TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError:
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        return " or ".join(_KINDS.get(kind, str(kind)) for kind in kinds)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name in _MAY_BE_ZERO or getattr(Settings, name) == 0:
            return "" if value >= 0 else "zero or more"
        return "" if value > 0 else "more than zero"
    if name == "ALLOWED_ORIGINS" and not all(map(_is_origin, value)):
        return 'origins alone, such as "https://app.example.com": a scheme, a host, no path and no slash at its end'
    if name == "PUBLIC_URL" and value and not _is_origin(value.rstrip("/")):
        return 'a scheme and a host, such as "https://api.example.com"'
    return ""


_KINDS: Final = {
    int: "a whole number",
    float: "a number",
    str: "a string",
    bool: "True or False",
    NoneType: "None",
    Sequence[str]: "a list of strings",
}


def _is_origin(text: str) -> bool:
    scheme, separator, host = text.partition("://")
    return bool(scheme and separator and host) and not set(host) & set("/?#@ ")


def unknown_setting_names() -> list[str]:
    """The MCP_… names that the project sets and nothing reads: misspelt ones, most likely."""
    return sorted({name for name in dir(settings) if name.startswith(PREFIX)}.difference(setting_names()))

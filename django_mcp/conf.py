"""The settings, MCP_<NAME> each: their names, types and defaults.

A value that may differ between endpoints is an argument of the server or view instead; these settings are for the whole
project.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from types import NoneType, UnionType
from typing import Any, Final, cast, get_args, get_type_hints

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy

PREFIX = "MCP_"


class Settings:
    """The defaults. `mcp_settings.NAME` returns settings.MCP_NAME, or the default below."""

    SERVER_NAME: str = "django"
    """Name of the default server, for clients. It is stored with sessions: renaming the server ends them."""

    SERVER_VERSION: str = ""
    """Version of the default server, for clients."""

    SERVER_TITLE: str | None = None
    """Name of the default server, for people."""

    SERVER_INSTRUCTIONS: str | None = None
    """Instructions for the model on how to use the default server."""

    SERVER_EXTENSIONS: Sequence[str] = ()
    """The extensions of the default server: dotted paths of `Extension` classes or objects."""

    SESSION_TTL_SECONDS: int = 60 * 60
    """A session that is not used for this long expires."""

    SESSION_MAX_AGE_SECONDS: int = 7 * 24 * 60 * 60
    """A session of this age expires, even if it is used."""

    SESSION_TOUCH_SECONDS: int = 60
    """The use of a session is written to its row at most this often, and at least twice per SESSION_TTL_SECONDS."""

    MAX_SESSIONS_PER_PRINCIPAL: int | None = 100
    """The maximum number of live sessions of one user, all clients and tokens together, or of one client without a
    user. None: no limit.
    """

    MAX_SESSIONS: int | None = 10_000
    """The maximum number of live sessions of all callers, anonymous clients included. None: no limit."""

    MAX_ANONYMOUS_SESSIONS: int | None = None
    """The maximum number of live sessions of all anonymous clients together, as a part of MAX_SESSIONS; the rest is
    reserved for users who are signed in. None: half of MAX_SESSIONS.
    """

    MAX_ENDED_SESSIONS_PER_PRINCIPAL: int | None = 100
    """The maximum number of ended sessions of one user or client (all anonymous clients count as one) that are kept
    until the purge; above it, the oldest are deleted earlier. None: no limit.
    """

    MAX_SUBSCRIPTIONS_PER_SESSION: int = 100
    """The maximum number of resource subscriptions of one session."""

    MAX_BODY_BYTES: int = 4 * 1024 * 1024
    """A larger request body is answered 413."""

    MAX_UNADMITTED_BYTES: int = 64 * 1024
    """Bytes of a request body that are read before the caller is admitted. They are kept, but not parsed."""

    MAX_READING_BYTES: int = 64 * 1024 * 1024
    """Bytes of unfinished request bodies that one process keeps, in the ASGI lane. At the limit, longer bodies are
    answered 503 until others have been read.
    """

    MAX_JSON_VALUES: int = 100_000
    """The maximum number of values in the JSON of a request body. A body with more is answered 400 before it is
    parsed.
    """

    MAX_BATCH_MESSAGES: int = 50
    """The maximum number of messages in a JSON-RPC batch (revision 2025-03-26). A larger batch is answered 400."""

    MAX_BATCH_BYTES: int = 4 * 1024 * 1024
    """The maximum size of the answers to a batch, all together; beyond it, the remaining messages are answered with
    errors.
    """

    MAX_HEADER_BYTES: int = 64 * 1024
    """The maximum size of all headers together; larger ones are answered 431. Not every server in front has such a
    limit.
    """

    BODY_TIMEOUT_SECONDS: float = 30
    """A client that takes longer to send its request body is answered 408. Under WSGI a thread waits for each portion
    of the body, and looks at the clock between two: the server ends a client that sends nothing.
    """

    MAX_JSON_DEPTH: int = 64
    """A body that is nested deeper is refused."""

    PUBLIC_URL: str = ""
    """The scheme and host that clients use for the project, such as "https://api.example.com", if the request does not
    have the right ones. For protected resource metadata.
    """

    ALLOWED_ORIGINS: Sequence[str] = ()
    """Browser origins, such as "https://app.example.com", that may call from pages of another host."""

    PAGE: str | Callable[..., Any] | bool = "debug"
    """The people who may see the page that a browser gets at an endpoint: "debug" (everybody with DEBUG, else staff),
    "staff", a permission ("app.codename"), a function of the request, or False: nobody.
    """

    AUDIT: str = "buffered"
    """How `django_mcp.contrib.audit` writes calls: "buffered" (soon after them, in bulk), "durable" (before the answer
    leaves) or "off".
    """

    AUDIT_RETENTION_DAYS: int | None = 90
    """`mcp_purge` deletes audited calls that are older. None: they are kept."""

    AUDIT_REDACT: Sequence[str] = (
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "access_token",
        "refresh_token",
        "id_token",
        "auth_token",
        "bearer",
        "authorization",
        "credential",
        "credentials",
        "api_key",
        "access_key",
        "private_key",
        "cookie",
        "session_id",
        "csrf",
        "otp",
        "pin",
        "ssn",
        "iban",
        "card_number",
        "cvc",
        "cvv",
        "signature",
    )
    """Arguments whose names contain one of these words are not kept in the audit, at any depth."""

    AUDIT_CHARACTERS: int = 4096
    """The audit keeps about this many characters of the arguments of a call, and of its result."""

    AUDIT_RESULTS: Sequence[str] = ()
    """The names of the tools and prompts, and the URIs of the resources and templates, whose results are kept."""

    AUDIT_ADDRESS: bool = False
    """Whether the audit keeps the client's address, as Django sees it."""

    AUDIT_QUERIES: bool = True
    """Whether the queries and the rows of each call are counted for the audit."""

    AUDIT_TRACE_URL: str = ""
    """The page of a trace, for links in the admin: "https://traces.example.com/trace/{trace_id}"."""

    AUDIT_BUFFER_CALLS: int = 10_000
    """Calls of one process that wait to be written. Above it, calls are not recorded, and their number is logged."""

    AUDIT_BUFFER_CHARACTERS: int = 16 * 1024 * 1024
    """The maximum number of characters of these calls."""

    AUDIT_FLUSH_SECONDS: float = 1
    """Calls are written at most this long after they ended: a process that is killed loses them."""

    PAGE_SIZE: int = 1000
    """Entries in a page of a list. Large, because many clients read only the first page."""

    READ_ONLY_DATABASE: str = ""
    """The alias of a replica that tools with `read_only=True` read from. Needs `django_mcp.replicas.ReplicaRouter` in
    DATABASE_ROUTERS.
    """

    THREADS: int | None = None
    """Worker threads of the ASGI lane in each process, for sync tools and the database. None: the number of processors
    plus 4, at most 32.
    """

    ASYNC_THREADS: int = 32
    """The maximum number of async calls of one process that have a database thread and connection of their own at the
    same time; further calls wait at their first query. Between calls, as many threads as THREADS are kept.
    """

    KEEPALIVE_SECONDS: float = 15
    """A silent stream sends a comment this often, because proxies close silent connections. A POST that takes longer
    becomes a stream.
    """

    SEND_TIMEOUT_SECONDS: float = 30
    """The connection of a client that reads nothing for this long is closed. Events that it missed are stored if it can
    resume.
    """

    RETRY_MILLISECONDS: int = 5000
    """The time that a client waits before it resumes a stream that the server closed. The official clients try twice
    and then give up, so twice this time should be longer than a deploy.
    """

    STREAM_LEASE_SECONDS: float = 45
    """A stream counts as dead when its process has not renewed its lease for this long. Three times the keep-alive."""

    POLL_SECONDS: float = 1
    """How often a process polls the database for events of its streams, without a channel layer that spans the
    processes; with one, it polls a fifth as often.
    """

    CLIENT_REQUEST_TIMEOUT_SECONDS: float = 600
    """How long a tool waits for the client's answer to an elicitation, a sampling request or a list of roots. A person
    may have to read and answer.
    """

    MAX_CLIENT_REQUESTS: int = 32
    """The maximum number of requests to one session's client that wait for an answer."""

    MAX_WAITING_CALLS: int = 64
    """The maximum number of handshake clients' calls that wait for an answer in one process; a further call learns that
    its client cannot be asked. Anonymous callers share half of the places. Under WSGI each waiting call also holds a
    thread of the server: set this below the threads of a worker.
    """

    MAX_WAITING_CALLS_PER_PRINCIPAL: int | None = 8
    """The same for one user or client, or for one session of an anonymous caller. None: no limit."""

    MAX_WAITING_TRANSACTIONS: int = 8
    """The maximum number of waiting calls of one process in a transaction, each with its database connection and locks;
    a further call learns that its client cannot be asked. One caller has at most half of the places, and so have all
    anonymous callers together. A tool that asks before its first query needs no place.
    """

    CLIENT_GONE_SECONDS: float = 60
    """A waiting call ends, and its transaction is rolled back, when its client has had no connection for this long:
    neither that of its POST, nor a GET stream of the session.
    """

    MAX_LISTENERS: int = 1000
    """The maximum number of open `subscriptions/listen` streams of one process; further ones are answered 503."""

    MAX_LISTENERS_PER_PRINCIPAL: int | None = 20
    """The same for one user, or for one client without a user, in one process; further ones are answered 429. None: no
    limit.
    """

    MAX_LISTEN_URIS: int = 100
    """The maximum number of resources in one `subscriptions/listen`; more are answered 400."""

    MAX_LISTEN_CHARACTERS: int = 32 * 1024
    """The maximum length of these URIs together, because each is matched with every resource template; more is answered
    400.
    """

    EVENTS_PER_SESSION: int = 1000
    """The number of a session's events that are kept for resuming; the oldest are deleted first."""

    EVENT_BYTES_PER_SESSION: int = 16 * 1024 * 1024
    """The size, in characters, of a session's events that are kept for resuming; the oldest are deleted first."""

    EVENT_MAX_AGE_SECONDS: int = 24 * 60 * 60
    """Events and changes older than this are purged."""

    SWEEP_SECONDS: int | None = 10 * 60
    """Where no purge has run for a day, the server itself deletes rows that have ended or aged, this often in the whole
    deployment. None: never.
    """

    SWEEP_ROWS: int = 10_000
    """The maximum number of rows that one sweep deletes."""

    LOG_CALLS: bool = False
    """Whether each call is a record of the logger "django_mcp.calls". Read when the process starts."""

    HEALTH_REQUIRES: Sequence[str] = ("database",)
    """The parts without which the health view answers 503: "database", "layer", "purge". The server still works without
    its channel layer.
    """

    HEALTH_TIMEOUT_SECONDS: float = 2
    """How long the health view waits for the database and the channel layer."""

    ISSUER_TIMEOUT_SECONDS: float = 3
    """How long an external authorization server may take to answer (contrib.external_tokens). After a timeout, callers
    get 503 for some seconds without another request to it.
    """

    ISSUER_REQUESTS: int = 8
    """The maximum number of open requests of one process to one introspection endpoint; further callers get 503."""

    OAUTH_REGISTRATIONS_PER_ADDRESS: int | None = 30
    """The maximum number of OAuth clients that register themselves from one address in an hour; more are answered 429.
    None: no limit.
    """

    OAUTH_REGISTRATIONS: int | None = 1000
    """The maximum number of OAuth clients that register themselves from all addresses in an hour; more are answered
    429. None: no limit.
    """

    OAUTH_DOCUMENTS_PER_USER: int | None = 30
    """The maximum number of OAuth clients' metadata documents that are fetched for one user in an hour; above it, a new
    client stays unknown. None: no limit.
    """

    OPERATIONS_POLL_SECONDS: float = 1
    """How often a process looks for switches that were thrown and calls that are to be cancelled, in
    django_mcp.contrib.operations.
    """

    TASK_BACKEND: str = "default"
    """The name in TASKS of the backend that runs tasks (`django_mcp.contrib.tasks`)."""

    TASK_QUEUE: str = "default"
    """The queue of that backend."""

    TASK_TTL_SECONDS: float = 24 * 60 * 60
    """A task and its result are kept this long after its creation, unless its tool has a `task_ttl`. A task that takes
    longer is stopped.
    """

    TASK_POLL_SECONDS: float = 2
    """How often clients are told to ask for a task, unless its tool has `poll_seconds`."""

    TASK_LEASE_SECONDS: float = 60
    """A worker that has not renewed its lease on a task for this long counts as dead."""

    TASK_MAX_ATTEMPTS: int = 3
    """How often a task is run whose worker dies, if a call of its tool may be repeated."""

    TASK_RESULT_BYTES: int = 1024 * 1024
    """The largest result that a task keeps; a larger one is replaced by an error for the model."""

    MAX_TASKS_PER_PRINCIPAL: int | None = 1000
    """The maximum number of tasks of one user, finished ones included; one more is 429. None: no limit."""

    MAX_UNFINISHED_TASKS_PER_PRINCIPAL: int | None = 100
    """The maximum number of unfinished tasks of one user; one more is 429. None: no limit."""

    MAX_UNFINISHED_TASKS: int | None = 10_000
    """The maximum number of unfinished tasks of everybody; one more is 503. None: no limit."""

    OPERATIONS_RUNNING_CALLS: int = 500
    """The maximum number of running calls that a process writes into the table of django_mcp.contrib.operations."""

    OPERATIONS_MAX_REPORTS: int = 10_000
    """The maximum number of reports of missing capabilities that are kept; the oldest are deleted."""

    OPERATIONS_REPORTS_PER_PRINCIPAL: int = 20
    """The maximum number of reports of missing capabilities from one caller in a day."""

    REGISTRY_AUTH: str = ""
    """The line at /.well-known/mcp-registry-auth, such as "v=MCPv1; k=ed25519; p=…", with the public key
    (`django_mcp.contrib.cards`).
    """

    CARD_RATE: str | None = "120/minute"
    """The maximum rate at which one address may fetch cards, catalogs and proofs (`django_mcp.contrib.cards`); above it
    the answer is 429. None: no limit.
    """

    CATALOG_SPEC_VERSION: str = "1.0"
    """The version that the AI catalog says it is of (`django_mcp.contrib.cards`)."""

    CATALOG_IDENTIFIER: str = "urn:air:{publisher}:{name}"
    """The identifiers in the AI catalog (`django_mcp.contrib.cards`)."""

    REQUEST_STATE_TTL_SECONDS: int = 600
    """How long a modern client may take to answer a tool's questions."""

    MAX_ROUNDS: int = 10
    """How often one call may ask a modern client for input before it fails."""

    STDIO_MAX_REQUESTS: int = 100
    """The maximum number of requests that `manage.py mcp_stdio` runs at once for its client; more are refused."""

    LARGE_TOOL_BYTES: int | None = 32 * 1024
    """`manage.py check` lists the tools with a larger definition, because a model reads all of it. None: no check."""


class _Reader:
    """Caches the settings: each request reads several, and reading one from Django takes as long as parsing the
    message.
    """

    def __getattr__(self, name: str) -> Any:
        default = getattr(Settings, name)  # A misspelt name raises AttributeError.
        if name.isupper():
            vars(self)[name] = default = getattr(settings, PREFIX + name, default)
        return default

    def forget(self, *, setting: str, **kwargs: Any) -> None:
        """Clears the cache when a test changes a setting (`override_settings`, pytest-django's `settings`)."""
        vars(self).pop(setting.removeprefix(PREFIX), None)


_reader = _Reader()
setting_changed.connect(_reader.forget, dispatch_uid="django_mcp")

mcp_settings = cast(Settings, _reader)


def setting_names() -> list[str]:
    """The existing settings, with their prefix: MCP_ALLOWED_ORIGINS …"""
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
"""The numbers that must be greater than zero."""


MAX_SERVER_NAME: Final = 200
"""The most characters of a server's name."""

AUDIT_MODES: Final = ("buffered", "durable", "off")


def gettext_noop(message: str) -> str:
    """Marks a message for the catalogues. Django's own function reads a setting, and settings import this package."""
    return message


PAGE_POLICIES: Final = gettext_noop(
    '"debug", "staff", a permission ("app.codename"), a function of the request, or False'
)


def is_page_policy(value: Any) -> bool:
    """Whether a value says who may see the page for people."""
    if isinstance(value, str):
        return value in ("debug", "staff") or value.count(".") == 1
    return value is False or callable(value)


def is_server_name(value: str) -> bool:
    """Whether a value can be the name of a server, which stands in the rows of its sessions."""
    return 0 < len(value) <= MAX_SERVER_NAME and value.isprintable()


def wrong_settings() -> dict[str, str]:
    """The settings with invalid values, each with the expected kind: MCP_PAGE_SIZE, "a positive number" …"""
    hints = get_type_hints(Settings)
    found = {name: _problem(name, getattr(mcp_settings, name), hint) for name, hint in hints.items()}
    return {PREFIX + name: problem for name, problem in found.items() if problem}


def _problem(name: str, value: Any, hint: Any) -> str:
    from pydantic import TypeAdapter, ValidationError

    value = str(value) if isinstance(value, Promise) else value
    if name == "PAGE":
        return "" if is_page_policy(value) else gettext(PAGE_POLICIES)
    try:
        TypeAdapter(hint).validate_python(value, strict=True)
    except ValidationError:
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        names = (str(_KINDS.get(kind, kind)) for kind in kinds)
        return reduce(lambda one, other: gettext("%(one)s or %(other)s") % {"one": one, "other": other}, names)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if (most := _most_of(name)) is not None and value > most:
            return gettext("at most %(most)d, which is a hundred years") % {"most": most}
        if name in _MAY_BE_ZERO or getattr(Settings, name) == 0:
            return "" if value >= 0 else gettext("zero or more")
        return "" if value > 0 else gettext("more than zero")
    if name == "SERVER_NAME" and not is_server_name(value):
        return gettext("a name of 1 to %(most)d characters that can be printed") % {"most": MAX_SERVER_NAME}
    if name == "AUDIT" and value not in AUDIT_MODES:
        return '"buffered", "durable" or "off"'
    if name == "ALLOWED_ORIGINS" and not all(map(_is_origin, value)):
        return gettext(
            'origins alone, such as "https://app.example.com": a scheme, a host, no path and no slash at its end'
        )
    if name == "PUBLIC_URL" and value and not _is_origin(value.rstrip("/")):
        return gettext('a scheme and a host, such as "https://api.example.com"')
    return ""


def _most_of(name: str) -> int | None:
    """The longest time that a setting may name: clocks and calendars end some time after it."""
    return next((most for unit, most in _CENTURY.items() if name.endswith(unit)), None)


_CENTURY: Final = {"_SECONDS": 36_525 * 24 * 60 * 60, "_DAYS": 36_525}

_KINDS: Final = {
    int: gettext_lazy("a whole number"),
    float: gettext_lazy("a number"),
    str: gettext_lazy("a string"),
    bool: gettext_lazy("True or False"),
    NoneType: "None",
    Sequence[str]: gettext_lazy("a list of strings"),
}


def _is_origin(text: str) -> bool:
    scheme, separator, host = text.partition("://")
    return bool(scheme and separator and host) and not set(host) & set("/?#@ ")


def unknown_setting_names() -> list[str]:
    """The MCP_… names that the project sets but that do not exist; most likely misspelt."""
    return sorted({name for name in dir(settings) if name.startswith(PREFIX)}.difference(setting_names()))

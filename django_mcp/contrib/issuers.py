"""HTTP requests to an external authorization server: one at a time for its keys, a limited number for introspection,
and none for a while after a failure.

Each request runs in a thread of its own, so that an issuer that hangs blocks no worker thread. Nothing here reads
tokens.
"""

import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import cache
from typing import Any, Final, TypeVar

import httpx
import jwt
from rest_framework.exceptions import APIException, AuthenticationFailed

from django_mcp.conf import mcp_settings
from django_mcp.execution.threads import waiting_thread

logger = logging.getLogger("django_mcp")

T = TypeVar("T")

KEYS_ARE_FRESH_SECONDS: Final = 300
"""Keys older than this are fetched again; the old ones are used until the new ones have arrived."""

KEYS_ARE_KEPT_SECONDS: Final = 24 * 60 * 60
"""Keys older than this are not used any more, even if the issuer is down: it may have withdrawn one."""

UNKNOWN_KEY_SECONDS: Final = 30
"""The shortest time between fetches because of an unknown key: anybody can send tokens that name one."""

RETRY_SECONDS: Final = 5
"""The time after a failure without further requests."""

PATIENCE_SECONDS: Final = 0.5
"""How long a caller waits for its turn, or for keys that another caller fetches. An issuer that takes longer probably
hangs.
"""

MAX_ANSWER_BYTES: Final = 512 * 1024
"""The largest response that is read to its end."""

MAX_KEYS: Final = 100
"""The maximum number of keys that are read; the others are ignored."""


class IssuerUnavailable(APIException):
    """The issuer does not respond, so it is unknown whether the token is valid."""

    status_code = 503
    default_detail = "The authorization server cannot be reached"
    wait = RETRY_SECONDS


class Unhelpful(Exception):
    """The issuer's response is useless."""


class Line:
    """The requests to one address. At most `limit` run at the same time, only one after a failure; as many again may
    wait a moment for their turn.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._turn = threading.Condition()
        self._under_way = 0
        self._waiting = 0
        self._failed_at: float | None = None

    def start(self, exchange: Callable[[], T], limit: int) -> "Future[T]":
        """The request's future. Raises `IssuerUnavailable` when it may not be started."""
        with self._turn:
            self._take_turn(limit)
            self._under_way += 1
        future: Future[T] = Future()
        threading.Thread(target=self._run, args=(exchange, future), name="django_mcp-issuer", daemon=True).start()
        return future

    def _take_turn(self, limit: int) -> None:
        if self._is_free(limit):
            return
        if self._failed_at is not None or self._waiting >= limit:
            raise IssuerUnavailable
        self._waiting += 1
        try:
            with waiting_thread():
                is_free = self._turn.wait_for(lambda: self._is_free(limit), PATIENCE_SECONDS)
        finally:
            self._waiting -= 1
        if not is_free:
            raise IssuerUnavailable

    def _is_free(self, limit: int) -> bool:
        if self._failed_at is None:
            return self._under_way < limit
        return self._under_way == 0 and time.monotonic() - self._failed_at >= RETRY_SECONDS

    def _run(self, exchange: Callable[[], T], future: "Future[T]") -> None:
        try:
            answer = exchange()
        except Unhelpful as error:
            # A response to this one token, which an anonymous caller may have chosen: it does not count as a failure.
            logger.warning("%s %s", self._url, error)
            self._note(failed_at=None)
            future.set_exception(IssuerUnavailable())
        except Exception as error:
            logger.warning("%s cannot be asked, and is left alone for %s s: %r", self._url, RETRY_SECONDS, error)
            self._note(failed_at=time.monotonic())
            future.set_exception(IssuerUnavailable())
        else:
            self._note(failed_at=None)
            future.set_result(answer)

    def _note(self, *, failed_at: float | None) -> None:
        """Must be called before the future is done, because its waiters may start the next request at once."""
        with self._turn:
            self._under_way -= 1
            self._failed_at = failed_at
            self._turn.notify_all()


class Keys:
    """The keys that an issuer publishes at a URL (RFC 7517)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._line = Line(url)
        self._lock = threading.Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")
        self._fetch: Future[Mapping[str, jwt.PyJWK]] | None = None
        self._fetch_began_at = float("-inf")

    def find(self, name: str) -> jwt.PyJWK:
        """The key of this name. Raises `AuthenticationFailed` when it does not exist, and `IssuerUnavailable` when that
        is unknown.
        """
        age = time.monotonic() - self._fetched_at
        key = self._keys.get(name) if age < KEYS_ARE_KEPT_SECONDS else None
        if key is None and age >= UNKNOWN_KEY_SECONDS:
            key = self._fetched().get(name)
        elif age >= KEYS_ARE_FRESH_SECONDS:
            self._refresh()
        if key is None:
            raise AuthenticationFailed("The token is signed with a key that the issuer does not publish.")
        return key

    def _refresh(self) -> None:
        """Starts to fetch the keys without waiting for them."""
        try:
            self._begin()
        except IssuerUnavailable:
            logger.debug("%s is away: its keys of before serve on", self._url)

    def _fetched(self) -> Mapping[str, jwt.PyJWK]:
        """The fetched keys. The caller that starts the fetch waits to its end; others wait for at most
        `PATIENCE_SECONDS`.
        """
        fetch, is_own = self._begin()
        under_way = time.monotonic() - self._fetch_began_at
        return wait_for(fetch, mcp_settings.ISSUER_TIMEOUT_SECONDS if is_own else PATIENCE_SECONDS - under_way)

    def _begin(self) -> "tuple[Future[Mapping[str, jwt.PyJWK]], bool]":
        """The running fetch, and whether this call started it."""
        with self._lock:
            if self._fetch is not None and not self._fetch.done():
                return self._fetch, False
            self._fetch_began_at = time.monotonic()
            self._fetch = self._line.start(self._get, limit=1)
            return self._fetch, True

    def _get(self) -> Mapping[str, jwt.PyJWK]:
        try:
            keys = _read_keys(exchange("GET", self._url))
        except Unhelpful as error:
            # Only the issuer influences this response, so it counts as a failure.
            raise ValueError(str(error)) from error
        self._keys, self._fetched_at = keys, time.monotonic()
        return keys


def wait_for(future: "Future[T]", seconds: float) -> T:
    """The result of a request. Raises `IssuerUnavailable` when it takes too long. While a worker thread waits here, the
    pool may start another.
    """
    try:
        with waiting_thread():
            return future.result(max(0, seconds))
    except TimeoutError as error:
        raise IssuerUnavailable from error


def exchange(method: str, url: str, **options: Any) -> Any:
    """The JSON from a URL; redirects are not followed. Raises httpx's errors and `Unhelpful`."""
    seconds = mcp_settings.ISSUER_TIMEOUT_SECONDS
    deadline = time.monotonic() + seconds
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    with httpx.stream(method, url, headers=headers, timeout=seconds, verify=_tls(), **options) as answer:
        body = b""
        # Raw, because a small compressed body could be very large.
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise Unhelpful(f"answers with more than {MAX_ANSWER_BYTES} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError(f"not answered in {seconds:g} s")
    if answer.status_code != 200:
        raise Unhelpful(f"answers with status {answer.status_code}")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unhelpful("answers with what is no JSON") from error


@cache
def _tls() -> ssl.SSLContext:
    """Cached, because making it takes longer than a request."""
    return httpx.create_ssl_context()


def _read_keys(document: Any) -> Mapping[str, jwt.PyJWK]:
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise Unhelpful("publishes no keys")
    keys = [key for entry in entries[:MAX_KEYS] if (key := _read_key(entry)) is not None]
    if not keys:
        raise Unhelpful("publishes no key that can be used")
    return {str(key.key_id): key for key in keys}


def _read_key(entry: Any) -> jwt.PyJWK | None:
    """A signing key with a name; `None` for others, because issuers also publish kinds of keys that are unknown
    here.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("use", "sig") != "sig":
        return None
    try:
        return jwt.PyJWK(entry)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None

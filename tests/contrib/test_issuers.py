"""The way to an issuer: how many wait for one that hangs, for how long a failure counts, which keys serve meanwhile."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from rest_framework.exceptions import AuthenticationFailed

from django_mcp.contrib import issuers
from django_mcp.contrib.issuers import IssuerUnavailable, Keys, Line, exchange, wait_for
from tests.tables import cases

URL = "https://auth.example.com/jwks"
PUBLIC = json.loads(RSAAlgorithm.to_jwk(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()))
WAIT = 10


def key(name):
    return {**PUBLIC, "kid": name, "use": "sig"}


@pytest.fixture(autouse=True)
def patient(settings):
    settings.MCP_ISSUER_TIMEOUT_SECONDS = WAIT


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(issuers, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def issuer(monkeypatch):
    """An issuer and its `document`; `gate` lets it answer."""
    issuer = SimpleNamespace(document={"keys": [key("a")]}, asked=0, gate=threading.Event(), entered=threading.Event())
    issuer.gate.set()

    def answer(method, url, **options):
        issuer.asked += 1
        issuer.entered.set()
        assert issuer.gate.wait(WAIT)
        if isinstance(issuer.document, Exception):
            raise issuer.document
        return issuer.document

    monkeypatch.setattr(issuers, "exchange", answer)
    yield issuer
    issuer.gate.set()


def settle(keys):
    """Waits for a fetch that nobody waits for."""
    wait_for(keys._fetch, WAIT)


# Keys


def test_keys_are_fetched_once_and_again_after_a_while_which_nobody_waits_for(issuer, clock):
    keys = Keys(URL)
    assert {keys.find("a").key_id for _ in range(9)} == {"a"}
    assert issuer.asked == 1

    clock.now += issuers.KEYS_ARE_FRESH_SECONDS
    issuer.document = {"keys": [key("b")]}
    issuer.gate.clear()
    assert keys.find("a").key_id == "a"
    issuer.gate.set()
    settle(keys)
    assert keys.find("b").key_id == "b"
    assert issuer.asked == 2


def test_keys_serve_on_while_the_issuer_is_away_but_not_for_ever(issuer, clock):
    keys = Keys(URL)
    keys.find("a")
    issuer.document = OSError("gone")

    clock.now += issuers.KEYS_ARE_KEPT_SECONDS - 1
    assert keys.find("a").key_id == "a"
    with pytest.raises(IssuerUnavailable):
        settle(keys)
    assert keys.find("a").key_id == "a"
    clock.now += 1
    with pytest.raises(IssuerUnavailable):
        keys.find("a")


def test_an_unknown_key_has_the_keys_fetched_again_at_most_now_and_then(issuer, clock):
    """Anybody can write a token that names an unknown key."""
    keys = Keys(URL)
    for _ in range(9):
        with pytest.raises(AuthenticationFailed, match="does not publish"):
            keys.find("b")
    assert issuer.asked == 1

    issuer.document = {"keys": [key("a"), key("b")]}
    clock.now += issuers.UNKNOWN_KEY_SECONDS
    assert keys.find("b").key_id == "b"


def test_while_one_waits_for_an_issuer_that_hangs_the_others_are_told_at_once(issuer, clock):
    keys = Keys(URL)
    issuer.gate.clear()
    with ThreadPoolExecutor(1) as first:
        waiting = first.submit(keys.find, "a")
        assert issuer.entered.wait(WAIT)
        clock.now += issuers.PATIENCE_SECONDS
        for _ in range(40):
            with pytest.raises(IssuerUnavailable):
                keys.find("a")
        issuer.gate.set()
        assert waiting.result(WAIT).key_id == "a"
    assert issuer.asked == 1


def test_the_first_to_ask_waits_for_no_longer_than_the_setting_says(issuer, settings):
    settings.MCP_ISSUER_TIMEOUT_SECONDS = 0.01
    issuer.gate.clear()

    with pytest.raises(IssuerUnavailable):
        Keys(URL).find("a")


def test_a_failure_is_remembered_for_a_while(issuer, clock, caplog):
    keys = Keys(URL)
    issuer.document = OSError("gone")
    for _ in range(9):
        with pytest.raises(IssuerUnavailable):
            keys.find("a")
    assert issuer.asked == 1
    assert caplog.messages == [f"{URL} cannot be asked, and is left alone for 5 s: OSError('gone')"]

    issuer.document = {"keys": [key("a")]}
    clock.now += issuers.RETRY_SECONDS
    assert keys.find("a").key_id == "a"


@cases(
    "document",
    [
        None,
        [],
        {},
        {"keys": None},
        {"keys": []},
        {"keys": [None, 5, {}, {"kid": "a"}, {"kid": 5, "kty": "RSA"}, {"kid": "a", "kty": "RSA", "n": 5, "e": "x"}]},
        {"keys": [{**PUBLIC, "kid": "a", "use": "enc"}]},
        issuers.Unhelpful("answers with what is no JSON"),
    ],
    # Keys are made anew by each process, which must call the tests the same.
)
def test_what_is_no_set_of_keys_is_a_failure_of_the_issuer(issuer, clock, document):
    issuer.document = document

    with pytest.raises(IssuerUnavailable):
        Keys(URL).find("a")


def test_keys_of_kinds_to_come_do_not_keep_the_others_out(issuer):
    issuer.document = {"keys": [{"kty": "PQC", "kid": "z"}, {"kty": "RSA", "kid": "y", "n": "?", "e": "?"}, key("a")]}

    assert Keys(URL).find("a").key_id == "a"


# Questions


def test_so_many_questions_may_be_open_and_one_after_a_failure(clock):
    line, gate = Line(URL), threading.Event()

    def fail():
        assert gate.wait(WAIT)
        raise OSError("gone")

    open_ones = [line.start(fail, limit=2) for _ in range(2)]
    with pytest.raises(IssuerUnavailable):
        line.start(fail, limit=2)
    gate.set()
    for one in open_ones:
        with pytest.raises(IssuerUnavailable):
            wait_for(one, WAIT)
    with pytest.raises(IssuerUnavailable):
        line.start(fail, limit=2)

    gate.clear()
    clock.now += issuers.RETRY_SECONDS
    probe = line.start(lambda: gate.wait(WAIT), limit=2)
    with pytest.raises(IssuerUnavailable):
        line.start(fail, limit=2)
    gate.set()
    assert wait_for(probe, WAIT) is True
    assert [wait_for(line.start(lambda: "yes", limit=2), WAIT) for _ in range(9)] == ["yes"] * 9


def test_one_question_more_waits_a_moment_for_its_turn(clock, monkeypatch):
    monkeypatch.setattr(issuers, "PATIENCE_SECONDS", WAIT)
    line, gate = Line(URL), threading.Event()
    first = line.start(lambda: gate.wait(WAIT), limit=1)
    threading.Timer(0.05, gate.set).start()

    assert wait_for(line.start(lambda: "yes", limit=1), WAIT) == "yes"
    assert first.result(WAIT) is True


def test_an_unhelpful_answer_to_one_question_does_not_keep_others_from_asking(clock):
    """A stranger may have caused that answer, by the token that he sent."""
    line = Line(URL)

    def unhelpful():
        raise issuers.Unhelpful("answers with status 400")

    for _ in range(9):
        with pytest.raises(IssuerUnavailable):
            wait_for(line.start(unhelpful, limit=1), WAIT)
    assert wait_for(line.start(lambda: "yes", limit=1), WAIT) == "yes"


# The exchange


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>Sign in</html>", 200, "no JSON"),
        (b"\xff", 200, "no JSON"),
        (b"[" * 100_000, 200, "no JSON"),
        (b"{}", 302, "status 302"),
        (b"{}", 500, "status 500"),
        (b" " * (issuers.MAX_ANSWER_BYTES + 1), 200, "more than 524288 bytes"),
    ],
    ids=["html", "bytes", "deep", "redirect", "error", "long"],
)
def test_an_answer_that_says_nothing_is_unhelpful(httpserver_once, body, status, reason):
    with pytest.raises(issuers.Unhelpful, match=reason):
        exchange("GET", httpserver_once(body, status))


def test_an_answer_that_trickles_is_given_up(httpserver_once, settings):
    settings.MCP_ISSUER_TIMEOUT_SECONDS = 0.2

    # Of the deadline, or of a read when the machine is slow.
    with pytest.raises((TimeoutError, httpx.TimeoutException)):
        exchange("GET", httpserver_once([b" "] * 500, 200))


@pytest.fixture
def httpserver_once():
    """Serves one answer, whole or in pieces, and gives its URL."""
    from http.server import BaseHTTPRequestHandler, HTTPServer

    opened = []

    def serve(body, status):
        stop = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                try:
                    for piece in body if isinstance(body, list) else [body]:
                        self.wfile.write(piece)
                        self.wfile.flush()
                        if isinstance(body, list):
                            stop.wait(0.01)
                except OSError:
                    pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        opened.append((server, thread, stop))
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server, thread, stop in opened:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join(WAIT)

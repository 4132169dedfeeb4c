"""The official client signs in by itself: it is refused, finds the authorization server, registers, sends its user to
the consent page, and comes back with a token (spec basic/authorization).
"""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import mcp
import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider, OAuthFlowError
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from tests import live_site

CALLBACK = "http://127.0.0.1:49151/callback"


@pytest.fixture(scope="module", params=live_site.SERVERS)
def site(request, live_data, tmp_path_factory):
    with live_site.serve(request.param, live_data, tmp_path_factory.mktemp("oauth")) as site:
        yield site


class Browser:
    """The user's, who signs in once and answers each consent page."""

    def __init__(self, allows=True):
        self.allows = allows
        self.pages = []
        self.location = ""
        self._cookies = httpx.Cookies()

    async def open(self, url):
        self.location = await asyncio.to_thread(self._visit, url)

    def _visit(self, url):
        with httpx.Client(cookies=self._cookies) as http:
            try:
                return self._walk(http, url)
            finally:
                self._cookies = http.cookies

    def _walk(self, http, url):
        response = http.get(url)
        for _ in range(5):
            if response.is_redirect:
                location = str(response.url.join(response.headers["location"]))
                if location.startswith(CALLBACK):
                    return location
                response = http.get(location)
            elif 'name="password"' in response.text:
                response = self._post(http, response, {"username": "amelia", "password": "unused"})
            else:
                self.pages.append(response)
                response = self._post(http, response, {"allow": "true"} if self.allows else {})
        raise AssertionError(f"The browser stays at {response.url}: {response.text}")

    def _post(self, http, page, fields):
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', page.text))
        hidden = {name: value.replace("&amp;", "&").replace("&#x27;", "'") for name, value in hidden.items()}
        return http.post(page.url, data={**hidden, **fields}, headers={"Referer": str(page.url)})

    async def come_back(self):
        answer = {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}
        if "error" in answer:
            raise OAuthFlowError(str(answer))
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def provider(site, browser, storage):
    metadata = OAuthClientMetadata(
        client_name="The official client",
        redirect_uris=[CALLBACK],
        grant_types=["authorization_code", "refresh_token"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(f"{site.url}/secure/mcp", metadata, storage, browser.open, browser.come_back)


async def visit(site, browser, storage, *, mode="auto", steps):
    async with httpx2.AsyncClient(auth=provider(site, browser, storage), timeout=30) as http:
        transport = streamable_http_client(f"{site.url}/secure/mcp", http_client=http)
        async with mcp.Client(transport, mode=mode) as client:
            return await steps(client)


MODES = ["auto", "legacy"]


@pytest.mark.parametrize("mode", MODES)
def test_the_client_signs_in_by_itself_and_steps_up(site, mode):
    browser, storage = Browser(), Storage()

    async def steps(client):
        names = [tool.name for tool in (await client.list_tools()).tools]
        facts = await client.call_tool("airport_facts", {"code": "LHR"})
        first = storage.tokens
        trip = await client.call_tool("create_trip", {"name": "North"})
        after = [tool.name for tool in (await client.list_tools()).tools]
        return names, facts.structured_content["city"], first, trip.structured_content["name"], after

    names, city, first, trip, after = asyncio.run(visit(site, browser, storage, mode=mode, steps=steps))

    assert "airport_facts" in names
    assert not {"create_trip", "search_trip_plans"} & set(names)
    assert city == "London"
    assert first.scope == "airports:read"
    assert first.refresh_token
    # The tool asked for more than the token had, the client asked its user, and called again.
    assert trip == "North"
    assert set(storage.tokens.scope.split()) == {"airports:read", "trips"}
    assert {"create_trip", "search_trip_plans"} <= set(after)
    assert len(browser.pages) == 2
    page = browser.pages[1]
    for shown in ("The official client", "127.0.0.1", f"{site.url}/secure/mcp", "See and change your trips", "amelia"):
        assert shown in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
    # With "no-referrer" a browser posts the form with the origin "null".
    assert page.headers["referrer-policy"] == "same-origin"


def test_a_token_is_refreshed_and_the_old_one_is_over(site):
    browser, storage = Browser(), Storage()

    async def call(client):
        return (await client.call_tool("airport_facts", {"code": "LHR"})).structured_content["city"]

    asyncio.run(visit(site, browser, storage, steps=call))
    first = storage.tokens
    storage.tokens = first.model_copy(update={"access_token": "no longer valid", "expires_in": -10})

    async def refreshed():
        auth = provider(site, browser, storage)
        await auth._initialize()
        auth.context.token_expiry_time = 1.0
        async with (
            httpx2.AsyncClient(auth=auth, timeout=30) as http,
            mcp.Client(streamable_http_client(f"{site.url}/secure/mcp", http_client=http)) as client,
        ):
            return await call(client)

    # The client knows the token endpoint only from discovery, so at worst it asks its user again.
    assert asyncio.run(refreshed()) == "London"
    assert storage.tokens.access_token not in (first.access_token, "no longer valid")


def test_a_user_who_says_no_is_told_of_to_the_client_with_the_issuer(site):
    browser, storage = Browser(allows=False), Storage()

    async def steps(client):
        return await client.list_tools()

    with pytest.raises(BaseException) as refused:  # noqa: PT011  # a group of groups, of the transport's
        asyncio.run(visit(site, browser, storage, steps=steps))

    assert "access_denied" in _texts(refused.value)
    answer = parse_qs(urlsplit(browser.location).query)
    assert (answer["error"], answer["iss"]) == (["access_denied"], [site.url])
    assert storage.tokens is None


def _texts(error):
    inner = getattr(error, "exceptions", ())
    return " ".join([str(error), *(_texts(one) for one in inner)])

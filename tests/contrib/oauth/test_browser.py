"""A person signs in, in a real browser: the official client opens the page, the person reads it and presses a
button.
"""

import asyncio
import os
from contextlib import suppress
from itertools import product
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp.client.auth import OAuthFlowError

from tests import live_site, screens
from tests.contrib.oauth.test_flow import CALLBACK, Browser, Storage, visit

pytestmark = pytest.mark.browser

SECONDS = 10


@pytest.fixture(scope="module")
def site(live_data, tmp_path_factory):
    with live_site.serve("the lane under uvicorn", live_data, tmp_path_factory.mktemp("browser")) as site:
        yield site


@pytest.fixture
def pictures(tmp_path):
    """Where screenshots go: PICTURES, to look at them, or nowhere in particular."""
    folder = Path(os.environ.get("PICTURES", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def person(chromium, pictures):
    with chromium.window(1000, 1000) as driver:
        driver.set_page_load_timeout(SECONDS)
        yield Person(driver, pictures)


class Person(Browser):
    """Amelia, at her browser."""

    def __init__(self, driver, pictures):
        super().__init__()
        self.driver = driver
        self.pictures = pictures
        self.read = []

    def _visit(self, url):
        from selenium.common.exceptions import WebDriverException

        self.driver.get(url)
        if "/accounts/login/" in self.driver.current_url:
            self.look("login")
            self.sign_in()
        self.wait(lambda driver: driver.find_elements("name", "allow"))
        self.look("consent")
        with suppress(WebDriverException):
            # Nothing answers where the client would listen; the address is what counts.
            self.press('[name="allow"]' if self.allows else '[type="submit"]:not([name="allow"])')
        self.wait(lambda driver: driver.current_url.startswith(CALLBACK))
        return self.driver.current_url

    def sign_in(self):
        self.driver.find_element("name", "username").send_keys("amelia")
        self.driver.find_element("name", "password").send_keys("unused")
        self.press('[type="submit"]')

    def wait(self, condition):
        from selenium.webdriver.support.wait import WebDriverWait

        return WebDriverWait(self.driver, SECONDS).until(condition)

    def press(self, selector):
        self.driver.find_element("css selector", selector).click()

    def look(self, name):
        self.read.append(self.driver.find_element("tag name", "body").text)
        self.driver.save_screenshot(str(self.pictures / f"{name}-{len(self.read)}.png"))


class Measuring(Person):
    """Looks at the consent page in each window."""

    def look(self, name):
        super().look(name)
        if name == "consent" and len(self.read) == 2:
            for theme, width in product(screens.THEMES, screens.WIDTHS):
                screens.look(self.driver, theme, width)
                self.wider = [*getattr(self, "wider", []), *self.driver.execute_script(screens.WIDER)]
                screens.take(self.driver, screens.name_of("consent", theme, width), height=800)


def test_the_consent_page_fits_its_window(site, chromium, pictures):
    async def steps(client):
        return await client.list_tools()

    with chromium.window(1000, 1000) as driver:
        driver.set_page_load_timeout(SECONDS)
        person = Measuring(driver, pictures)
        asyncio.run(visit(site, person, Storage(), steps=steps))

    assert person.wider == []


def test_she_signs_in_allows_and_the_client_gets_what_she_read_and_no_more(site, person):
    storage = Storage()

    async def steps(client):
        names = [tool.name for tool in (await client.list_tools()).tools]
        first = storage.tokens
        return names, first, (await client.call_tool("create_trip", {"name": "North"})).structured_content["name"]

    names, first, trip = asyncio.run(visit(site, person, storage, steps=steps))

    assert ("airport_facts" in names, "create_trip" in names) == (True, False)
    assert (first.scope, trip) == ("airports:read", "North")
    assert set(storage.tokens.scope.split()) == {"airports:read", "trips"}
    _login, consent, stepping_up = person.read
    for shown in ("The official client", "127.0.0.1", f"{site.url}/secure/mcp", "amelia"):
        assert shown in consent
    assert "See and change your trips" not in consent
    assert "See and change your trips" in stepping_up


def test_she_says_no_and_the_client_gets_nothing(site, person):
    person.allows, storage = False, Storage()

    async def steps(client):
        return await client.list_tools()

    with pytest.RaisesGroup(OAuthFlowError, flatten_subgroups=True):
        asyncio.run(visit(site, person, storage, steps=steps))

    assert parse_qs(urlsplit(person.location).query)["error"] == ["access_denied"]
    assert storage.tokens is None


def test_another_site_cannot_show_the_page_in_a_frame(site, person, tmp_path):
    """In a frame, the user could be made to press a button that she does not see."""
    address = f"{site.url}/oauth/authorize/?client_id=x"
    person.driver.get(address)
    person.sign_in()
    person.wait(lambda driver: driver.current_url == address)
    (tmp_path / "trap.html").write_text(f'<iframe src="{address}" width="900" height="700"></iframe>')

    person.driver.get((tmp_path / "trap.html").as_uri())
    person.driver.switch_to.frame(0)

    assert person.wait(lambda driver: driver.execute_script("return location.href").startswith("chrome-error:"))

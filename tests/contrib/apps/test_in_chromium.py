"""The preview and its apps in a real browser: `pytest -m browser` runs these."""

import json
import os

import pytest
from django.contrib.auth.models import Permission

from testproject.airports.models import TripPlan
from tests.browser import CSS, choose, waiting

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECONDS = 15


class Preview:
    """The preview page, and the app in its sandbox."""

    def __init__(self, driver, url):
        self.driver = driver
        driver.get(url)
        self.wait(lambda _: driver.find_elements(CSS, "#tool option"))

    def wait(self, condition):
        return waiting(self.driver, SECONDS).until(condition)

    def find(self, selector):
        return self.wait(lambda _: self.driver.find_element(CSS, selector))

    def show(self, tool, **arguments):
        """Shows the app of a tool, and goes into it."""
        self.leave()
        choose(self.find("#tool")).select_by_value(tool)
        area = self.find("#arguments")
        area.clear()
        area.send_keys(json.dumps(arguments))
        self.find("#show").click()
        self.enter()
        self.wait(lambda _: self.driver.execute_script("return !!(window.mcp && mcp.host.info)"))

    def enter(self):
        self.driver.switch_to.frame(self.find("#stage iframe"))

    def leave(self):
        self.driver.switch_to.default_content()

    def outside(self, script):
        """The value of a script in the page around the app."""
        self.leave()
        value = self.driver.execute_script(f"return {script}")
        self.enter()
        return value

    def violations(self):
        return self.outside("[...document.querySelectorAll('#violations li')].map((one) => one.textContent)")

    def height(self):
        return self.outside("document.querySelector('#stage iframe').getBoundingClientRect().height")


@pytest.fixture
def signed_in(live_server, driver, client, django_user_model):
    """Makes the browser a user's."""
    amelia = django_user_model.objects.create_user("amelia")
    client.force_login(amelia)
    driver.get(f"{live_server.url}/accounts/login/")
    driver.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    return amelia


@pytest.fixture
def opened(live_server, driver, settings):
    settings.DEBUG = True
    return lambda path: Preview(driver, live_server.url + path)


def test_a_person_searches_the_map_and_adds_a_flight_after_an_error(opened, airports, signed_in):
    app = opened("/atlas/mcp/apps")
    app.show("airports_map", query="london")
    assert "London" in app.find("#found button").text
    assert app.find("#land").get_attribute("d").startswith("M")

    search = app.find("#search input")
    assert search.get_property("value") == "london"
    search.clear()
    search.send_keys("heathrow")
    app.wait(lambda _: [one.text[:3] for one in app.driver.find_elements(CSS, "#found button")] == ["LHR"])
    app.find("#found button").click()
    destination = app.find("[name=destination]")
    destination.send_keys("QQQ")
    app.find("#flight > button").click()

    assert app.find(".errorlist").text == "No airport has the code QQQ."
    assert destination.get_attribute("aria-invalid") == "true"
    assert app.driver.switch_to.active_element == destination
    assert not TripPlan.objects.exists()
    keep(app, "light")

    destination.clear()
    destination.send_keys("JFK\n")  # Enter presses the button, in a sandbox without forms too.
    app.wait(lambda _: app.find("#saved").text == "LHR to JFK is in “My trip”.")
    assert app.driver.find_elements(CSS, ".errorlist, [aria-invalid]") == []
    [trip] = TripPlan.objects.with_legs()
    assert (trip.owner, [str(leg) for leg in trip.legs.all()]) == (signed_in, ["1. EGLL to KJFK"])
    assert app.outside("document.getElementById('model').textContent").startswith("The user added the flight LHR")
    assert app.violations() == []
    app.leave()
    choose(app.find("#theme")).select_by_value("dark")
    app.enter()
    app.wait(lambda _: app.driver.execute_script("return document.documentElement.dataset.theme") == "dark")
    assert app.violations() == []
    scrolls = "return document.documentElement.clientWidth < innerWidth"
    app.wait(lambda _: not app.driver.execute_script(scrolls))
    keep(app, "dark")


def keep(app, name):
    """A screenshot, for somebody who wants to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        app.driver.save_screenshot(f"{folder}/{name}.png")


@pytest.fixture
def edited(opened, settings, signed_in):
    """The app of the shop's groups, for a user who may add some."""
    settings.ROOT_URLCONF = "tests.contrib.apps.serving"
    signed_in.user_permissions.add(Permission.objects.get(codename="add_group"))
    app = opened("/shop/apps")
    app.show("edit_group")
    return app


def test_the_preview_blocks_what_the_policy_does_not_grant(edited):
    app = edited
    app.wait(lambda _: app.violations())
    assert app.violations() == ["img-src https://elsewhere.example/x.png"]

    for script, directive in {
        "fetch('https://elsewhere.example/').catch(() => {})": "connect-src",
        "fetch('/shop').catch(() => {})": "connect-src",
        "new Image().src = '/static/x.png'": "img-src",
        "setTimeout(() => eval('1'))": "script-src eval",  # Later, because the driver's own scripts may.
        "document.body.appendChild(document.createElement('iframe')).src = 'https://elsewhere.example/'": "frame-src",
    }.items():
        app.driver.execute_script(script)
        app.wait(lambda _, directive=directive: app.violations()[0].startswith(directive))
        assert app.driver.execute_script("return window.origin") == "null"
    assert app.driver.execute_script("try { return parent.document.title } catch (error) { return error.name }") == (
        "SecurityError"
    )


def test_a_call_of_a_tool_that_is_not_for_apps_is_refused(edited):
    app = edited
    script = """const [name, done] = arguments
        mcp.callTool(name).then((one) => done(one.content[0].text), (one) => done(one.message))"""

    assert app.driver.execute_async_script(script, "for_models") == "The tool for_models is not for apps."
    assert app.driver.execute_async_script(script, "nothing") == "The server has no tool nothing."
    assert app.driver.execute_async_script(script, "list_orders") == "apps"


def test_a_forms_errors_are_shown_at_its_fields_and_go_when_it_is_sent_again(edited):
    app = edited
    app.wait(lambda _: app.find("#list").text == "<script>\nb")  # The fragment of the result, as text.
    app.find("form button").click()
    assert app.find("#id_name ~ .errorlist, .errorlist").text == "This field is required."
    app.find("#id_name").send_keys("no\n")
    app.wait(lambda _: app.find(".errorlist").text == "Not this one.")
    assert app.driver.execute_script("return document.querySelector('form').firstElementChild.className") == "errorlist"

    app.find("#id_name").clear()
    app.find("#id_name").send_keys("ok")
    choose(app.find("#id_kinds")).select_by_value("a")
    choose(app.find("#id_kinds")).select_by_value("b")
    app.driver.execute_script("addEventListener('mcp:done', (event) => { window.done = event.detail.result })")
    app.find("form button").click()
    done = app.wait(lambda _: app.driver.execute_script("return window.done"))
    assert done["structuredContent"] == {"errors": {}, "data": {"name": "ok", "kinds": ["a", "b"], "user": "amelia"}}
    assert app.driver.find_elements(CSS, ".errorlist, [aria-invalid], [aria-busy]") == []


def test_an_app_follows_the_hosts_theme_and_the_host_its_size(edited):
    app = edited
    script = (
        "return [document.documentElement.dataset.theme, getComputedStyle(document.documentElement).colorScheme, "
        "document.documentElement.style.getPropertyValue('--color-background-primary')]"
    )
    assert app.driver.execute_script(script) == ["light", "light", "#ffffff"]
    app.leave()
    choose(app.find("#theme")).select_by_value("dark")
    app.enter()
    app.wait(lambda _: app.driver.execute_script(script) == ["dark", "dark", "#1d1f24"])

    for height in (900, 300):
        app.driver.execute_script(
            "document.body.innerHTML = ''; document.body.style.cssText = `margin:0;height:${arguments[0]}px`", height
        )
        app.wait(lambda _, height=height: app.height() == height)


def test_a_link_is_opened_by_the_host(edited):
    app = edited
    app.find("#help").click()

    assert app.wait(lambda _: app.outside("document.getElementById('status').textContent")) == (
        "The app opens: https://shop.example/help"
    )

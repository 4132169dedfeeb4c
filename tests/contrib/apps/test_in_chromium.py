"""The preview and its apps in a real browser: `pytest -m browser` runs these."""

import json

import airportsdata
import pytest

from testproject.airports.management.commands.load_airports import airport_from
from testproject.airports.models import Airport, TripPlan
from tests.browser import CSS, choose, open_chromium, waiting

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
def driver():
    driver = open_chromium(1100, 1400)
    yield driver
    driver.quit()


@pytest.fixture
def airports(db):
    rows = airportsdata.load("ICAO")
    codes = [code for code, row in rows.items() if row["iata"]][::3] + ["EGLL", "EGKK", "EGLC", "KJFK"]
    Airport.objects.bulk_create(airport_from(rows[code]) for code in dict.fromkeys(codes))


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


def test_a_person_searches_the_map_and_adds_a_flight_after_an_error(opened, airports, signed_in, tmp_path):
    app = opened("/atlas/mcp/apps")
    app.show("airports_map", query="london")
    assert app.find("#found button").text.startswith("L")
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
    shot = tmp_path / "light.png"
    app.driver.save_screenshot(str(shot))

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
    app.driver.save_screenshot(str(tmp_path / "dark.png"))
    print(tmp_path)

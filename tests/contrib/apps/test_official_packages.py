"""The official packages in a real browser: their host shows an app of ours, and the preview shows one of theirs."""

import subprocess
from pathlib import Path

import pytest
from rest_framework.authtoken.models import Token

from testproject.airports.models import TripPlan
from tests import npm
from tests.browser import CSS, choose, waiting

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HERE = Path(__file__).parent / "ext_apps"
SECONDS = 15


@pytest.fixture
def scripts(request, settings, shop):
    """The bundled scripts, served by the project."""
    from tests.contrib.apps import hosting

    folder = npm.installed(request, HERE, node_major=18)
    esbuild = [folder / "node_modules" / ".bin" / "esbuild", "--bundle", "--format=iife", "--log-level=warning"]
    for name in ("host", "guest"):
        source = (HERE / f"{name}.js").read_text()
        built = subprocess.run(esbuild, cwd=folder, input=source, capture_output=True, text=True, check=True)
        hosting.scripts[name] = built.stdout.replace("</script", r"\x3c/script")
    shop["guest.html"] = hosting.TEMPLATE
    settings.ROOT_URLCONF = hosting.__name__
    return hosting.scripts


def test_the_official_host_shows_an_app(scripts, live_server, driver, airports, django_user_model):
    amelia = django_user_model.objects.create_user("amelia")
    token = Token.objects.create(user=amelia).key
    wait, find = waiting(driver, SECONDS).until, lambda selector: driver.find_element(CSS, selector)

    def told(name):
        driver.switch_to.default_content()
        value = driver.execute_script("return told[arguments[0]]", name)
        driver.switch_to.frame(find("iframe"))
        return value

    driver.get(f"{live_server.url}/host")
    script = "const done = arguments[4]; show(...[...arguments].slice(0, 4)).then(done, (error) => done(String(error)))"
    shown = driver.execute_async_script(script, "/atlas/mcp", token, "airports_map", {"query": "london"})
    assert shown == {
        "mimeType": "text/html;profile=mcp-app",
        "app": {"name": "map", "version": "1.0"},
        "capabilities": {},
    }

    driver.switch_to.frame(find("iframe"))
    assert driver.execute_script("return [mcp.host.info.name, mcp.context.theme]") == ["official", "light"]
    root = "document.documentElement"
    assert driver.execute_script(f"return {root}.style.getPropertyValue('--color-text-primary')") == "#010203"
    assert find("#search input").get_property("value") == "london"
    assert "London" in wait(lambda _: find("#found button")).text
    assert wait(lambda _: find("#land").get_attribute("d")).startswith("M")  # By a call of the app's own.

    find("[name=origin]").send_keys("LHR")
    find("[name=destination]").send_keys("QQQ\n")
    assert wait(lambda _: find(".errorlist")).text == "No airport has the code QQQ."
    find("[name=destination]").clear()
    find("[name=destination]").send_keys("JFK\n")
    wait(lambda _: find("#saved").text == "LHR to JFK is in “My trip”.")
    assert driver.find_elements(CSS, ".errorlist") == []
    [trip] = TripPlan.objects.with_legs()
    assert (trip.owner, [str(leg) for leg in trip.legs.all()]) == (amelia, ["1. EGLL to KJFK"])
    assert wait(lambda _: told("contexts"))[0]["content"][0]["text"].startswith("The user added the flight LHR")

    height = wait(lambda _: told("sizes"))[-1]["height"]
    driver.execute_script("document.body.style.paddingBottom = '200px'")
    wait(lambda _: told("sizes")[-1]["height"] > height + 150)

    asked = """const done = arguments[0]; (async () => [
        await mcp.openLink("https://shop.example/help"), await mcp.sendMessage("Hello"),
        await mcp.requestDisplayMode("pip"),
        (await mcp.readResource("ui://airports/map")).contents[0].mimeType,
        await mcp.callTool("add_to_trip", { trip: 7, nothing: true }).then((one) => one.isError),
    ])().then(done, (error) => done(String(error)))"""
    assert driver.execute_async_script(asked) == [{}, {}, {"mode": "inline"}, "text/html;profile=mcp-app", True]
    assert told("links") == ["https://shop.example/help"]
    assert told("messages") == [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]

    driver.switch_to.default_content()
    change = "const done = arguments[0]; bridge.sendHostContextChange({ theme: 'dark' }).then(() => done(), done)"
    driver.execute_async_script(change)
    driver.switch_to.frame(find("iframe"))
    wait(
        lambda _: driver.execute_script(f"return [{root}.dataset.theme, mcp.context.displayMode]") == ["dark", "inline"]
    )
    driver.switch_to.default_content()
    end = "const done = arguments[0]; bridge.teardownResource({}).then(done, (error) => done(String(error)))"
    assert driver.execute_async_script(end) == {}
    assert driver.execute_script("return told.errors") == []


def test_an_app_of_the_official_package_is_shown_by_the_preview(scripts, live_server, driver, settings):
    settings.DEBUG = True
    wait, find = waiting(driver, SECONDS).until, lambda selector: driver.find_element(CSS, selector)
    driver.get(f"{live_server.url}/guests/apps")
    choose(wait(lambda _: find("#tool"))).select_by_value("show_guest")
    find("#arguments").clear()
    find("#arguments").send_keys('{"name": "ada"}')
    find("#show").click()
    driver.switch_to.frame(wait(lambda _: find("#stage iframe")))

    heard = wait(lambda _: (said := driver.execute_script("return heard")).keys() >= {"opened", "result"} and said)
    assert heard == {
        "errors": [],
        "input": {"name": "ada"},
        "result": {"hello": "ada"},
        "host": "django-mcp-preview",
        "theme": "light",
        "called": {"sum": 3},
        "refused": "The tool for_models is not for apps.",
        "opened": {},
    }

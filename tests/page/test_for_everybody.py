"""The page for people who cannot see it, have no mouse, read from the right, or hold a phone; and with much in it."""

import json
import re
from pathlib import Path

import pytest

from django_mcp.page import answer
from tests import npm
from tests.browser import CSS, ENTER, TAB
from tests.servers import released

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = """const done = arguments[arguments.length - 1]
    axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations
        .filter((one) => ["serious", "critical"].includes(one.impact))
        .map((one) => [one.id, ...one.nodes.map((node) => node.html.slice(0, 300))])))"""

OPEN_ALL = "for (const one of document.querySelectorAll(arguments[0])) one.open = true"

QUICK_SECONDS = 12
"""No limit of speed: a page whose work grows with the square of its entries takes minutes. A machine of CI is slow."""


@pytest.fixture(scope="session")
def axe(request):
    # The browser runs it, so that any Node will do whose npm installs it.
    folder = npm.installed(request, Path(__file__).parent / "axe", node_major=18)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


def emulate(driver, **features):
    media = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


def phone(driver):
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def findings(page, axe):
    page.driver.execute_script(axe)
    return page.driver.execute_async_script(AXE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_serious_finding_on_any_view(opened, axe, scheme):
    """The lists; every form; results as tables, trees, messages and errors; questions; panels; a stranger's view."""
    page = opened("/forms")
    emulate(page.driver, prefers_color_scheme=scheme)
    assert findings(page, axe) == []

    page.driver.execute_script(OPEN_ALL, "main details")
    page.press(
        page.open("book") if not page.find('.entry[data-key="book"] form') else page.find(".entry"), "Edit as JSON"
    )
    assert findings(page, axe) == []

    page = opened("/hostile")
    entry = page.open("markup")
    page.press(entry, "Call")
    page.outcome(entry)
    page.driver.execute_script(OPEN_ALL, "main details")
    page.driver.execute_script(OPEN_ALL, "main details")
    assert findings(page, axe) == []

    page = opened("/talk")
    entry = page.open("advise")
    page.press(entry, "Call")
    page.find("form[aria-label=Question]", entry)
    assert findings(page, axe) == []
    page.press(entry, "Cancel")
    entry = page.open("count")
    page.press(entry, "Call")
    page.outcome(entry)
    assert findings(page, axe) == []

    entry = page.open("gallery")
    page.press(entry, "Call")
    page.outcome(entry)
    assert findings(page, axe) == []

    page = opened("/hostile")
    page.press(page.open("purge_all"), "Call")
    page.find("#confirm[open]")
    assert findings(page, axe) == []

    assert findings(opened("/closed"), axe) == []


def test_everything_is_done_by_the_keyboard_alone(opened):
    page = opened("/plain")
    body = page.driver.switch_to.active_element

    body.send_keys(TAB)
    page.driver.switch_to.active_element.send_keys(ENTER)  # "Skip to the search"
    page.find("#search").send_keys("greet")
    entry = page.find('.entry[data-key="greet"]')
    for _ in range(10):
        page.driver.switch_to.active_element.send_keys(TAB)
        if page.driver.switch_to.active_element == entry.find_element(CSS, "summary"):
            break
    page.driver.switch_to.active_element.send_keys(ENTER)
    field = page.field(entry, "name")
    for _ in range(10):
        page.driver.switch_to.active_element.send_keys(TAB)
        if page.driver.switch_to.active_element == field:
            break
    field.send_keys("Ada", ENTER)

    assert "Hello, Ada" in page.outcome(entry)


def seconds_of(page, act):
    """The time until the browser has painted what a script does."""
    timed = f"""const start = performance.now(), done = arguments[arguments.length - 1]
        {act}
        requestAnimationFrame(() => requestAnimationFrame(() => done((performance.now() - start) / 1000)))"""
    return page.driver.execute_async_script(timed)


def test_three_hundred_tools_and_sixty_fields_stay_quick(opened):
    page = opened("/crowd")
    timing = "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd / 1000"
    assert len(page.driver.find_elements(CSS, ".entry")) == 301
    assert page.driver.execute_script(timing) < QUICK_SECONDS

    search = "const box = document.getElementById('search'); box.value = '29'; box.dispatchEvent(new Event('input'))"
    assert seconds_of(page, search) < QUICK_SECONDS / 4
    assert page.find("#found").text == "13 found"
    opening = "const one = document.querySelector('.entry[data-key=fill_in]'); one.hidden = false; one.open = true"
    assert seconds_of(page, opening) < QUICK_SECONDS / 4
    entry = page.find('.entry[data-key="fill_in"]')
    page.driver.execute_script("document.getElementById('search').value = ''")
    page.field(entry, "field_59").send_keys("last")
    page.press(entry, "Call")
    assert "last" in page.outcome(entry)
    assert len(entry.find_elements(CSS, "form .field")) == 60


def test_a_page_in_arabic_is_read_from_the_right_and_nothing_moves_for_who_wants_it_still(opened, settings, axe):
    settings.LANGUAGE_CODE = "ar"
    settings.USE_I18N = True
    page = opened("/crowd")
    emulate(page.driver, prefers_reduced_motion="reduce")

    assert page.driver.execute_script("return [document.documentElement.dir, document.documentElement.lang]") == [
        "rtl",
        "ar",
    ]
    page.open("tool_1")
    entry = page.find('.entry[data-key="tool_1"]')
    name, size = (entry.find_element(CSS, one).rect["x"] for one in (".name", ".size"))
    assert name > size
    moving = """return [...document.querySelectorAll("*")].map((one) => getComputedStyle(one))
        .filter((style) => style.transitionDuration !== "0s" || style.animationName !== "none").length"""
    assert page.driver.execute_script(moving) == 0
    phone(page.driver)
    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390
    assert findings(page, axe) == []


def test_every_word_of_the_script_can_be_translated(opened, monkeypatch):
    """By a catalog that puts each text of the sources into quotation marks."""
    sources = "".join(path.read_text() for path in (answer.BUNDLE.parent / "scripts").glob("*.js"))
    texts = [json.loads(text) for text in re.findall(r'gettext\(("(?:[^"\\]|\\.)*")\)', sources)]
    monkeypatch.setattr(answer, "_catalog", lambda request: {text: f"«{text}»" for text in texts})
    page = opened("/forms")

    page.driver.execute_script(OPEN_ALL, ".entry")
    page.driver.execute_script("document.getElementById('connection').parentElement.open = true")
    entry = page.find('.entry[data-key="wait"]')
    released.set()
    page.press(entry, "«Call»")
    page.wait(lambda _: entry.find_element(CSS, ".status").text.startswith("«Done in"))
    released.clear()
    page.driver.execute_script(OPEN_ALL, ".entry details, .drawer, .drawer details")

    words = """return [...document.querySelectorAll(".body :is(button, summary, h4), #connection > *, .past button")]
        .map((one) => one.textContent).filter((text) => text && !text.includes("«"))"""
    assert page.driver.execute_script(words) == []


def test_every_panel_fits_a_phone(opened):
    page = opened("/forms")
    phone(page.driver)
    entry = page.open("order")
    page.field(entry, "dish").send_keys("soup")
    page.driver.execute_script(OPEN_ALL, "main details")
    page.driver.execute_script(OPEN_ALL, "main details")

    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390

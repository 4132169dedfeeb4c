"""The page of the example project, as its pictures in the docs show it: nothing is wider than the window."""

from itertools import product

import pytest

from tests import live_site
from tests.browser import CSS
from tests.page.opened import Page
from tests.screens import THEMES, WIDER, WIDTHS, look, name_of, take

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def lane(live_data, tmp_path_factory):
    with live_site.serve("the lane under uvicorn", live_data, tmp_path_factory.mktemp("screens")) as site:
        yield site


@pytest.mark.parametrize(("theme", "width"), [*product(THEMES, WIDTHS)])
def test_the_page_and_a_call_fit_their_window(chromium, lane, theme, width):
    with chromium.window(width, 900) as driver:
        look(driver, theme, width)
        page = Page(driver, f"{lane.url}/accounts/login/?next=/mcp")
        page.find("[name=username]").send_keys("amelia")
        page.find("[name=password]").send_keys("unused")
        page.find("[type=submit]").click()
        page.find("#search")
        assert driver.execute_script(WIDER) == []
        take(driver, name_of("page", theme, width), height=1137 if width > 500 else 1800)

        entry = page.open("search_airports")
        page.field(entry, "query").send_keys("Oslo")
        page.press(entry, "Call")
        assert "Oslo Gardermoen" in page.outcome(entry)
        look(driver, theme, width, 1137)
        driver.execute_script("arguments[0].scrollIntoView(); scrollBy(0, -80)", entry)
        assert driver.execute_script(WIDER) == []
        take(driver, name_of("page-call", theme, width), height=1137)

        look(driver, theme, width, 800)
        [messages] = [one for one in driver.find_elements(CSS, "summary") if one.text.startswith("Every message")]
        driver.execute_script(
            "arguments[0].parentElement.open = true; scrollTo(0, document.body.scrollHeight)", messages
        )
        assert driver.execute_script(WIDER) == []
        take(driver, name_of("page-calls", theme, width), height=800)

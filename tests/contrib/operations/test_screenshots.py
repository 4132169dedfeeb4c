"""Each page of the operators in a browser: nothing is wider than the window, on a small screen and on a phone, light
and dark, in a language with long words, and from right to left. Those pictures of the docs are taken here.
"""

import pytest
from django.core.management import call_command
from django.urls import reverse

from django_mcp.models import Session
from tests.screens import LOOKS, OPERATORS, WIDER, look, name_of, take

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "overview": "admin:django_mcp_operations_rollup_changelist",
    "running": "admin:django_mcp_operations_runningcall_changelist",
    "sessions": "admin:django_mcp_session_changelist",
    "switches": "admin:django_mcp_operations_switch_changelist",
    "stop": "admin:django_mcp_operations_switch_add",
    "reports": "admin:django_mcp_operations_missingcapability_changelist",
}
LISTS = ("running", "sessions", "switches")
WIDTHS = """
const all = document.querySelector('.results');
return [all.clientWidth, all.scrollWidth, [...all.querySelectorAll('thead th')].map(one => one.offsetWidth)];
"""


@pytest.fixture
def loaded():
    call_command("load_calls", calls=4000, verbosity=0)


@pytest.mark.parametrize(("theme", "width", "language"), LOOKS)
@pytest.mark.usefixtures("loaded")
def test_each_page_fits_its_window(chromium, live_server, admin_client, settings, width, theme, language):
    settings.LANGUAGE_CODE = language
    with chromium.window(width, 900) as driver:
        look(driver, theme, width)
        driver.get(live_server.url + "/admin/login/")
        driver.add_cookie({"name": "sessionid", "value": admin_client.cookies["sessionid"].value})
        session = Session.objects.order_by("-pk").first()
        addresses = {name: reverse(page) for name, page in PAGES.items()}
        addresses["session"] = reverse("admin:django_mcp_session_change", args=[session.pk])
        assert set(addresses) == set(OPERATORS)
        for name, address in addresses.items():
            driver.get(live_server.url + address)
            assert driver.execute_script("return document.documentElement.lang") == language
            assert driver.execute_script(WIDER) == [], (name, width)
            take(driver, name_of(name, theme, width, language))
            if name in LISTS and width == 1280:
                seen, needed, columns = driver.execute_script(WIDTHS)
                assert needed <= seen, (name, columns)

"""Each page of the operators in a browser: nothing is wider than the window, on a small screen and on a phone, light
and dark, in a language with long words, and from right to left. `SCREENSHOTS=folder` keeps the pictures; those of the
docs were made so.
"""

import os
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse

from django_mcp.models import Session

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAGES = {
    "overview": "admin:django_mcp_operations_rollup_changelist",
    "running": "admin:django_mcp_operations_runningcall_changelist",
    "sessions": "admin:django_mcp_session_changelist",
    "switches": "admin:django_mcp_operations_switch_changelist",
    "stop": "admin:django_mcp_operations_switch_add",
    "reports": "admin:django_mcp_operations_missingcapability_changelist",
}
WIDER = """
const width = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  let inner = one.parentElement;
  const scrolls = ['auto', 'scroll', 'hidden'];
  while (inner && !scrolls.includes(getComputedStyle(inner).overflowX)) inner = inner.parentElement;
  const reaches = document.dir === 'rtl' ? -box.left : box.right - width;
  return box.width && reaches > 1 && !inner;
}).map(one => one.outerHTML.slice(0, 120));
"""

LISTS = ("running", "sessions", "switches")
WIDTHS = """
const all = document.querySelector('.results');
return [all.clientWidth, all.scrollWidth, [...all.querySelectorAll('thead th')].map(one => one.offsetWidth)];
"""


@pytest.fixture
def loaded():
    call_command("load_calls", calls=4000, verbosity=0)


@pytest.mark.parametrize(
    ("theme", "width", "language"),
    [
        *[(theme, width, "en") for theme in ("light", "dark") for width in (1280, 390)],
        ("light", 1280, "de"),
        ("light", 390, "ar"),
    ],
)
@pytest.mark.usefixtures("loaded")
def test_each_page_fits_its_window(chromium, live_server, admin_client, settings, width, theme, language):
    settings.LANGUAGE_CODE = language
    with chromium.window(width, 900) as driver:
        # Chromium's own window is at least 500 wide.
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = [{"name": "prefers-color-scheme", "value": theme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        driver.get(live_server.url + "/admin/login/")
        driver.add_cookie({"name": "sessionid", "value": admin_client.cookies["sessionid"].value})
        session = Session.objects.order_by("-pk").first()
        addresses = {name: reverse(page) for name, page in PAGES.items()}
        addresses["session"] = reverse("admin:django_mcp_session_change", args=[session.pk])
        for name, address in addresses.items():
            driver.get(live_server.url + address)
            assert driver.execute_script("return document.documentElement.lang") == language
            assert driver.execute_script(WIDER) == [], (name, width)
            keep(driver, f"{name}-{theme}-{width}{'' if language == 'en' else f'-{language}'}.png")
            if name in LISTS and width == 1280:
                seen, needed, columns = driver.execute_script(WIDTHS)
                assert needed <= seen, (name, columns)


def keep(driver, name):
    if folder := os.environ.get("SCREENSHOTS"):
        height = driver.execute_script("return document.documentElement.scrollHeight")
        width = driver.execute_script("return document.documentElement.clientWidth")
        metrics = {"width": width, "height": min(height, 1800), "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        Path(folder, name).write_bytes(driver.get_screenshot_as_png())
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "height": 900})

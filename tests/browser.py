"""Headless Chromium, for tests that are marked `browser`."""

import shutil
from typing import Any, Final

CSS: Final = "css selector"
"""How an element is named to Selenium, which is not installed where these tests are not run."""


TAB: Final = "\ue004"
ENTER: Final = "\ue007"
"""Keys, as WebDriver names them."""


def open_chromium(width: int, height: int) -> Any:
    """A driver of a window of a size."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.binary_location = str(shutil.which("chromium"))
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def waiting(driver: Any, seconds: float) -> Any:
    """Selenium's wait: `until(condition)` tries again whatever the condition raises."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds, ignored_exceptions=[Exception])


def choose(element: Any) -> Any:
    """Selenium's hand on a select element."""
    from selenium.webdriver.support.ui import Select

    return Select(element)

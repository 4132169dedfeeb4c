"""Headless Chromium, for tests that are marked `browser`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

CSS: Final = "css selector"
"""How an element is named to Selenium, which is not installed where these tests are not run."""


TAB: Final = "\ue004"
ENTER: Final = "\ue007"
"""Keys, as WebDriver names them."""


class Chromium:
    """A browser that opens windows."""

    def __init__(self) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.enable_bidi = True
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        options.binary_location = str(shutil.which("chromium"))
        self._driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self._first = self._driver.current_window_handle

    @contextmanager
    def window(self, width: int, height: int) -> Iterator[Any]:
        """A driver of a new window, which shares no cookie, storage or cache with the windows before it."""
        driver = self._driver
        context = driver.browser.create_user_context()
        driver.switch_to.window(driver.browsing_context.create(type="window", user_context=context))
        driver.set_window_size(width, height)
        driver.get_log("browser")  # Reading the log empties it of the lines of earlier windows.
        try:
            yield driver
        finally:
            driver.switch_to.window(self._first)
            driver.browser.remove_user_context(context)

    def quit(self) -> None:
        self._driver.quit()


def waiting(driver: Any, seconds: float) -> Any:
    """Selenium's wait: `until(condition)` tries again whatever the condition raises."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(driver, seconds, ignored_exceptions=[Exception])


def choose(element: Any) -> Any:
    """Selenium's hand on a select element."""
    from selenium.webdriver.support.ui import Select

    return Select(element)

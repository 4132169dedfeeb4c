"""Headless Chromium, for tests that are marked `browser`."""

import shutil
from typing import Any


def open_chromium(width: int, height: int) -> Any:
    """A driver of a window of a size. Selenium is not installed where these tests are not run."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.binary_location = str(shutil.which("chromium"))
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))

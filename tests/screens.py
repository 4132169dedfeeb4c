"""The pictures of the docs. Browser tests take them while they look at a page; `make screens` makes all of them anew.

`SCREENSHOTS=folder` keeps the pictures of any browser test that takes some, to look at them.
"""

import os
import re
from itertools import product
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
FOLDER: Final = ROOT / "docs" / "screens"

THEMES: Final = ("light", "dark")
WIDTHS: Final = (1280, 390)
OPERATORS: Final = ("overview", "running", "sessions", "switches", "stop", "reports", "session")
LOOKS: Final = [
    *((theme, width, "en") for theme in THEMES for width in WIDTHS),
    ("light", 1280, "de"),
    ("light", 390, "ar"),
]
"""The ways in which the operators' pages are looked at."""

WIDER: Final = """
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
"""The elements that are wider than the window."""


WITHOUT_SCROLLBARS: Final = "document.adoptedStyleSheets[0].replaceSync('* { scrollbar-width: none }')"
"""A phone has no scrollbar, and a picture needs none. The page's policy forbids style elements."""


def name_of(page: str, theme: str, width: int, language: str = "en") -> str:
    return f"{page}-{theme}-{width}{'' if language == 'en' else f'-{language}'}.png"


MADE: Final = {name_of(page, *look) for page in OPERATORS for look in LOOKS} | {
    name_of(page, theme, width)
    for page, theme, width in product(("page", "page-call", "page-calls", "consent", "site"), THEMES, WIDTHS)
}
"""The pictures that there may be. `take()` takes no other."""


def shown() -> set[str]:
    """The pictures that pages show."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    return {name for page in pages for name in re.findall(r"\(\S*screens/([\w-]+\.png)\)", page.read_text())}


def look(driver: Any, theme: str, width: int, height: int = 900) -> None:
    """Gives the window a size and a theme. Chromium's own windows are at least 500 wide."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = [{"name": "prefers-color-scheme", "value": theme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})


def take(driver: Any, name: str, height: int | None = None) -> None:
    """Keeps a picture of the whole page, or of this height from where it is scrolled to. In the folder of the docs, it
    keeps those alone that a page shows.
    """
    assert name in MADE, name
    folder = os.environ.get("SCREENSHOTS")
    if not folder or (Path(folder).resolve() == FOLDER and name not in shown()):
        return
    driver.execute_script(f"document.adoptedStyleSheets = [new CSSStyleSheet()]; {WITHOUT_SCROLLBARS}")
    width = driver.execute_script("return innerWidth")
    needed = min(driver.execute_script("return document.documentElement.scrollHeight"), 1800)
    metrics = {"width": width, "height": height or needed, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, name).write_bytes(driver.get_screenshot_as_png())
    _shrink(Path(folder, name))
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {**metrics, "height": 900})
    driver.execute_script("document.adoptedStyleSheets = []")


def _shrink(path: Path) -> None:
    """Leaves 256 colors: a third of the bytes, in a repository that keeps each version."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def take_site(index: Path) -> None:
    """The site's first page, of a site that `make docs` has built."""
    from tests.browser import Chromium

    chromium = Chromium()
    for theme, width in product(THEMES, WIDTHS):
        with chromium.window(width, 900) as driver:
            look(driver, theme, width)
            driver.get(index.as_uri())
            take(driver, name_of("site", theme, width), height=900)
    chromium.quit()


if __name__ == "__main__":
    take_site(ROOT / "build" / "docs" / "index.html")

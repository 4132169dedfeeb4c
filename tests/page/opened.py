"""The page in a real browser, as a person uses it."""

from typing import Any, Final

from tests.browser import CSS, choose, waiting

SECONDS: Final = 15


class Page:
    def __init__(self, driver: Any, url: str) -> None:
        self.driver = driver
        driver.get(url)

    def find(self, selector, within=None):
        return self.wait(lambda _: (within or self.driver).find_element(CSS, selector))

    def wait(self, condition):
        return waiting(self.driver, SECONDS).until(condition)

    def open(self, key):
        entry = self.find(f'.entry[data-key="{key}"]')
        entry.find_element(CSS, "summary").click()
        self.find("form", entry)
        return entry

    def choose_era(self, name):
        self.driver.execute_script("document.getElementById('connection').parentElement.open = true")
        choose(self.find("#era")).select_by_value(name)
        self.wait(lambda _: self.find("#era").get_property("value") == name)

    def field(self, entry, label):
        """The field under a label, as a person finds it."""
        script = """const [entry, text] = arguments
            const labels = [...entry.querySelectorAll("label")].filter((one) => one.control.offsetParent)
            return labels.find((one) => one.textContent.replace(" required", "") === text).control"""
        return self.wait(lambda _: self.driver.execute_script(script, entry, label))

    def press(self, entry, text):
        script = """[...arguments[0].querySelectorAll("button")]
            .find((button) => button.textContent === arguments[1] && button.offsetParent).click()"""
        self.driver.execute_script(script, entry, text)

    def outcome(self, entry):
        """The text of the answer, once it is there."""
        done = ("Done", "Error", "The tool failed", "Cancelled")
        self.wait(lambda _: entry.find_element(CSS, ".status").text.startswith(done))
        return entry.find_element(CSS, ".result").text

    def complaints(self):
        """The lines of the browser's console, and every host but the page's own that was asked for something."""
        script = "return performance.getEntriesByType('resource').map((one) => new URL(one.name).host)"
        foreign = set(self.driver.execute_script(script)) - {self.driver.execute_script("return location.host")}
        return [one["message"] for one in self.driver.get_log("browser")] + sorted(foreign)

    def unlabelled(self):
        script = """return [...document.querySelectorAll("input, select, textarea, button, progress, img, dialog")]
            .filter((one) => !(one.labels && one.labels.length) && !one.textContent.trim()
                && !["aria-label", "aria-labelledby", "alt"].some((name) => one.hasAttribute(name)))
            .map((one) => one.outerHTML)"""
        return self.driver.execute_script(script)

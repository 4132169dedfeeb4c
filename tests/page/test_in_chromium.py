"""The page in a real browser: `pytest -m browser` runs these."""

import json

import pytest

from django_mcp.models import Session
from tests import live_site
from tests.browser import CSS, choose
from tests.page.opened import Page
from tests.servers import released

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_person_signs_in_searches_calls_a_tool_and_reads_what_it_found(site: live_site.Site, driver):
    """Without DEBUG, in either carrier."""
    page = Page(driver, f"{site.url}/accounts/login/?next=/mcp")
    page.find("[name=username]").send_keys("amelia")
    page.find("[name=password]").send_keys("unused")
    page.find("[type=submit]").click()
    page.find("#search")
    driver.get_log("browser")  # The page for signing in has no icon.

    page.find("#search").send_keys("airports city code")
    assert page.find("#found").text == "1 found"
    entry = page.open("search_airports")
    page.field(entry, "query").send_keys("Reykjavik")
    page.press(entry, "Call")
    shown = page.outcome(entry)

    assert "Keflavik International" in shown
    assert entry.find_elements(CSS, "table tbody tr")
    assert (page.unlabelled(), page.complaints()) == ([], [])


def structured(page, entry):
    """The structured content of the last answer."""
    [exchange] = [one for one in entry.find_elements(CSS, ".result summary") if one.text == "Messages"]
    exchange.click()
    texts = page.wait(lambda _: [one.text for one in entry.find_elements(CSS, ".result details pre")])
    answers = [json.loads(text) for text in texts if '"structuredContent"' in text]
    return answers[-1]["result"]["structuredContent"]


def test_the_form_has_a_field_for_every_kind(opened, tmp_path):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"\x89PNG")
    page = opened("/forms")
    entry = page.open("book")

    page.press(entry, "Call")  # Nothing is filled in: nothing is sent.
    page.field(entry, "name").send_keys("ada")
    assert page.field(entry, "name").get_property("validationMessage") == "This does not match ^[A-Z]"
    page.field(entry, "name").clear()
    page.field(entry, "name").send_keys("Ada")
    set_value = "arguments[0].value = arguments[1]"
    page.driver.execute_script(set_value, page.field(entry, "day"), "2026-11-28")
    page.driver.execute_script(set_value, page.field(entry, "at"), "2026-11-28T12:30")
    page.field(entry, "row").send_keys("7")
    choose(page.field(entry, "window")).select_by_visible_text("yes")
    page.press(entry, "Add to extras")
    choose(page.field(entry, "extras 1: kind")).select_by_visible_text("dish")
    choose(page.field(entry, "dish")).select_by_visible_text("pasta")
    page.field(entry, "weight").send_keys("1.5")
    page.press(entry, "Add to codes")
    page.field(entry, "codes 1").send_keys("42")
    page.field(entry, "photo").send_keys(str(photo))
    page.field(entry, "notes").send_keys('{"a": [1]}')
    page.press(entry, "Call")

    assert page.outcome(entry).startswith("Done in")
    sent = structured(page, entry)
    moment = page.driver.execute_script("return new Date('2026-11-28T12:30').toISOString().slice(0, 19)")
    assert sent.pop("at").startswith(moment)
    assert sent == {
        "name": "Ada",
        "day": "2026-11-28",
        "seat": {"row": 7, "window": True},
        "extras": [{"dish": "pasta"}],
        "cabin": "second",
        "weight": 1.5,
        "codes": [42],
        "photo": "iVBORw==",
        "notes": {"a": [1]},
    }
    assert (page.unlabelled(), page.complaints()) == ([], [])


def test_the_arguments_are_written_as_json_and_come_back_into_the_form(opened):
    page = opened('/plain#tool=greet&args={"name":"Bob"}')
    entry = page.find('.entry[data-key="greet"]')
    assert page.field(entry, "name").get_property("value") == "Bob"

    page.press(entry, "Edit as JSON")
    area = page.find("textarea[aria-label='Arguments as JSON']", entry)
    assert json.loads(area.get_property("value")) == {"name": "Bob"}
    area.clear()
    area.send_keys('{"name": 7}')
    page.press(entry, "Call")
    assert "The arguments do not fit the schema. Nothing was sent." in page.find(".result", entry).text
    page.press(entry, "Send it all the same")
    assert page.outcome(entry).startswith("The tool failed in")
    area.clear()
    area.send_keys('{"name": "Ève"}')
    page.press(entry, "Edit as JSON")
    assert page.field(entry, "name").get_property("value") == "Ève"


def test_an_endpoint_of_the_older_era_is_called_in_a_session(opened):
    page = opened("/handshake")
    entry = page.open("greet")
    page.field(entry, "name").send_keys("Ada")
    page.press(entry, "Call")

    assert "Hello, Ada" in page.outcome(entry)
    assert Session.objects.get().client_info["name"] == "django-mcp-page"


@pytest.mark.parametrize("era", ["modern", "handshake"])
def test_a_question_is_a_form_and_its_answer_goes_on_with_the_call(opened, era):
    page = opened("/forms")
    page.choose_era(era)
    entry = page.open("order")
    page.field(entry, "dish").send_keys("soup")

    page.press(entry, "Call")
    page.press(page.find("#confirm"), "Call it")
    page.field(entry, "count").send_keys("3")
    page.press(entry, "Answer")
    assert "3 soup" in page.outcome(entry)

    page.press(entry, "Call")
    page.press(page.find("#confirm"), "Call it")
    page.field(entry, "count")
    page.press(entry, "Decline")
    assert "decline" in page.outcome(entry)
    assert page.complaints() == []


def test_a_schema_that_holds_itself_has_a_form(opened):
    page = opened("/forms")
    entry = page.open("nest")

    assert page.field(entry, "child").tag_name == "textarea"
    assert page.complaints() == []


@pytest.mark.parametrize("era", ["modern", "handshake"])
def test_progress_is_seen_before_the_result_and_a_call_is_cancelled(opened, era):
    page = opened("/forms")
    page.choose_era(era)
    entry = page.open("wait")
    released.clear()

    for button, outcome in ((None, "released"), ("Cancel", "Cancelled")):
        page.press(entry, "Call")
        page.wait(lambda _: entry.find_element(CSS, ".status").text == "Half way")
        if button:
            page.press(entry, button)
        else:
            released.set()
        assert outcome in page.outcome(entry)
        released.clear()
    released.set()


def test_a_lost_server_is_told_in_words_and_the_page_goes_on(opened):
    page = opened("/hostile")
    entry = page.open("purge_all")
    network = {"latency": 0, "throughput": 0}

    page.driver.set_network_conditions(offline=True, **network)
    page.press(entry, "Dry run")
    status = page.find(".status", entry)
    page.wait(lambda _: status.text.startswith("The server could not be reached"))
    page.driver.delete_network_conditions()
    page.press(entry, "Dry run")
    assert "tried" in page.outcome(entry)


def test_somebody_who_was_signed_out_meanwhile_is_told_to_sign_in(opened, client, staff, settings):
    page = opened("/token")
    settings.DEBUG = False
    client.force_login(staff)
    page.driver.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    page.driver.refresh()
    entry = page.open("describe_caller")

    page.driver.delete_cookie("sessionid")
    page.press(entry, "Call")

    assert "You may have been signed out" in page.outcome(entry)


def test_a_destructive_tool_is_confirmed_first_and_a_dry_run_is_not(opened):
    page = opened("/hostile")
    entry = page.open("purge_all")

    page.press(entry, "Dry run")
    assert "tried" in page.outcome(entry)
    page.press(entry, "Call")
    page.press(page.find("#confirm"), "Cancel")
    assert "tried" in page.outcome(entry)
    page.press(entry, "Call")
    page.press(page.find("#confirm"), "Call it")
    page.wait(lambda _: "gone" in page.outcome(entry))


def test_nothing_that_a_server_sends_runs_and_all_of_it_is_bounded(opened):
    page = opened("/hostile")
    for key, verb in (("markup", "Call"), ("evil://page", "Read"), ("huge", "Call")):
        entry = page.open(key)
        page.press(entry, verb)
        assert page.outcome(entry).startswith("Done in")
        for summary in entry.find_elements(CSS, "summary"):
            page.driver.execute_script("arguments[0].parentElement.open = true", summary)

    assert page.driver.title.endswith("· MCP")
    assert "owned" in page.driver.title  # The title that the server gave itself, as text.
    assert (
        page.driver.execute_script(
            "return document.querySelectorAll('.entry img, .entry a, main script, iframe').length"
        )
        == 0
    )
    assert "9900000 more characters are not shown" in page.driver.find_element(CSS, "main").text
    assert page.complaints() == []


def test_the_page_fits_a_phone(opened):
    page = opened("/forms")
    metrics = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.open("book")

    assert page.driver.execute_script("return document.documentElement.scrollWidth") <= 390

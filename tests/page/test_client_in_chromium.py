"""The page as an MCP client: its sessions, subscriptions, questions and copies, and what is lost, in a real browser."""

import json
import os
import re
import subprocess
import sys

import httpx
import pytest

from django_mcp.models import Session
from tests import live_site, wire
from tests.browser import CSS
from tests.page.opened import Page

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(driver, site):
    page = Page(driver, f"{site.url}/accounts/login/?next=/mcp")
    page.find("[name=username]").send_keys("amelia")
    page.find("[name=password]").send_keys("unused")
    page.find("[type=submit]").click()
    page.find("#search")
    driver.get_log("browser")
    return page


def call(site, name, arguments):
    """The structured content of a call by another client of the same user."""
    headers = {**wire.POST_HEADERS, "authorization": f"Token {site.token}", "mcp-protocol-version": "2026-07-28"}
    headers |= {"mcp-method": "tools/call", "mcp-name": name}
    message = wire.modern_request("tools/call", {"name": name, "arguments": arguments})
    answer = httpx.post(f"{site.url}/mcp", headers=headers, json=message, timeout=30).json()
    assert not answer["result"].get("isError"), answer
    return answer["result"].get("structuredContent")


def greet(page):
    entry = page.open("greet")
    page.field(entry, "name").send_keys("Ada")
    page.press(entry, "Call")
    assert "Hello, Ada" in page.outcome(entry)
    return entry


@pytest.mark.parametrize("name", ["modern", "handshake"])
def test_a_person_subscribes_to_a_resource_and_sees_its_updates_arrive(site: live_site.Site, driver, name):
    """In the lane; the view has no streams, and the page offers no subscription there."""
    trip = call(site, "create_trip", {"name": "To Oslo"})["id"]
    page = sign_in(driver, site)
    page.choose_era(name)
    entry = page.open("trip://{pk}")
    page.field(entry, "pk").send_keys(str(trip))
    if not page.driver.execute_script("return JSON.parse(document.getElementById('mcp-data').textContent).streams"):
        assert "Subscribe" not in entry.text
        return
    page.press(entry, "Read")
    page.outcome(entry)
    page.driver.refresh()  # In the handshake era the session is one that was resumed.
    entry = page.open("trip://{pk}")
    page.field(entry, "pk").send_keys(str(trip))
    page.press(entry, "Subscribe")
    page.wait(lambda _: f"Subscribed to trip://{trip}" in entry.text)

    call(site, "update_trip_plan", {"pk": trip, "changes": {"name": "To Rome"}})

    page.wait(lambda _: "Updated at" in entry.text and "To Rome" in entry.text)
    page.press(entry, "Unsubscribe")
    assert "Not subscribed any more" in entry.text
    assert page.complaints() == []


def test_a_session_goes_on_after_a_reload_and_is_closed_by_the_page(opened):
    page = opened("/handshake")
    greet(page)
    [session] = Session.objects.all()

    page.driver.refresh()
    greet(page)
    assert [one.pk for one in Session.objects.all()] == [session.pk]
    assert f"Session {session.session_id[:8]}" in page.find("#session").get_property("textContent")
    page.driver.execute_script("document.getElementById('connection').parentElement.open = true")
    page.press(page.find("#connection"), "Close the session")

    page.wait(lambda _: "No session is open" in page.find("#session").text)
    assert not Session.objects.active().exists()
    assert page.complaints() == []


def test_both_eras_are_called_by_a_switch_that_a_reload_keeps(opened):
    page = opened("/plain")
    greet(page)
    assert not Session.objects.exists()
    page.choose_era("handshake")
    page.press(page.find('.entry[data-key="greet"]'), "Call")
    page.wait(lambda _: Session.objects.exists())

    page.driver.refresh()

    assert page.find("#era").get_property("value") == "handshake"


def test_a_session_that_has_ended_is_said_in_words_and_a_button_goes_on(opened):
    page = opened("/handshake")
    entry = greet(page)
    Session.objects.all().delete()

    page.press(entry, "Call")
    page.wait(lambda _: "The session has ended on the server" in entry.text)
    page.press(entry, "Call again in a new session")

    page.wait(lambda _: "Hello, Ada" in entry.text)
    assert Session.objects.count() == 1


def test_a_server_that_restarts_is_said_in_words_and_a_button_goes_on(live_data, driver, tmp_path):
    server = "the lane under uvicorn"
    with live_site.serve(server, live_data, tmp_path) as site:
        page = sign_in(driver, site)
        entry = page.open("search_airports")
        page.field(entry, "query").send_keys("Oslo")
        page.choose_era("handshake")
        page.press(entry, "Call")
        page.outcome(entry)
    page.press(entry, "Call")
    page.wait(lambda _: "The server could not be reached" in entry.text)

    with live_site.serve(server, live_data, tmp_path, port=int(site.url.rpartition(":")[2])):
        page.press(entry, "Try again")
        assert "Oslo" in page.outcome(entry)


@pytest.mark.parametrize("path", ["/talk", "/talk/handshake"])
def test_a_person_answers_in_the_place_of_a_model_and_names_folders(opened, path):
    page = opened(path)
    entry = page.open("advise")
    page.press(entry, "Call")

    assert "A slogan, in five words." in page.find("form[aria-label=Question]", entry).text
    page.field(entry, "answer").send_keys("We fly when others sleep")
    page.press(entry, "Answer")
    page.wait(lambda _: "Add to roots" in entry.text)
    page.press(entry, "Add to roots")
    page.field(entry, "roots 1").send_keys("file:///home/ada")
    page.press(entry, "Answer")

    assert "We fly when others sleep in file:///home/ada" in page.outcome(entry)
    assert page.complaints() == []


def test_ten_thousand_log_lines_are_bounded_and_the_page_stays_quick(opened):
    page = opened("/talk")
    entry = page.open("shout")
    page.press(entry, "Call")

    assert "hoarse" in page.outcome(entry)
    lines = entry.find_elements(CSS, "[role=log] > div")
    assert (len(lines), lines[-1].text[:15]) == (200, "info: line 9999")
    assert page.complaints() == []


ALTERED = """const real = window.fetch
    window.fetch = async (...request) => {
        const answer = await real(...request)
        const text = (await answer.text()).replaceAll('"n":1', '"n":"one"')
        return new Response(text, { status: answer.status, headers: answer.headers })
    }"""


def test_an_answer_that_does_not_keep_its_schema_is_shown_with_what_is_wrong(opened, driver):
    """The server keeps to it, so that somebody between alters the answer here."""
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": ALTERED})
    page = opened("/talk")
    entry = page.open("count")
    page.press(entry, "Call")

    shown = page.outcome(entry)
    assert "The official client does not accept this answer: Structured content does not match" in shown
    assert "one" in shown


def test_a_tool_that_the_official_client_would_not_call_is_called_and_the_reason_shown(opened):
    page = opened("/talk")
    entry = page.open("remember")
    page.press(entry, "Call")

    shown = page.outcome(entry)
    assert ("2013" in shown, "unsupported dialect" in shown) == (True, True)


def test_half_a_character_and_control_characters_are_shown_as_what_they_are(opened):
    page = opened("/talk")
    entry = page.open("halve")
    page.press(entry, "Call")

    page.wait(lambda _: entry.find_element(CSS, ".status").text.startswith("Done in"))
    # WebDriver itself has no way to hand over half a character.
    shown = page.driver.execute_script("return arguments[0].textContent.toWellFormed()", entry)
    assert ("before" in shown, "after" in shown, "Half of a pair" in shown) == (True, True, True)
    assert page.complaints() == []


def test_markdown_is_shown_as_text(opened):
    page = opened("/talk")
    entry = page.open("explain")
    page.press(entry, "Call")

    assert "# Title" in page.outcome(entry)
    assert entry.find_elements(CSS, ".result h1, .result a, .result script") == []
    assert "owned" not in page.driver.title


def test_an_argument_of_a_prompt_is_completed(opened):
    page = opened("/talk")
    entry = page.open("letter")
    page.field(entry, "tone").send_keys("f")
    options = page.wait(lambda _: entry.find_elements(CSS, "datalist option"))
    assert [one.get_property("value") for one in options] == ["formal", "friendly"]

    page.field(entry, "tone").send_keys("ormal")
    page.press(entry, "Get")
    assert "Write a formal letter." in page.outcome(entry)


def test_calls_of_the_tab_are_edited_and_made_again(opened):
    page = opened("/plain")
    greet(page)
    page.driver.refresh()

    history = page.find("#history")
    page.press(history, "Edit")
    entry = page.find('.entry[data-key="greet"]')
    assert page.field(entry, "name").get_property("value") == "Ada"
    page.field(entry, "name").send_keys(" Byron")
    page.press(entry, "Call")
    page.outcome(entry)
    page.press(history, "Replay")
    page.wait(lambda _: len(history.find_elements(CSS, "li")) == 3)
    assert [one.text for one in history.find_elements(CSS, ".cut")] == [
        '{"name":"Ada Byron"}',
        '{"name":"Ada Byron"}',
        '{"name":"Ada"}',
    ]
    page.press(history, "Forget them")
    assert not history.is_displayed()


def test_somebody_else_in_the_same_tab_sees_no_calls_of_before(opened, client, staff):
    page = opened("/plain")
    greet(page)
    client.force_login(staff)
    page.driver.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})

    page.driver.refresh()

    assert not page.find("#history").is_displayed()
    assert "Ada" not in page.driver.execute_script("return JSON.stringify(sessionStorage)")


@pytest.mark.parametrize("era", ["modern", "handshake"])
def test_secret_arguments_are_written_unseen_and_kept_nowhere(opened, era):
    """One argument goes as a header too, where the era has that."""
    page = opened("/talk")
    page.choose_era(era)
    entry = page.open("unlock")
    for name, value in {"name": "ada", "password": "sesame", "pin": "1234", "region": "Zürich"}.items():
        page.field(entry, name).send_keys(value)
    kinds = [page.field(entry, name).get_attribute("type") for name in ("password", "pin", "region")]
    assert kinds == ["password", "password", "text"]
    page.press(entry, "Call")

    assert "open" in page.outcome(entry)
    kept = page.driver.execute_script("return JSON.stringify(sessionStorage)")
    assert ("ada" in kept, "sesame" in kept, "1234" in kept) == (True, False, False)
    link = page.wait(copied(entry, "It fills the form in"))
    assert ("ada" in link, "sesame" in link, "1234" in link) == (True, False, False)


def test_content_of_every_kind_is_shown(opened):
    page = opened("/talk")
    entry = page.open("gallery")
    page.press(entry, "Call")

    shown = page.outcome(entry)
    assert all(text in shown for text in ("note://1 · text/plain", "A note", "Link: Another note://2", "The end"))
    image = entry.find_element(CSS, "img.shown")
    page.wait(lambda _: image.get_property("naturalWidth") == 1)
    assert entry.find_element(CSS, "audio[controls]").get_property("src").startswith("data:audio/wav;base64,")
    assert page.complaints() == []


def test_a_question_by_an_address_is_a_link_that_the_person_opens(opened):
    page = opened("/talk")
    entry = page.open("pay")
    page.press(entry, "Call")

    [link] = page.wait(lambda _: entry.find_elements(CSS, "form[aria-label=Question] a"))
    assert (link.get_attribute("href"), link.get_attribute("rel")) == ("https://pay.example/7", "noopener noreferrer")
    page.press(entry, "Answer")
    assert "accept" in page.outcome(entry)


def copied(entry, label):
    """The text below a heading, in parts of the page that are opened for it."""
    script = """const [entry, label] = arguments
        for (const title of ["Messages", "The same in Python", "A link to this form"])
            for (const one of entry.querySelectorAll("details"))
                if (one.firstElementChild.textContent === title && one.offsetParent) one.open = true
        const heading = [...entry.querySelectorAll("h4")].find((one) => one.textContent.startsWith(label))
        return heading && heading.parentElement.querySelector("pre").textContent"""
    return lambda driver: driver.execute_script(script, entry, label)


@pytest.mark.parametrize("era", ["modern", "handshake"])
def test_the_curl_and_the_python_that_are_copied_run_as_they_are(site: live_site.Site, driver, era):
    page = sign_in(driver, site)
    page.choose_era(era)
    entry = page.open("search_airports")
    page.field(entry, "query").send_keys("Reykjavik")
    page.press(entry, "Call")
    page.outcome(entry)
    environment = {**os.environ, "TOKEN": site.token}

    page.wait(copied(entry, "The same with curl"))
    curl = page.driver.execute_script(ALL_CURLS, entry)[-1]
    program = page.wait(copied(entry, "With the official client"))

    said = subprocess.run(["bash", "-c", curl], env=environment, capture_output=True, text=True, check=True)
    assert "Keflavik International" in said.stdout
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ("Keflavik International" in said.stdout, said.stderr) == (True, "")


def test_programs_that_get_a_prompt_and_read_a_resource_run_as_they_are(opened, live_server):
    page = opened("/talk")
    found = []
    for key, verb, label in (("letter", "Get", "tone"), ("note://{name}", "Read", "name")):
        entry = page.open(key)
        page.field(entry, label).send_keys("cold \\ 'é' \"x\"")
        page.press(entry, verb)
        page.outcome(entry)
        program = page.wait(copied(entry, "With the official client"))
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        found.append(("cold" in said.stdout, said.stderr))

    assert found == [(True, "")] * 2


ALL_CURLS = """return [...arguments[0].querySelectorAll("h4")]
    .filter((one) => one.textContent.startsWith("The same with curl"))
    .map((one) => one.parentElement.querySelector("pre").textContent)"""


def test_a_link_to_a_form_is_copied_and_opens_it_with_its_arguments(opened):
    page = opened("/plain")
    entry = page.open("greet")
    page.field(entry, "name").send_keys("Åsa & Bo #1")
    link = page.wait(copied(entry, "It fills the form in"))

    page.driver.get("about:blank")
    page.driver.get(link)

    assert page.field(page.find('.entry[data-key="greet"]'), "name").get_property("value") == "Åsa & Bo #1"
    assert "Hello" not in page.driver.find_element(CSS, "main").text


def test_the_drawer_has_every_message_with_headers_times_and_sizes(opened):
    page = opened("/handshake")
    greet(page)
    page.driver.execute_script("document.querySelector('.drawer').open = true")
    rows = page.wait(lambda _: page.driver.find_elements(CSS, "#exchanges > li > details"))

    names = [row.text.split(" · ")[0] for row in rows]
    assert names[0] == "tools/call"
    assert {"initialize", "notifications/initialized"} <= set(names)
    rows[0].find_element(CSS, "summary").click()
    page.driver.execute_script("for (const one of arguments[0].querySelectorAll('details')) one.open = true", rows[0])
    text = page.wait(lambda _: "content-type: application/json" in rows[0].text.lower() and rows[0].text)
    assert re.search(r"Received \(HTTP 200, \d+ characters, \d+ ms\)", text)
    assert "mcp-session-id" in text
    assert "csrf" not in text.lower()


def test_a_tool_says_what_not_every_client_reads_of_it(opened):
    page = opened("/forms")

    assert "unions (anyOf, oneOf)" in page.open("book").text
    assert "Not every client" not in page.open("wait").text


def test_the_configurations_of_clients_are_copied_and_added_by_links(opened):
    page = opened("/plain")
    page.driver.execute_script(
        "for (const one of document.querySelectorAll('.clients, .clients details')) one.open = true"
    )
    texts = {one.get_attribute("id"): one.text for one in page.driver.find_elements(CSS, ".clients pre")}

    assert set(texts) == {
        *(
            f"client-{name}"
            for name in ("claude-code", "claude-desktop", "cursor", "vscode", "codex", "gemini", "windsurf")
        ),
        "inspector",
    }
    url = page.find("#url").text
    assert json.loads(texts["client-claude-code"])["mcpServers"]["plain"] == {"type": "http", "url": url}
    assert all(url in text for text in texts.values())
    links = [one.get_attribute("href").partition("?")[0] for one in page.driver.find_elements(CSS, ".clients a.button")]
    assert links == ["cursor://anysphere.cursor-deeplink/mcp/install", "vscode:mcp/install", "http://localhost:6274/"]


def test_looking_as_another_user_lists_and_calls_nothing(opened, client, django_user_model):
    root = django_user_model.objects.create_superuser("root")
    django_user_model.objects.create_user("ada")
    page = opened("/plain")
    client.force_login(root)
    page.driver.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value})
    page.driver.get(page.driver.current_url.replace("/plain", "/guarded"))
    page.find("#look").send_keys("ada")
    page.find(".look button").click()

    page.wait(lambda _: "You look as ada" in page.driver.find_element(CSS, "main").text)
    entry = page.open("open_door")
    page.find("form", entry)
    assert [one.text for one in page.driver.find_elements(CSS, ".entry .name")] == ["open_door", "rename_group"]
    assert entry.find_elements(CSS, "button.go, [type=submit]") == []
    assert page.driver.find_elements(CSS, "#connection, #history, .drawer, .clients") == []
    assert page.complaints() == []

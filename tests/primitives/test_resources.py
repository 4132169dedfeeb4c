import mcp_types
import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp import Context, Icon
from django_mcp.primitives.resources import Resource, ResourceTemplate, make_resource
from tests.tables import cases


def latest(ctx: Context) -> str:
    """The latest news.

    As they come.
    """


def airport(iata: str, ctx: Context, lang: str = "en") -> dict:
    """An airport."""


def complete(value):
    return []


def test_a_function_is_the_resource_at_its_uri():
    resource = make_resource(latest, "news://latest")

    assert isinstance(resource, Resource)
    assert (resource.uri, resource.mime_type) == ("news://latest", None)
    assert resource.definition == {
        "uri": "news://latest",
        "name": "latest",
        "description": "The latest news.\n\nAs they come.",
    }


def test_a_resource_says_all_that_it_is_told_to():
    resource = make_resource(
        latest,
        "news://latest",
        name="news",
        title="News",
        description="What is new",
        mime_type="text/html",
        size=0,
        annotations={"priority": 0.5},
        icons=[Icon("https://example.com/i.png", sizes=("any",))],
        meta={"example.com/a": 1},
    )

    assert resource.mime_type == "text/html"
    assert resource.definition == {
        "uri": "news://latest",
        "name": "news",
        "title": "News",
        "description": "What is new",
        "mimeType": "text/html",
        "size": 0,
        "annotations": {"priority": 0.5},
        "icons": [{"src": "https://example.com/i.png", "sizes": ["any"]}],
        "_meta": {"example.com/a": 1},
    }
    mcp_types.Resource.model_validate(resource.definition)


def test_variables_make_a_template_of_it():
    template = make_resource(
        airport, "airport://{iata}{?lang}", mime_type="application/json", complete={"iata": complete}
    )

    assert isinstance(template, ResourceTemplate)
    assert template.template.variables == ("iata", "lang")
    assert template.definition == {
        "uriTemplate": "airport://{iata}{?lang}",
        "name": "airport",
        "description": "An airport.",
        "mimeType": "application/json",
    }
    assert list(template.completers) == ["iata"]
    mcp_types.ResourceTemplate.model_validate(template.definition)


@cases("uri", ["a:b", "a+b-c.d://e", "https://example.com/a?b=c", "file:///etc", "urn:isbn:1"])
def test_a_uri_has_a_scheme(uri):
    assert make_resource(latest, uri).uri == uri


@cases("uri", ["", "latest", "/latest", "1a:b", "a:", "a: b", "a:b c", "a:b\n", "é:a"])
def test_another_text_is_no_uri(uri):
    with pytest.raises(ImproperlyConfigured, match="starts with a scheme and has no spaces"):
        make_resource(latest, uri)


@cases(
    ("function", "uri", "options", "message"),
    [
        (airport, "airport://lhr", {}, "its URI has no variables, so the function takes none but the context"),
        (latest, "news://latest", {"complete": {"a": complete}}, "its URI has no variables"),
        (latest, "news://{when}", {}, r"the function takes \[\] and the URI gives \['when'\]; name them alike"),
        (
            airport,
            "airport://{code}",
            {},
            r"the function takes \['iata', 'lang'\] and the URI gives \['code'\]; name them alike",
        ),
        (airport, "airport://{lang}{?iata}", {}, "a query may be left out of a URI, so give its variables a default"),
        (airport, "airport://{iata}{?lang}", {"complete": {"x": complete}}, "complete= names 'x'"),
        (airport, "airport://{iata*}{?lang}", {}, "URI template"),
    ],
)
def test_a_resource_that_could_not_be_read_is_refused_at_start_up(function, uri, options, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        make_resource(function, uri, **options)


def test_variables_are_parsed_as_they_are_annotated():
    def book(pk: int):
        pass

    template = make_resource(book, "book://{pk}")

    assert template.signature.bind({"pk": "5"}, None) == {"pk": 5}

"""Links to other pages as arguments."""

from django.test import RequestFactory

from django_mcp.contrib.page_links import with_arguments

REQUEST = RequestFactory().get("/mcp")
BASE = "http://testserver/mcp"


def test_a_link_to_another_page_is_the_arguments_that_read_it():
    given = {"tags": ["a", "b"], "year": 2024, "name": "7"}
    rows = [{"url": "http://testserver/api/1/", "next": f"{BASE}?page=2"}]

    assert with_arguments(
        {
            "count": 9,
            "next": f"{BASE}?tags=a&tags=b&year=2024&name=7&page=2",
            "links": {"previous": BASE, "first": "https://example.com/mcp?page=1"},
            "cursor": f"{BASE}?cursor=cD0y",
            "results": rows,
        },
        REQUEST,
        given,
    ) == {
        "count": 9,
        "next": {**given, "page": 2},
        "links": {"previous": {}, "first": "https://example.com/mcp?page=1"},
        "cursor": {"cursor": "cD0y"},
        "results": rows,
    }
    assert with_arguments(rows, REQUEST, {}) == rows

"""A page of Wagtail's, with its tree, its stream of blocks, its tags and its authors."""

import datetime

import pytest
from django.apps import apps

from tests.zoo.test_every_model import client_of

if not apps.is_installed("wagtail"):
    pytest.skip("of Wagtail alone", allow_module_level=True)

pytestmark = pytest.mark.django_db


def test_relations_that_wait_for_their_page_are_saved():
    from wagtail.models import Page

    from tests.zoo.pages.models import Author, BlogPage

    author = Author.objects.create(name="Ada")
    page = Page.get_first_root_node().add_child(
        instance=BlogPage(title="x", slug="x", date=datetime.date(2026, 3, 1), body=[("heading", "Hello")])
    )
    client = client_of("owner")
    answer = client.call_tool("update_blog_page", {"pk": page.pk, "changes": {"authors": [author.pk], "tags": ["a"]}})
    assert not answer.is_error, answer.text
    assert (answer.data["authors"], answer.data["tags"]) == ([author.pk], ["a"])
    read = client.call_tool("get_blog_page", {"pk": page.pk}).data
    assert (read["authors"], read["tags"], read["body"][0]["value"]) == ([author.pk], ["a"], "Hello")

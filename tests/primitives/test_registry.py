import functools

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.exceptions import AlreadyRegistered
from django_mcp.primitives.registry import Registry
from tests.tables import cases


def first():
    """The first."""


def second():
    """The second."""


def about(thing: str):
    """About a thing."""


def complete(value):
    return []


@pytest.fixture
def registry():
    return Registry()


def test_primitives_are_kept_by_name_in_the_order_of_declaration(registry):
    """Clients list primitives in this order, which is the same on every worker."""
    registry.add_tool(second)
    registry.add_tool(first)
    registry.add_tool(first, name="again")
    registry.add_prompt(about)
    registry.add_resource(first, "a:b")
    registry.add_resource(about, "a:{thing}")

    assert list(registry.tools) == ["second", "first", "again"]
    assert list(registry.prompts) == ["about"]
    assert list(registry.resources) == ["a:b"]
    assert list(registry.templates) == ["a:{thing}"]


def test_what_is_added_is_given_back(registry):
    assert registry.add_tool(first) is registry.tools["first"]
    assert registry.add_prompt(first) is registry.prompts["first"]
    assert registry.add_resource(first, "a:b") is registry.resources["a:b"]
    assert registry.add_resource(about, "a:{thing}") is registry.templates["a:{thing}"]


@pytest.mark.parametrize(
    ("add", "kind"),
    [
        (lambda registry, function: registry.add_tool(function, name="x"), "tool 'x'"),
        (lambda registry, function: registry.add_prompt(function, name="x"), "prompt 'x'"),
        (lambda registry, function: registry.add_resource(function, "a:b"), "resource 'a:b'"),
    ],
)
def test_two_functions_need_two_names(registry, add, kind):
    add(registry, first)

    with pytest.raises(
        AlreadyRegistered, match=rf"The {kind} of \S*\.second is already registered by \S*\.first; give"
    ):
        add(registry, second)


def test_two_functions_need_two_templates(registry):
    registry.add_resource(about, "a:{thing}")

    with pytest.raises(AlreadyRegistered, match=r"resource template 'a:\{thing\}'"):
        registry.add_resource(lambda thing: thing, "a:{thing}")


def test_a_name_that_is_taken_is_a_mistake_of_configuration():
    assert issubclass(AlreadyRegistered, ImproperlyConfigured)


def test_the_same_function_may_come_again(registry):
    """A module that is reloaded makes its functions anew."""
    registry.add_tool(first)
    reloaded = registry.add_tool(functools.partial(first))

    assert registry.tools == {"first": reloaded}


def test_a_name_may_be_one_of_each_kind(registry):
    registry.add_tool(about)
    registry.add_prompt(about)

    assert list(registry.tools) == list(registry.prompts) == ["about"]


def test_completions_are_offered_where_something_completes(registry):
    registry.add_tool(about)
    registry.add_prompt(about)
    registry.add_resource(about, "a:{thing}")
    assert not registry.has_completions()

    registry.add_prompt(about, name="other", complete={"thing": complete})
    assert registry.has_completions()


def test_a_template_that_completes_is_enough(registry):
    registry.add_resource(about, "a:{thing}", complete={"thing": complete})

    assert registry.has_completions()


def exact():
    pass


def greedy(path: str):
    pass


@cases(
    ("uri", "found", "variables"),
    [
        ("a://b", "a://b", {}),
        ("a://c", "a://{thing}", {"thing": "c"}),
        ("a://c/d", "a://{+path}", {"path": "c/d"}),
        ("b://c", None, None),
        ("", None, None),
        ("a://{thing}", "a://{thing}", {"thing": "{thing}"}),
    ],
)
def test_a_uri_is_that_of_a_resource_or_of_the_first_template_that_matches(registry, uri, found, variables):
    registry.add_resource(about, "a://{thing}")
    registry.add_resource(greedy, "a://{+path}")
    registry.add_resource(exact, "a://b")

    match = registry.find_resource(uri)

    if found is None:
        assert match is None
    else:
        assert match == (registry.resources.get(found) or registry.templates[found], variables)

"""The options of an endpoint, and the values that are refused where it is mounted."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.urls import endpoint
from django_mcp.views import MCPView
from tests.servers import plain
from tests.tables import cases


def test_an_argument_that_the_view_does_not_have_is_refused_when_the_url_is_declared():
    with pytest.raises(TypeError, match="pubic"):
        endpoint(plain, pubic=True)


@cases(
    ("option", "problem"),
    [
        ({"sessions": "sometimes"}, "sessions are one of .*, not 'sometimes'"),
        ({"eras": ("old",)}, r"eras are a tuple of some of .*, not \('old',\)"),
        ({"eras": "modern"}, "eras are a tuple of some of .*, not 'modern'"),
        ({"eras": ()}, "eras are a tuple"),
    ],
)
def test_a_policy_that_there_is_not_is_refused_where_the_endpoint_is_mounted(option, problem):
    with pytest.raises(ImproperlyConfigured, match=problem):
        endpoint(**option)


def test_an_endpoint_that_needs_sessions_has_none_without_the_handshake_era():
    assert MCPView().get_sessions() == "required"
    assert MCPView(sessions="optional").get_sessions() == "optional"
    assert MCPView(sessions="optional", eras=("modern",)).get_sessions() == "off"


def test_the_versions_of_the_projects_own_api_have_nothing_to_do_with_an_endpoint():
    """DRF's NamespaceVersioning would make 404 of an endpoint whose namespace is no version."""
    assert MCPView.versioning_class is None

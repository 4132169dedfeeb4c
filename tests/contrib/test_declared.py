"""A toolset that lacks an attribute, or has it in another form, says so in a sentence."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp import MCPServer
from django_mcp.contrib.admin_toolset import AdminToolset
from django_mcp.contrib.model_toolset import ModelToolset
from django_mcp.contrib.viewset_toolset import ViewSetToolset, ViewToolset
from testproject.airports.models import Airport
from tests.tables import cases


@cases(
    ("base", "attributes", "message"),
    [
        (ModelToolset, {}, "Bare: model is missing. It has to be a subclass of Model."),
        (ModelToolset, {"model": Airport}, "Bare: fields is missing. It has to be a list or a tuple of names."),
        (AdminToolset, {}, "Bare: model is missing. It has to be a subclass of Model."),
        (ViewSetToolset, {}, "Bare: viewset is missing. It has to be a subclass of ViewSetMixin."),
        (ViewToolset, {}, "Bare: view is missing. It has to be a subclass of APIView."),
    ],
)
def test_a_toolset_says_which_attribute_it_lacks(base, attributes, message):
    with pytest.raises(ImproperlyConfigured) as error:
        MCPServer("bare").toolset(type("Bare", (base,), attributes))
    assert str(error.value) == message

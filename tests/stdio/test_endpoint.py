"""The endpoint that a local user calls: found by its server or its path, with the project's own class and policies."""

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.urls import path

from django_mcp import MCPServer, default_server
from django_mcp.stdio.endpoint import find_endpoint
from django_mcp.views import MCPView
from tests import servers
from tests.tables import cases


class Stamped(MCPView):
    def finalize_response(self, request, response, *args, **kwargs):
        return super().finalize_response(request, response, *args, **kwargs)


urlpatterns = [path("stamped", Stamped.as_view(server=servers.plain, public=True))]
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls")]


def test_a_server_is_called_where_it_is_mounted_first():
    assert find_endpoint("guarded").path == "/guarded"
    assert find_endpoint().view().get_server() is default_server


def test_a_path_names_one_of_several_endpoints_and_its_variables():
    endpoint = find_endpoint(path="/tenants/acme/mcp")

    assert endpoint.kwargs["tenant"] == "acme"
    assert endpoint.scope("POST", {})["path"] == "/tenants/acme/mcp"


def test_a_server_without_a_url_is_served_to_everybody():
    server = MCPServer("nowhere")
    found, caller = find_endpoint("nowhere").admit()

    assert found is server
    assert not caller.user.is_authenticated


def test_the_policies_of_the_endpoint_admit_the_user_or_nobody():
    ada = User.objects.create_user("ada")

    assert find_endpoint(path="/closed").admit() is None
    assert find_endpoint(path="/closed", user=ada).admit()[1].user == ada
    assert find_endpoint(path="/forbidden", user=ada).admit() is None
    User.objects.update(is_active=False)
    assert find_endpoint(path="/closed", user=ada).admit() is None
    assert find_endpoint(path="/plain", user=ada).admit() is None


def test_throttles_do_not_count_the_question_who_may_come_in():
    assert find_endpoint(path="/throttled").admit() is not None


@cases(
    ("options", "message"),
    [
        ({"server": "nothing"}, "There is no server 'nothing'; there are .*guarded"),
        ({"path": "/nothing"}, "There is no endpoint at '/nothing'; there are .*/guarded"),
        ({"path": "/api/v1/deep/mcp/x"}, "There is no endpoint at"),
    ],
)
def test_what_is_not_there_is_named(options, message):
    with pytest.raises(ImproperlyConfigured, match=message):
        find_endpoint(**options)


@pytest.mark.urls("tests.stdio.test_endpoint")
def test_a_class_that_only_django_serves_is_refused():
    with pytest.raises(ImproperlyConfigured, match="The endpoint at /stamped overrides methods that only Django calls"):
        find_endpoint("plain")


def test_the_host_is_one_that_django_accepts(settings):
    settings.ALLOWED_HOSTS = ["*", ".example.com"]
    assert find_endpoint("plain").scope("POST", {})["headers"] == [(b"host", b"example.com")]
    settings.ALLOWED_HOSTS = ["*"]
    assert find_endpoint("plain").scope("POST", {"a": "b"})["headers"] == [(b"host", b"localhost"), (b"a", b"b")]

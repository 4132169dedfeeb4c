"""The well-known URLs are where RFC 9728 has them, for any endpoint of the URLconf."""

from django.urls import resolve

from django_mcp.endpoint.protected_resource import ProtectedResourceView


def test_they_are_at_the_root_and_before_the_path_of_an_endpoint():
    found = [resolve(path, "django_mcp.well_known") for path in ("/.well-known/oauth-protected-resource", *DEEP)]

    assert [match.func.view_class for match in found] == [ProtectedResourceView] * 3
    assert [match.kwargs for match in found] == [{}, {"path": "mcp"}, {"path": "a/b/mcp"}]


DEEP = ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource/a/b/mcp")

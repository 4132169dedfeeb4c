"""The scopes of this project. A token with any other scope would silently be useless."""

from collections.abc import Iterable

from django.apps import apps
from django.utils.translation import gettext as _

from django_mcp.endpoint.protected_resource import known_scopes


def fault_of(scopes: Iterable[str]) -> str | None:
    """The fault in a new token's scopes: a scope that no server requires and no endpoint declares."""
    known = known_scopes() | _scopes_of_clients()
    unknown = [scope for scope in scopes if scope not in known]
    if not unknown:
        return None
    if not known:
        return _(
            "No server knows the scope %(scope)r. There are none: a token without scopes may all. An endpoint names "
            "more with scopes_supported=[…]."
        ) % {"scope": unknown[0]}
    return _(
        "No server knows the scope %(scope)r. There are %(scopes)s. An endpoint names more with scopes_supported=[…]."
    ) % {"scope": unknown[0], "scopes": ", ".join(sorted(known))}


def _scopes_of_clients() -> set[str]:
    """The scopes that the project's own authorization server issues."""
    if not apps.is_installed("django_mcp.contrib.oauth"):
        return set()
    from oauth2_provider.scopes import get_scopes_backend

    return set(get_scopes_backend().get_all_scopes())

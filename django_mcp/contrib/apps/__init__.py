"""Apps: Django templates that hosts show in the conversation, with the results of tools as their data.

"django_mcp.contrib.apps" in INSTALLED_APPS, and `Apps()` among a server's extensions. It is the extension
`io.modelcontextprotocol/ui`, as of 2026-01-26.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .declared import App as App
    from .declared import app as app
    from .extension import Apps as Apps
    from .extension import shows_apps as shows_apps
    from .forms import form_tool as form_tool
    from .fragments import fragment as fragment

__all__ = ["App", "Apps", "app", "form_tool", "fragment", "shows_apps"]

_MODULES = {
    "App": "declared",
    "Apps": "extension",
    "app": "declared",
    "form_tool": "forms",
    "fragment": "fragments",
    "shows_apps": "extension",
}


def __getattr__(name: str) -> Any:
    # Late, because the names need django_mcp's models, which Django loads after this package.
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(name)

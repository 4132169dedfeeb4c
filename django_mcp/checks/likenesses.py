"""System checks (`manage.py check`) of tools beside each other, as a model sees them: names and descriptions that are
alike.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.core.checks import CheckMessage, Warning, register
from django.utils.translation import gettext, ngettext

from django_mcp.endpoint.routes import mounted_servers
from django_mcp.primitives.tools import Tool

_LOOKS_LIKE: Final = str.maketrans("1I0O", "lloo")
_SEPARATORS: Final = str.maketrans("", "", "-_.")


@register("mcp")
def check_names_alike(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports tools of one server whose names differ only in case, separators, or characters that look the same."""
    return [
        Warning(
            gettext("%(server)s: a model may take the tools %(names)s for each other.")
            % {"server": server_name, "names": names},
            hint=gettext("Give them names that differ in a word."),
            id="django_mcp.W048",
        )
        for server_name, names in _groups(lambda tool: (_folded(tool.name), _drawn(tool.name)))
    ]


def _folded(name: str) -> str:
    return name.translate(_SEPARATORS).casefold()


def _drawn(name: str) -> str:
    """The name as it looks: l, 1 and I are one character, and so are o, O and 0."""
    return name.translate(_LOOKS_LIKE).translate(_SEPARATORS).casefold()


@register("mcp")
def check_descriptions(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Reports tools of one server that describe themselves in the same words: a model cannot choose between them."""
    return [
        Warning(
            gettext("%(server)s: the tools %(names)s have the same description.")
            % {"server": server_name, "names": names},
            hint=gettext(
                "Say in each docstring, or in description=, when a model should call this tool and not the other."
            ),
            id="django_mcp.W049",
        )
        for server_name, names in _groups(lambda tool: (" ".join(tool.definition.get("description", "").split()),))
    ]


def _groups(likenesses: Callable[[Tool], tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """The server and the names of tools that share a likeness, in the order of their declaration."""
    for server in mounted_servers():
        alike: dict[tuple[int, str], list[str]] = defaultdict(list)
        for tool in server.registry.tools.values():
            for kind, likeness in enumerate(likenesses(tool)):
                if likeness:
                    alike[kind, likeness].append(tool.name)
        for names in dict.fromkeys(tuple(names) for names in alike.values() if len(names) > 1):
            yield server.name, _listed(names)


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(repr(name) for name in names[:5])
    if len(names) <= 5:
        return shown
    text = ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", len(names) - 5)
    return text % {"names": shown, "count": len(names) - 5}

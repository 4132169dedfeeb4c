"""manage.py startmcp: writes a first mcp.py for an app, with its models, or a first skill, and says what else the
project lacks.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth import get_permission_codename
from django.core.management.base import CommandError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.extensions import servers
from django_mcp.management import skill_draft
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.management.wiring import Lack, is_installed, lacks

SECRETIVE = ("password", "secret", "token", "key", "hash", "salt", "session")
"""Parts of field names that a first draft leaves out."""

SKILLS = "io.modelcontextprotocol/skills"

EXAMPLE = '''"""What MCP clients can do with {label}. See `manage.py mcp_inspect`."""

from dataclasses import dataclass

from django_mcp import tool


@dataclass
class TextSize:
    characters: int
    words: int


# An example, to be replaced. A model reads the docstring, and the annotations as the
# schemas of the arguments and of the result.
@tool(read_only=True)
def measure_{app}_text(text: str) -> TextSize:
    """Count the characters and the words of a text.

    Args:
        text: The text, in a language that has spaces between words.
    """
    return TextSize(characters=len(text), words=len(text.split()))
'''

HEAD = '''"""What MCP clients can do with {label}. See `manage.py mcp_inspect`."""

from django_mcp import tool, toolset
from django_mcp.contrib.model_toolset import ModelToolset

from .models import {models}


@tool(read_only=True, permission={permission})
def count_{app}_rows() -> dict[str, int]:
    """Count what {label} holds, by kind."""
    return {{{counts}}}
'''

TOOLSET = """

@toolset
class {model}Tools(ModelToolset):
    model = {model}
    fields = {fields}
    operations = ("list", "get", "count"{more})
    filters = {filters}
    ordering = {ordering}
{search}
    # For those who have the model's view permission. To show each user their own rows:
    # def get_queryset(self):
    #     return super().get_queryset().filter(owner=self.user)
"""


class Command(HelpfulCommand):
    # As in Django's startapp: the checks would warn of the very things that the command is about to write.
    requires_system_checks = ()
    help = gettext_lazy(
        "Write a first mcp.py for an app, with tools of its models, and say what else the project lacks to serve it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app", nargs="?", help=_("the label of an installed app; without it, no mcp.py is written"))
        parser.add_argument(
            "--write", action="store_true", help=_("add what the settings, the URLconf and the ASGI module lack")
        )
        parser.add_argument(
            "--skill", metavar="NAME", help=_("write a first skill of the app, such as refund-order, and no mcp.py")
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["skill"] is not None:
            self._start_skill(options["app"], options["skill"])
            return
        if options["app"] is not None:
            self._start(options["app"])
        found = list(lacks())
        for lack in found:
            self._tell(lack, options["write"])
        if not found:
            self.stdout.write(_("The project has an endpoint, and its application serves it."))
        elif not options["write"]:
            self.stdout.write(_("Nothing of this was written: manage.py startmcp --write does it."))

    def _start(self, label: str) -> None:
        app = _find_app(label)
        path = Path(app.path) / "mcp.py"
        if is_installed(path):
            raise CommandError(
                _(
                    "%(app)s is an installed package, whose next upgrade would remove %(path)s. Write the mcp.py of an "
                    "app of your own, with a ModelToolset of the models that you need: from %(module)s.models import …"
                )
                % {"app": app.label, "path": path, "module": app.name}
            )
        _keep(path)
        path.write_text(source(app))
        text = _("Wrote %(path)s. See what a user's model would see: manage.py mcp_inspect --user <name>")
        self.stdout.write(text % {"path": path})

    def _start_skill(self, label: str | None, name: str) -> None:
        if label is None:
            raise CommandError(
                _("Name the app that gets the skill: manage.py startmcp APP --skill %(name)s") % {"name": name}
            )
        if not skill_draft.NAME.fullmatch(name):
            raise CommandError(
                _("%(name)r is no name of a skill: 1 to 64 of a-z, 0-9 and single hyphens.") % {"name": name}
            )
        app = _find_app(label)
        path = skill_draft.path_of(app.path, name)
        if is_installed(path):
            raise CommandError(
                _("%(app)s is an installed package: write the skill in an app of your own.") % {"app": app.label}
            )
        _keep(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(skill_draft.draft(name), encoding="utf-8")
        self.stdout.write(_("Wrote %(path)s. Say in its description when a model should use it.") % {"path": path})
        if not any(extension.id == SKILLS for server in servers() for extension in server.extensions):
            self.stdout.write(_('No server has skills: MCP_SERVER_EXTENSIONS = ["django_mcp.contrib.skills.Skills"]'))

    def _tell(self, lack: Lack, is_to_be_mended: bool) -> None:
        """Prints a lack with its edit, and makes the edit if that is asked for."""
        self.stdout.write(f"\n{lack.advice}")
        if lack.after is None or is_installed(lack.path):
            text = _("Edit %(path)s yourself: it is not written as this command expects it.")
            self.stdout.write(text % {"path": lack.path})
            return
        self.stdout.write(lack.diff())
        if is_to_be_mended:
            lack.mend()
            self.stdout.write(_("Wrote %(path)s.") % {"path": lack.path})


def _find_app(label: str) -> AppConfig:
    try:
        return apps.get_app_config(label)
    except LookupError as error:
        text = _("%(error)s Write the app's label, as in INSTALLED_APPS after the last dot.")
        raise CommandError(text % {"error": error}) from None


def _keep(path: Path) -> None:
    if path.exists():
        raise CommandError(_("%(path)s is there already, and is kept.") % {"path": path})


def source(app: AppConfig) -> str:
    """The text of an app's first mcp.py."""
    shown = [model for model in app.get_models() if fields_of(model)]
    if not shown:
        return EXAMPLE.format(label=app.verbose_name, app=app.label)
    head = HEAD.format(
        label=app.verbose_name,
        app=app.label,
        models=", ".join(model.__name__ for model in shown),
        permission=written([_view_permission(model) for model in shown]),
        counts=", ".join(f'"{model._meta.verbose_name_plural}": {model.__name__}.objects.count()' for model in shown),
    )
    return head + "".join(toolset_of(model) for model in shown)


def _view_permission(model: type[models.Model]) -> str:
    return f"{model._meta.app_label}.{get_permission_codename('view', model._meta)}"


def toolset_of(model: type[models.Model]) -> str:
    """The text of a model's toolset, which is read-only."""
    fields = fields_of(model)
    text = [field.name for field in fields if isinstance(field, models.CharField | models.TextField)]
    ordered = [field.name for field in fields if isinstance(field, models.DateField | models.IntegerField)]
    choices = [field.name for field in fields if field.choices or isinstance(field, models.BooleanField)]
    filters = [*choices, *(f"{name}__icontains" for name in text[:1] if name not in choices)]
    return TOOLSET.format(
        model=model.__name__,
        fields=written([field.name for field in fields]),
        filters=written(filters),
        ordering=written(ordered[:3] or [fields[0].name]),
        more=', "search"' if text else "",
        search=f"    search_fields = {written(text[:3])}\n" if text else "",
    )


def fields_of(model: type[models.Model]) -> "list[models.Field[Any, Any]]":
    """The fields of a model for a first draft: no relations, no files, no names that suggest a secret."""
    shown = (models.CharField, models.TextField, models.IntegerField, models.AutoField, models.FloatField)
    more = (models.DecimalField, models.BooleanField, models.DateField, models.UUIDField)
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, (*shown, *more))
        and (field.editable or field.primary_key or isinstance(field, models.DateField))
        and not any(word in field.name.lower() for word in SECRETIVE)
    ]


def written(names: list[str]) -> str:
    """A tuple of names as Python source."""
    inner = ", ".join(f'"{name}"' for name in names)
    return f"({inner},)" if len(names) == 1 else f"({inner})"

"""`Skills`: the extension `io.modelcontextprotocol/skills`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.core.checks import CheckMessage, Warning
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver
from django.utils import autoreload
from django.utils.translation import gettext
from pydantic import BaseModel, ConfigDict

from django_mcp import Context, ProtocolError, gates
from django_mcp.extensions import Extension, ExtensionMethod
from django_mcp.primitives.access import Access, Permission, make_access
from django_mcp.protocol import cursors
from django_mcp.protocol.errors import INVALID_PARAMS, InsufficientScope

from . import functions
from .folders import find_folders, read_skills
from .skill import ENTRY, MARKDOWN, Content, Skill, mime_type_of

if TYPE_CHECKING:
    from django_mcp import MCPServer

Function = TypeVar("Function", bound=Callable[..., Any])

_watched: set[Path] = set()


class ListParams(BaseModel):
    """The parameters of `skills/list`."""

    model_config = ConfigDict(strict=True)

    cursor: str | None = None


class GetParams(BaseModel):
    """The parameters of `skills/get`."""

    model_config = ConfigDict(strict=True)

    uri: str


class DirectoryParams(GetParams):
    """The parameters of `resources/directory/read`."""

    cursor: str | None = None


class Skills(Extension):
    """Skills on a server: those in the folders `skills/` of the installed apps, and functions that `skill()` registers.

    `apps` are the labels of the apps whose folders are served; `None` is all of them. `permissions` and `scopes` are
    those of skills in folders, by their path: `{"shop/refund-order": "shop.change_order"}`. A skill inside of another
    has the outer one's.
    """

    id = "io.modelcontextprotocol/skills"
    is_official = True
    needs = ("resources",)
    schemes = ("skill",)

    def __init__(
        self,
        *,
        apps: Iterable[str] | None = None,
        permissions: Mapping[str, Permission | Iterable[Permission]] | None = None,
        scopes: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        if isinstance(apps, str):
            raise ImproperlyConfigured(f"Skills: apps is a list: apps=[{apps!r}].")
        self._apps = None if apps is None else tuple(apps)
        self._permissions = dict(permissions or {})
        self._scopes = {path: tuple(scopes) for path, scopes in (scopes or {}).items()}
        self._skills: dict[str, Skill] = {}
        self._access: dict[str, Access | None] = {}
        self._servers: list[MCPServer] = []

    def settings(self, server: "MCPServer") -> Mapping[str, Any]:
        return {"directoryRead": True}

    def methods(self) -> Iterable[ExtensionMethod]:
        open_to_all = partial(ExtensionMethod, requires_client=False, atomic=False)
        return [
            open_to_all(name="skills/list", params=ListParams, handler=self._list, is_cacheable=True),
            open_to_all(name="skills/get", params=GetParams, handler=self._get, is_cacheable=True),
            open_to_all(name="resources/directory/read", params=DirectoryParams, handler=self._read_directory),
        ]

    def install(self, server: "MCPServer") -> None:
        if not self._servers:
            self._read_folders()
        self._servers.append(server)
        for skill in self._skills.values():
            _register(server, skill, self._around(skill))

    def checks(self, server: "MCPServer") -> Iterable[CheckMessage]:
        names = [skill.name for skill in self._skills.values()]
        for name in sorted({name for name in names if names.count(name) > 1}):
            paths = ", ".join(skill.path for skill in self._skills.values() if skill.name == name)
            yield Warning(
                gettext("The server %(server)r has several skills named %(name)r: %(paths)s.")
                % {"server": server.name, "name": name, "paths": paths},
                hint=gettext("Clients tell skills apart by their names: rename one, or choose with Skills(apps=[…])."),
                id="django_mcp.W062",
            )

    def skill(
        self,
        function: Function | None = None,
        /,
        *,
        name: str | None = None,
        description: str | None = None,
        under: str | None = None,
        template: str | None = None,
        files: Mapping[str, str | bytes | Path] | None = None,
        permission: Permission | Iterable[Permission] | None = None,
        scopes: Iterable[str] = (),
    ) -> Any:
        """Registers a function as a skill, and returns the function. It returns Markdown, or with `template` the
        context of a Django template of Markdown.

        A function without parameters is called once, at first use. With a `Context` it is called for each reader, and
        the skill has no digests. `name` is the function's with hyphens, `description` its docstring, and `under` the
        first part of the skill's path, by default the label of the function's app. `files` are further files by their
        path in the skill: texts, bytes, or paths of files to read.
        """

        def register(function: Function) -> Function:
            label = f"Skill {functions.label_of(function)}"
            skill = functions.make_skill(
                function,
                label,
                name=name,
                description=description,
                under=under,
                template=template,
                files=files or {},
                permission=permission,
                scopes=scopes,
            )
            self._add(skill)
            for server in self._servers:
                _register(server, skill, self._around(skill))
            return function

        return register if function is None else register(function)

    def _read_folders(self) -> None:
        unknown = {*self._permissions, *self._scopes}
        for label, folder in find_folders(self._apps):
            _watched.add(folder)
            outer: Skill | None = None
            for skill in read_skills(label, folder):
                if outer is None or not skill.path.startswith(f"{outer.path}/"):
                    outer = skill
                    skill.permission = self._permissions.get(skill.path)
                    skill.scopes = self._scopes.get(skill.path, ())
                    unknown.discard(skill.path)
                skill.permission, skill.scopes, skill.outermost = outer.permission, outer.scopes, outer.path
                self._add(skill)
        if unknown:
            raise ImproperlyConfigured(
                f"Skills: permissions and scopes name {min(unknown)!r}, which is no skill, or is inside of another: "
                f"the skills are {', '.join(skill.path for skill in self._skills.values())}."
            )

    def _add(self, skill: Skill) -> None:
        if earlier := self._skills.get(skill.uri):
            raise ImproperlyConfigured(f"{skill.origin}: {earlier.origin} is {skill.uri} already: rename one of them.")
        self._access[skill.uri] = make_access(skill.permission, skill.scopes, skill.origin)
        self._skills[skill.uri] = skill

    def _around(self, skill: Skill) -> tuple[str, ...]:
        """The URIs of a skill and of those around it. Closed with one of them, its files are closed too."""
        return tuple(one.uri for one in self._skills.values() if f"{skill.path}/".startswith(f"{one.path}/"))

    # Methods

    def _list(self, params: ListParams, ctx: Context) -> Mapping[str, Any]:
        visible = [(uri, skill) for uri, skill in self._skills.items() if self._is_visible(skill, ctx)]
        page, following = cursors.page("skills", visible, params.cursor, ctx.server.page_size)
        return _paged("skills", [skill.described() for skill in page], following)

    def _get(self, params: GetParams, ctx: Context) -> Mapping[str, Any]:
        skill = self._skills.get(params.uri)
        if skill is None or not self._is_known(skill, ctx):
            raise ProtocolError(INVALID_PARAMS, "Unknown skill")
        return {"skill": skill.described()}

    def _read_directory(self, params: DirectoryParams, ctx: Context) -> Mapping[str, Any]:
        children: dict[str, dict[str, Any]] = {}
        for skill in self._skills.values():
            found = dict(_children(skill, params.uri)) if params.uri.startswith(skill.uri_of()) else {}
            if found and self._is_known(skill, ctx):
                children |= found
        if not children:
            raise ProtocolError(INVALID_PARAMS, "Unknown directory")
        page, following = cursors.page("directory", sorted(children.items()), params.cursor, ctx.server.page_size)
        return _paged("resources", page, following)

    def _is_visible(self, skill: Skill, ctx: Context) -> bool:
        access = self._access[skill.uri]
        return (access is None or access.admits(ctx.caller)) and not self._is_closed(skill, ctx)

    def _is_known(self, skill: Skill, ctx: Context) -> bool:
        """Whether the caller may know of a skill. Raises `InsufficientScope` when only a scope is missing."""
        access = self._access[skill.uri]
        if (access is not None and not access.permits(ctx.caller)) or self._is_closed(skill, ctx):
            return False
        if access is not None and not access.grants(ctx.caller):
            raise InsufficientScope(access.scopes)
        return True

    def _is_closed(self, skill: Skill, ctx: Context) -> bool:
        return bool(gates.gates) and any(
            gates.reason_of(ctx.server.name, "resource", uri) for uri in self._around(skill)
        )


def _paged(key: str, items: list[Any], following: str | None) -> dict[str, Any]:
    return {key: items} if following is None else {key: items, "nextCursor": following}


def _children(skill: Skill, uri: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The files and folders directly in a folder of a skill, by name, as resources."""
    for path in skill.paths:
        folder, _, name = path.rpartition("/")
        if skill.uri_of(folder) == uri:
            yield name, {"uri": skill.uri_of(path), "name": name, "mimeType": _mime_type(skill, path)}
        while folder:
            above, _, name = folder.rpartition("/")
            if skill.uri_of(above) == uri:
                yield name, {"uri": skill.uri_of(folder), "name": name, "mimeType": "inode/directory"}
            folder = above


def _mime_type(skill: Skill, path: str) -> str:
    return MARKDOWN if path == ENTRY else mime_type_of(path, is_text=skill.files[path].text is not None)


def _register(server: "MCPServer", skill: Skill, around: tuple[str, ...]) -> None:
    """Registers each file of a skill as a resource; those of a nested skill are its own."""
    for path in skill.paths:
        function = skill.entry if path == ENTRY and skill.is_dynamic else _reader(skill, path)
        assert function is not None
        options: dict[str, Any] = {"name": path, "mime_type": _mime_type(skill, path), "part_of": around}
        if path == ENTRY:
            options |= {"name": skill.name, "description": str(skill.frontmatter["description"])}
        elif path in skill.files:
            options["size"] = len(skill.files[path].data)
        server.resource(skill.uri_of(path), permission=skill.permission, scopes=skill.scopes, **options)(function)


def _reader(skill: Skill, path: str) -> Callable[..., Any]:
    def read() -> Any:
        content: Content = skill.content_of(path)
        return content.as_resource(path)

    # A file of another skill at the same URI is refused.
    read.__qualname__ = f"skill {skill.outermost or skill.path}"
    return read


@receiver(autoreload.autoreload_started, dispatch_uid="django_mcp_skills")
def _watch(sender: Any, **kwargs: Any) -> None:
    """Has `runserver` start again when a file of a skill changes: it is read once."""
    if settings.DEBUG:
        for folder in _watched:
            sender.watch_dir(folder, "**/*")

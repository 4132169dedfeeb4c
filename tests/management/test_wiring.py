"""Lines that a project lacks to serve MCP, and the edits that add them."""

import sys

import pytest
from django.urls import clear_url_caches

from django_mcp.management.wiring import Lack, is_installed, lacks

URLS = '''"""The URLs."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
'''
ASGI = """import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

application = get_asgi_application()
"""


@pytest.fixture
def project(tmp_path, monkeypatch, settings):
    """Writes a project `mysite`, whose settings are in use."""
    folder = tmp_path / "mysite"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "mysite.settings")
    settings.ROOT_URLCONF, settings.ASGI_APPLICATION, settings.WSGI_APPLICATION = "mysite.urls", None, None

    def write(**files):
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        return folder

    yield write
    clear_url_caches()
    for name in [name for name in sys.modules if name.startswith("mysite")]:
        del sys.modules[name]


def test_a_new_project_lacks_an_endpoint_the_lane_and_a_setting(project):
    folder = project(urls=URLS, asgi=ASGI, settings="DEBUG = True\n")

    found = list(lacks())

    assert [lack.advice for lack in found] == [
        'No URL leads to an endpoint: add path("mcp", endpoint()) to urlpatterns. Callers have to sign in.',
        "The ASGI application serves no streams: import get_asgi_application from django_mcp.asgi.",
        'The system checks cannot look at the ASGI application: add ASGI_APPLICATION = "mysite.asgi.application".',
    ]
    for lack in found:
        lack.mend()
    assert (folder / "urls.py").read_text() == URLS.replace(
        "import path\n", "import path\nfrom django_mcp.urls import endpoint\n"
    ) + '\nurlpatterns += [path("mcp", endpoint())]\n'
    assert (folder / "asgi.py").read_text() == ASGI.replace("django.core.asgi", "django_mcp.asgi")
    assert (folder / "settings.py").read_text() == 'DEBUG = True\n\nASGI_APPLICATION = "mysite.asgi.application"\n'


def test_an_endpoint_comes_before_a_pattern_that_takes_every_path(project):
    pages = "urlpatterns += [path('<path:page>', lambda request, page: None)]\n"
    folder = project(urls=f"{URLS}{pages}")

    [lack] = lacks()
    lack.mend()

    text = (folder / "urls.py").read_text()
    assert text.endswith(f'{pages}\nurlpatterns.insert(0, path("mcp", endpoint()))\n')


def test_a_project_without_an_asgi_module_lacks_the_endpoint_alone(project):
    folder = project(urls="from django.urls import include, re_path\n\nurlpatterns: list = []\n")

    [lack] = lacks()

    assert lack.diff() == (
        f"--- {folder}/urls.py\n+++ {folder}/urls.py\n@@ -1,3 +1,7 @@\n"
        " from django.urls import include, re_path\n"
        "+from django.urls import path\n"
        "+from django_mcp.urls import endpoint\n"
        " \n"
        " urlpatterns: list = []\n"
        "+\n"
        '+urlpatterns += [path("mcp", endpoint())]\n'
    )


def test_a_project_without_an_asgi_module_is_told_of_the_lane_of_wsgi(project):
    folder = project(urls=URLS, wsgi=ASGI.replace("asgi", "wsgi"))

    _, lack = lacks()
    lack.mend()

    assert lack.advice == (
        "Each MCP request passes all of the project's middleware: import get_wsgi_application from django_mcp.wsgi, "
        "unless your tools need it."
    )
    assert (folder / "wsgi.py").read_text() == ASGI.replace("asgi", "wsgi").replace("django.core", "django_mcp")
    assert len(list(lacks())) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"urls": "urlpatterns = ()\n"},
        {"patterns": "found = []\n", "urls": "from mysite.patterns import found as urlpatterns\n"},
        {
            "urls": "urlpatterns = []\n",
            "asgi": "from django.core import asgi\napplication = asgi.get_asgi_application()\n",
        },
    ],
    ids=["a tuple", "imported", "another import"],
)
def test_a_file_of_another_form_is_left_to_a_person(project, files):
    project(settings="", **files)

    assert any(lack.after is None for lack in lacks())


def test_files_of_installed_packages_are_told_from_the_projects(tmp_path):
    assert is_installed(tmp_path / "site-packages" / "package" / "urls.py")
    assert not is_installed(tmp_path / "urls.py")


def test_an_edit_keeps_the_encoding_of_a_file(tmp_path):
    path = tmp_path / "urls.py"
    path.write_text("# Grüße\n", encoding="utf-8")
    Lack(path, "", "# Grüße\nX = 1\n").mend()

    assert path.read_text(encoding="utf-8") == "# Grüße\nX = 1\n"

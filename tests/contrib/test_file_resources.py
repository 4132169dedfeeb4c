"""Files as resources: whole or in parts, bounded, and nothing outside of where they lie."""

import base64

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.urls import path

from django_mcp import MCPServer
from django_mcp.contrib.file_resources import FileFieldResource, StorageResource
from django_mcp.testing import MCPClient, MCPError
from django_mcp.urls import endpoint
from testproject.airports.models import TripPlan
from tests.tables import cases

pytestmark = pytest.mark.django_db


def mount(settings, server):
    """Each test's server has a URLconf of its own: the lane keeps the routes of one that it knows."""
    settings.ROOT_URLCONF = type("urls", (), {"urlpatterns": [path("mcp", endpoint(server, public=True))]})


@pytest.fixture
def ada():
    return User.objects.create_user("ada")


@pytest.fixture
def client(settings, connect, ada, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    root = tmp_path / "files"
    (root / "public" / "deep").mkdir(parents=True)
    (root / "public" / "a.txt").write_text("héllo")
    (root / "public" / "latin.txt").write_bytes(b"h\xe9llo")
    (root / "public" / "deep" / "b.png").write_bytes(bytes(range(100)))
    (root / "secret.txt").write_text("hunter2")
    server = MCPServer("files", version="1")
    storage = FileSystemStorage(root)
    server.resource(StorageResource("media://{+path}", storage=storage, prefix="public", max_bytes=50, title="Media"))
    server.resource(StorageResource("part://{+path}{?offset,length}", storage=storage, prefix="/public/", max_bytes=50))
    server.resource(
        FileFieldResource(
            "ticket://{pk}",
            TripPlan,
            "ticket",
            queryset=lambda ctx: TripPlan.objects.filter(owner=ctx.user.pk),
            model_permissions=False,
        )
    )
    server.resource(FileFieldResource("any://{name}", TripPlan, "ticket", max_bytes=10))
    mount(settings, server)
    return connect("/mcp", user=ada)


def refused(client, uri):
    with pytest.raises(MCPError) as error:
        client.read_resource(uri)
    return error.value.message


def test_a_text_is_text_and_anything_else_is_a_blob(client):
    assert client.read_resource("media://a.txt") == [
        {"uri": "media://a.txt", "mimeType": "text/plain", "text": "héllo"}
    ]
    assert client.read_resource("media://latin.txt") == [
        {"uri": "media://latin.txt", "mimeType": "text/plain", "blob": base64.b64encode(b"h\xe9llo").decode()}
    ]


def test_a_file_that_is_too_large_is_refused_and_can_be_read_in_parts(client):
    assert refused(client, "media://deep/b.png") == (
        "The file has 100 bytes, and at most 50 are sent at once: it cannot be read in parts"
    )
    assert refused(client, "part://deep/b.png").endswith("ask for a length")
    [first] = client.read_resource("part://deep/b.png?length=50")
    [second] = client.read_resource("part://deep/b.png?offset=50")
    assert b"".join(base64.b64decode(part["blob"]) for part in (first, second)) == bytes(range(100))
    for offset in (1000, 10**30):
        assert client.read_resource(f"part://deep/b.png?offset={offset}")[0]["blob"] == ""
    assert "no less than 0" in refused(client, "part://deep/b.png?offset=-1")
    assert "not found" in refused(client, "part://deep/b.png?offset=x")


@cases(
    "path",
    [
        "nothing.txt",
        "../secret.txt",
        "deep/../../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..\\secret.txt",
        "a.txt%00",
        "deep",
        "a.txt/b",
        "x" * 300,
    ],
)
def test_nothing_outside_of_the_prefix_is_reached(client, path):
    assert refused(client, f"media://{path}") == "Resource not found"


def test_a_link_is_followed_within_the_prefix_and_not_out_of_it(client, tmp_path):
    public = tmp_path / "files" / "public"
    (public / "out.txt").symlink_to(tmp_path / "files" / "secret.txt")
    (public / "up").symlink_to("..")
    (public / "again.txt").symlink_to("a.txt")
    (public / "loop.txt").symlink_to("loop.txt")

    assert client.read_resource("media://again.txt")[0]["text"] == "héllo"
    for name in ("out.txt", "up/secret.txt", "loop.txt"):
        assert refused(client, f"media://{name}") == "Resource not found"
    public.rename(tmp_path / "elsewhere")
    public.symlink_to(tmp_path / "elsewhere")
    assert client.read_resource("media://a.txt")[0]["text"] == "héllo"


def test_a_storage_that_is_not_on_this_machine_has_no_links(settings):
    server = MCPServer("memory", version="1")
    storage = InMemoryStorage()
    storage.save("a.txt", ContentFile(b"hello"))
    server.resource(StorageResource("memory://{+path}", storage=storage))
    mount(settings, server)

    assert MCPClient("/mcp").read_resource("memory://a.txt")[0]["text"] == "hello"


def test_the_file_of_a_row_is_read_by_whoever_may_see_the_row(client, ada):
    mine, other = TripPlan(owner=ada, name="mine"), TripPlan(owner=User.objects.create_user("bob"), name="his")
    for plan in (mine, other):
        plan.ticket.save("ticket.pdf", ContentFile(b"%PDF-1.7"), save=True)
    empty = TripPlan.objects.create(owner=ada, name="empty")

    [contents] = client.read_resource(f"ticket://{mine.pk}")
    assert contents == {
        "uri": f"ticket://{mine.pk}",
        "mimeType": "application/pdf",
        "blob": base64.b64encode(b"%PDF-1.7").decode(),
    }
    for pk in (other.pk, empty.pk, 0, "x"):
        assert refused(client, f"ticket://{pk}") == "Resource not found"
    mine.ticket.storage.delete(mine.ticket.name)
    assert refused(client, f"ticket://{mine.pk}") == "Resource not found"


def test_the_models_view_permission_is_asked_for(client):
    assert refused(client, "any://mine") == "Resource not found"


def test_what_is_no_file_is_refused():
    with pytest.raises(ImproperlyConfigured, match="name of TripPlan is no FileField"):
        FileFieldResource("x://{pk}", TripPlan, "name")
    with pytest.raises(ImproperlyConfigured, match="one variable is the path"):
        StorageResource("x://{a}/{b}")

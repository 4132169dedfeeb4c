"""A Django site with the example project's middleware: `gunicorn django_site:application`, `uvicorn django_site:asgi`.

/bare is a bare Django view that parses JSON and adds, what no server can be faster than; /mcpz/mcp is django-mcpz and
/mcp django-mcp-server, where they are installed.
"""

import importlib.util
import json
import os

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

HAS_MCPZ = importlib.util.find_spec("django_mcpz") is not None
HAS_MCP_SERVER = importlib.util.find_spec("mcp_server") is not None

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY=os.environ["SECRET_KEY"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("SQLITE_PATH", ":memory:"),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    },
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        *(["rest_framework", "mcp_server"] if HAS_MCP_SERVER else []),
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)
django.setup()


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    message = json.loads(request.body)
    arguments = message["params"]["arguments"]
    value = arguments["a"] + arguments["b"]
    content = [{"type": "text", "text": str(value)}]
    result = {"content": content, "structuredContent": {"result": value}, "isError": False}
    return JsonResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})


@csrf_exempt
async def bare_async(request: HttpRequest) -> JsonResponse:
    return bare(request)


urlpatterns = [path("bare", bare), path("bare-async", bare_async)]

if HAS_MCPZ:
    import msgspec
    from django_mcpz.server import MCPServer, public

    mcpz = MCPServer(name="bench", version="1.0", auth=public)

    class Numbers(msgspec.Struct):
        a: int
        b: int

    class Sum(msgspec.Struct):
        result: int

    @mcpz.tool(description="Add two integers.", read_only=True)
    def add(request: HttpRequest, params: Numbers) -> Sum:
        return Sum(params.a + params.b)

    class Codename(msgspec.Struct):
        codename: str

    class Name(msgspec.Struct):
        result: str

    @mcpz.tool(description="Look one row up.", read_only=True)
    def permission_name(request: HttpRequest, params: Codename) -> Name:
        from django.contrib.auth.models import Permission

        found = Permission.objects.filter(codename=params.codename).values_list("name", flat=True)
        return Name(found[0])

    urlpatterns.append(path("mcpz/mcp", mcpz))

if HAS_MCP_SERVER:
    from mcp_server import mcp_server

    @mcp_server.tool(name="add")
    def add_integers(a: int, b: int) -> int:
        """Add two integers."""
        return a + b

    urlpatterns.append(path("", include("mcp_server.urls")))

application = get_wsgi_application()
asgi = get_asgi_application()

if __name__ == "__main__":
    from django.core.management import call_command

    call_command("migrate", verbosity=0)

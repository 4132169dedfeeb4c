"""The checks of apps: each template is read as hosts get it."""

import pytest
from django.test import override_settings

from django_mcp import MCPServer
from django_mcp.contrib.apps import Apps, app, checks, form_tool
from tests.contrib.apps.serving import PAGE, GroupForm
from tests.tables import cases


@pytest.fixture
def found(shop):
    """Makes a server with one app of this body (or this whole template), and returns the messages of its checks."""

    def check(body=None, whole=None, tool=None, **options):
        if whole is not None or body is not None:
            shop["a.html"] = PAGE.replace("BODY", body or "") if whole is None else whole
        extension = Apps()
        server = MCPServer("checked", extensions=[extension])
        server.tool(name="show", app=app("a.html", **options))(lambda: 1)
        server.tool(name="save", visibility="app", scopes=["x"])(form_tool(GroupForm)(lambda form: 1))
        server.tool(name="plain")(lambda: 1)
        server.tool(name="for_models", visibility="model")(lambda: 1)
        if tool:
            server.tool(name="open", **tool)(lambda: 1)
        return [
            (message.id.removeprefix("django_mcp."), message.msg) for message in checks.check_apps(extension, server)
        ]

    return check


@cases(
    "body",
    [
        '<p>Fine</p><a href="https://x.example/">x</a><a href="#top">y</a><img src="data:image/png;base64,AA">',
        '{% mcp_form "save" as form %}<form data-mcp-tool="save">{{ form }}</form><b data-mcp-tool="plain"></b>',
        '<a href="mailto:a@x.example">m</a><style>b { background: url(data:image/png;base64,AA) }</style>',
    ],
)
def test_a_template_that_hosts_show_as_it_is_has_no_messages(found, body):
    assert found(body) == []


@cases(
    ("body", "expected"),
    [
        ("{% csrf_token %}", [("E082", "holds a CSRF token")]),
        ("{{ csrf_token }}", [("E082", "holds a CSRF token")]),
        ('<form data-mcp-tool="nothing">', [("E085", "'nothing', which the server does not have")]),
        ('<b data-mcp-tool="for_models">', [("E085", "'for_models', which is not for apps")]),
        (
            '{% mcp_form "plain" as form %}',
            [("E081", "no tool of checked with this name has a form (there are: save)")],
        ),
        ("{% include 'none.html' %}", [("E081", "none.html does not exist")]),
        ("{{ user.username|add:1|nothing }}", [("E081", "TemplateSyntaxError")]),
        ('<img src="https://x.example/a.png">', [("W081", "uses https://x.example, which hosts will block")]),
        ('<img srcset="https://x.example/a.png 2x, //y.example/b 3x">', [("W081", "x.example"), ("W081", "y.example")]),
        ('<link rel="stylesheet" href="//x.example/a.css">', [("W081", "uses https://x.example")]),
        ('<iframe src="https://x.example/"></iframe>', [("W081", "uses https://x.example")]),
        ("<style>@import 'https://x.example/a.css'</style>", [("W081", "uses https://x.example")]),
        ('<b style="background: url(https://x.example/a)">', [("W081", "uses https://x.example")]),
        ("<script>fetch('https://x.example/a')</script>", [("W081", "uses https://x.example")]),
        ("<script>new WebSocket(`wss://x.example/a`)</script>", [("W081", "uses wss://x.example")]),
        ("<script>import('https://x.example/a.js')</script>", [("W081", "uses https://x.example")]),
        ('<script src="/static/a.js"></script>', [("W082", "'/static/a.js', which leads nowhere")]),
        ('<a href="/orders/">x</a>', [("W082", "'/orders/'")]),
        ('<a href="javascript:alert(1)">x</a>', [("W082", "'javascript:alert(1)'")]),
        ('<form action="https://x.example/">', [("W083", "has a form with an action")]),
        ("<script>eval('1')</script>", [("W084", "uses eval() or new Function()")]),
        ('<b onclick="new Function(1)">', [("W084", "uses eval() or new Function()")]),
        ("<style>@font-face { src: url(data:font/woff2;base64,AA) }</style>", [("W084", "a font in a data: URL")]),
    ],
)
def test_each_fault_of_a_template_is_named(found, body, expected):
    messages = found(body)

    assert [one for one, _ in messages] == [one for one, _ in expected]
    for (_, message), (_, words) in zip(messages, expected, strict=True):
        assert "The app 'a.html'" in message
        assert words in message


def test_declared_origins_are_covered_in_their_own_way_only(found):
    body = '<img src="https://x.example/a.png"><script>fetch("https://x.example/a")</script>'

    assert [one for one, _ in found(body, resources=["https://x.example"])] == ["W081"]
    assert found(body, resources=["https://x.example"], connect=["https://x.example"]) == []


def test_a_template_that_is_missing_or_no_document_or_says_nothing(found):
    assert found() == [("E081", "The app 'a.html' has no template: a.html does not exist.")]
    assert [one for one, _ in found(whole="<p>Hello</p>")] == ["E084", "W085"]
    assert [one for one, _ in found(whole='<!DOCTYPE html><script src="https://x.example/bundle.js"></script>')] == [
        "W081"
    ]


@override_settings(
    SECRET_KEY="s3cret-key-of-the-project",
    PAYMENT={"API_KEY": "sk_live_123456", "URL": "https://pay.example"},
    SHOP_TOKENS=["tok_aaaaaaaa"],
)
def test_secrets_are_found_by_their_value(found):
    body = "s3cret-key-of-the-project sk_live_123456 tok_aaaaaaaa pay.example"

    assert found(body) == [
        ("E083", f"The app 'a.html' holds the value of the setting {name}.")
        for name in ("PAYMENT.API_KEY", "SECRET_KEY", "SHOP_TOKENS")
    ]


def test_a_tool_for_apps_that_everybody_may_call_is_told_of(found):
    assert found("x", tool={"visibility": "app"}) == [
        ("W080", "checked: everybody may call the tool 'open', which is for apps only.")
    ]
    assert found("x", tool={"visibility": "app", "permission": "auth.add_group"}) == []


def test_a_project_without_the_django_app_is_told_to_install_it(found, settings):
    settings.INSTALLED_APPS = [one for one in settings.INSTALLED_APPS if one != "django_mcp.contrib.apps"]

    assert found("x") == [("E080", "Apps() has no template tags.")]

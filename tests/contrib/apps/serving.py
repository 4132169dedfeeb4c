"""A server with apps, for the tests of each module."""

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.urls import include, path
from rest_framework.authentication import TokenAuthentication

from django_mcp import Context, MCPServer, ToolResult
from django_mcp.contrib.apps import Apps, app, form_tool, fragment, shows_apps
from django_mcp.urls import endpoint

PAGE = "{% load mcp_apps %}<!doctype html><html><head><title>App</title>{% mcp_app %}</head><body>BODY</body></html>"

TEMPLATES = {
    "shop/orders.html": PAGE.replace("BODY", "Orders of {{ user }}{{ request }}, {{ year }}"),
    "shop/secret.html": PAGE,
    "shop/form.html": PAGE.replace(
        "BODY",
        '{% mcp_form "save_group" as form %}<form data-mcp-tool="save_group" novalidate>{{ form }}<button>Save</button>'
        '</form><button id="refused" data-mcp-tool="for_models">Call</button>'
        '<img src="https://elsewhere.example/x.png"><div id="list" data-mcp-result></div>'
        '<a href="https://shop.example/help" id="help">Help</a>',
    ),
    "shop/rows.html": "{% for row in rows %}<li>{{ row }}</li>{% endfor %}",
}

extension = Apps()
server = MCPServer("shop", version="1", extensions=[extension])


@server.tool(
    app=app(
        "shop/orders.html",
        connect=["https://api.shop.example"],
        permissions=["clipboardWrite"],
        border=False,
        context=lambda: {"year": 2026},
    )
)
def list_orders(ctx: Context) -> str:
    return "apps" if shows_apps(ctx) else "text"


@server.tool(app="shop/secret.html", permission="auth.view_group")
def list_secrets(ctx: Context) -> str:
    return "secret"


class GroupForm(forms.Form):
    name = forms.CharField(max_length=5, help_text="Short")
    kinds = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], required=False)
    at = forms.SplitDateTimeField(required=False)

    def clean(self):
        if self.cleaned_data.get("name") == "no":
            raise ValidationError("Not this one.")
        return self.cleaned_data


@server.tool(visibility="app", permission="auth.add_group")
@form_tool(GroupForm)
def save_group(form: GroupForm, ctx: Context):
    """Saves a group."""
    name = form.cleaned_data["name"]
    Group.objects.create(name=name)
    match name:
        case "late":
            raise ValidationError({"name": "Too late.", "other": "Unknown field."})
        case "add":
            form.add_error("kinds", "Choose better.")
        case "rows":
            return fragment("shop/rows.html", {"rows": ["<b>"]}, text="1 row", data={"total": 1})
    return {"name": name, "kinds": form.cleaned_data.get("kinds"), "user": ctx.user.get_username()}


@server.tool(app="shop/form.html", visibility=["app", "model"])
def edit_group(ctx: Context) -> ToolResult:
    return fragment("shop/rows.html", {"rows": ["<script>", "b"]}, text="2 rows")


@server.tool(visibility="model")
def for_models(ctx: Context) -> str:
    return "models"


urlpatterns = [
    path("mcp", include("django_mcp.urls")),
    path("shop", endpoint(server, public=True, authentication_classes=[TokenAuthentication])),
]

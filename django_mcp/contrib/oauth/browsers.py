"""The base of the endpoints that clients call: CORS for every origin, and JSON errors."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt


@method_decorator([csrf_exempt, login_not_required], name="dispatch")
class ForBrowsers:
    """CORS headers for clients in browsers: every origin is allowed, because these endpoints use no cookies."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            response: HttpResponseBase = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = "GET, POST"
            response["Access-Control-Allow-Headers"] = "authorization, content-type, mcp-protocol-version"
            response["Access-Control-Max-Age"] = "3600"
        elif holds_nul(request):
            response = error_response("invalid_request", "The request has characters that no request has.")
        else:
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        response["Access-Control-Allow-Origin"] = "*"
        return response


def error_response(error: str, description: str, *, status: int = 400) -> JsonResponse:
    return JsonResponse({"error": error, "error_description": description}, status=status)


def holds_nul(request: HttpRequest) -> bool:
    """Whether a parameter contains U+0000, which PostgreSQL cannot search for."""
    return any("\0" in value for form in (request.GET, request.POST) for _, values in form.lists() for value in values)

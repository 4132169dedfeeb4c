"""The one page for people."""

from typing import Any

from django.views.generic import TemplateView

from testproject.clients import EXAMPLE_CALL, client_configurations, curl_tool_call


class HomeView(TemplateView):
    """A page that lists the endpoints, and says how to call them."""

    template_name = "testproject/home.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        url = self.request.build_absolute_uri("/mcp")
        return super().get_context_data(
            url=url,
            configurations=client_configurations("airports", url),
            curl=curl_tool_call(url, *EXAMPLE_CALL),
            **kwargs,
        )

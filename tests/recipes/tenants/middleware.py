from django_tenants.middleware.main import TenantMainMiddleware

from .database.base import current_tenant


class TenantMiddleware(TenantMainMiddleware):
    """The tenant of a request's host, for the request's thread and for those that work for it."""

    def process_request(self, request):
        current_tenant.set(None)
        response = super().process_request(request)
        current_tenant.set(getattr(request, "tenant", None))
        return response

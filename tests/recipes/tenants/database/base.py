from contextvars import ContextVar

from django_tenants.postgresql_backend import base

current_tenant = ContextVar("current_tenant", default=None)


class DatabaseWrapper(base.DatabaseWrapper):
    """Follows the tenant of the request into each thread that works for it, with each connection."""

    entered = None

    def _cursor(self, name=None):
        tenant = current_tenant.get()
        if tenant is not self.entered:
            self.entered = tenant
            if tenant is None:
                self.set_schema_to_public()
            else:
                self.set_tenant(tenant)
        return super()._cursor(name)

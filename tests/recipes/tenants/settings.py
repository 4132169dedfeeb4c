"""A project of django-tenants, as docs/recipes.md sets it up."""

import os

SECRET_KEY = "of the recipe"
ALLOWED_HOSTS = [".example.com"]
USE_TZ = True
ROOT_URLCONF = "tests.recipes.tenants.urls"
ASGI_APPLICATION = WSGI_APPLICATION = None
TENANT_MODEL = "customers.Customer"
TENANT_DOMAIN_MODEL = "customers.Domain"
DATABASES = {
    "default": {
        "ENGINE": "tests.recipes.tenants.database",
        "HOST": "127.0.0.1",
        "USER": "postgres",
        "NAME": os.environ["TENANTS_DATABASE"],
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
MIDDLEWARE = ["tests.recipes.tenants.middleware.TenantMiddleware"]
SHARED_APPS = ["django_tenants", "tests.recipes.tenants.customers"]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django_mcp",
    "django_mcp.contrib.tokens",
    "django_mcp.contrib.audit",
    "tests.recipes.tenants.notes",
]
INSTALLED_APPS = SHARED_APPS + TENANT_APPS
MCP_AUDIT = "durable"
MCP_SWEEP_SECONDS = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

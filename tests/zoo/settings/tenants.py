"""A site with a schema for each tenant (django-tenants), on PostgreSQL alone: the tables that its tenants share."""

from .base import *
from .base import CONTRIB, DATABASES, OURS

DATABASES["default"]["ENGINE"] = "django_tenants.postgresql_backend"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "tenants.Company"
TENANT_DOMAIN_MODEL = "tenants.Domain"
MIGRATION_MODULES = {"tenants": "zoo_migrations.tenants"}

SHARED_APPS = ["django_tenants", "tests.zoo.tenants", *CONTRIB, *OURS]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
INSTALLED_APPS = SHARED_APPS

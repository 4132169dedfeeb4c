from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Company(TenantMixin):
    # A schema for each row would be migrated for each test; docs/recipes.md has one that makes them.
    auto_create_schema = False

    name = models.CharField(max_length=100)


class Domain(DomainMixin):
    pass

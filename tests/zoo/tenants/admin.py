from django.contrib import admin
from django_tenants.admin import TenantAdminMixin

from .models import Company, Domain


@admin.register(Company)
class CompanyAdmin(TenantAdminMixin, admin.ModelAdmin):
    list_display = ("name", "schema_name")


admin.site.register(Domain)

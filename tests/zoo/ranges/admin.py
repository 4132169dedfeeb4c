from django.contrib import admin

from .models import Postgres

admin.site.register(Postgres)

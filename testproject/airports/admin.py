from __future__ import annotations

from django.contrib import admin

from .models import Airport, Leg, TripPlan


@admin.register(Airport)
class AirportAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("icao", "iata", "name", "city", "country", "elevation_ft", "time_zone")
    list_filter = (("iata", admin.EmptyFieldListFilter), "country")
    search_fields = ("=icao", "=iata", "name", "city")
    show_full_result_count = False


class LegInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Leg
    extra = 0
    autocomplete_fields = ("origin", "destination")


@admin.register(TripPlan)
class TripPlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "owner", "created_at")
    list_select_related = ("owner",)
    search_fields = ("name",)
    raw_id_fields = ("owner",)
    inlines = (LegInline,)

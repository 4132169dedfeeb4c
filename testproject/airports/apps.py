from django.apps import AppConfig


class AirportsConfig(AppConfig):
    name = "testproject.airports"
    default_auto_field = "django.db.models.BigAutoField"

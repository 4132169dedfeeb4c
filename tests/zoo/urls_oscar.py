from django.apps import apps
from django.urls import include, path

from tests.zoo.urls import urlpatterns as own

urlpatterns = [*own, path("", include(apps.get_app_config("oscar").urls[0]))]

from django.urls import include, path

from tests.zoo.urls import urlpatterns as own

urlpatterns = [*own, path("", include("cms.urls"))]

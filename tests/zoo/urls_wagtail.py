from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls

from tests.zoo.urls import urlpatterns as own

urlpatterns = [*own, path("cms/", include(wagtailadmin_urls)), path("", include(wagtail_urls))]

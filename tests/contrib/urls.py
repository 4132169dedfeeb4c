"""The endpoint of the extras' tests."""

from django.urls import path

from django_mcp.urls import endpoint
from tests.contrib.test_serializer_forms import books

urlpatterns = [path("books", endpoint(books, public=True))]

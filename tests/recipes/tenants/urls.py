from django.urls import path

from django_mcp.contrib.tokens.authentication import APITokenAuthentication
from django_mcp.urls import endpoint

urlpatterns = [path("mcp", endpoint(authentication_classes=[APITokenAuthentication]))]

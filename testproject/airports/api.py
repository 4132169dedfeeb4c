"""The airports for clients of HTTP, by Django REST framework. The MCP server publishes the same viewset."""

from rest_framework import filters, pagination, serializers, viewsets

from .models import Airport


class AirportSerializer(serializers.ModelSerializer[Airport]):
    class Meta:
        model = Airport
        fields = ("icao", "iata", "name", "city", "country", "elevation_ft", "time_zone")


class Pages(pagination.PageNumberPagination):
    page_size = 20
    page_size_query_param = "limit"
    max_page_size = 100


class AirportViewSet(viewsets.ReadOnlyModelViewSet[Airport]):
    """Browse the airports, some at a time, in the order of a field."""

    queryset = Airport.objects.order_by("icao")
    serializer_class = AirportSerializer
    pagination_class = Pages
    filter_backends = (filters.SearchFilter, filters.OrderingFilter)
    search_fields = ("=country", "city", "name")
    ordering_fields = ("elevation_ft", "name")
    lookup_field = "icao"

"""The fields that PostgreSQL alone has."""

from django.contrib.postgres import fields
from django.contrib.postgres.search import SearchVectorField
from django.db import models


class Postgres(models.Model):
    words = fields.ArrayField(models.CharField(max_length=10), default=list, blank=True)
    grid = fields.ArrayField(fields.ArrayField(models.IntegerField()), default=list, blank=True)
    whole = fields.IntegerRangeField(null=True, blank=True)
    big = fields.BigIntegerRangeField(null=True, blank=True)
    exact = fields.DecimalRangeField(null=True, blank=True)
    days = fields.DateRangeField(null=True, blank=True)
    moments = fields.DateTimeRangeField(null=True, blank=True)
    pairs = fields.HStoreField(default=dict, blank=True)
    vector = SearchVectorField(null=True, blank=True)

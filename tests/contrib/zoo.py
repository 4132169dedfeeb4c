"""Models with the kinds of fields that other people's projects have, in a registry of their own."""

import uuid
from zoneinfo import available_timezones

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.db.models.functions import Upper
from django.test.utils import isolate_apps

ZONES = [(name, name) for name in sorted(available_timezones())]


class Country:
    """The attribute of a `CountryField`, as in django-countries: an object, whatever was assigned."""

    def __init__(self, code):
        self.code = code

    def __str__(self):
        return self.code


class CountryDescriptor:
    def __init__(self, field):
        self.field = field

    def __get__(self, row, owner):
        return self if row is None else Country(row.__dict__.get(self.field.name, ""))

    def __set__(self, row, value):
        row.__dict__[self.field.name] = value.code if isinstance(value, Country) else value


class CountryField(models.CharField):
    descriptor_class = CountryDescriptor

    def to_python(self, value):
        return value.code if isinstance(value, Country) else value

    def get_prep_value(self, value):
        return self.to_python(value)

    def value_to_string(self, row):
        return self.get_prep_value(self.value_from_object(row))


class PointField(models.Field):
    """A kind that nobody knows: two numbers in one column."""

    def db_type(self, connection):
        return "varchar(50)"

    def from_db_value(self, value, expression, connection):
        return None if value is None else tuple(map(float, value.split(",")))

    def get_prep_value(self, value):
        return None if value is None else ",".join(map(str, value))


class ShownManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


with isolate_apps("testproject.airports"):

    class Tag(models.Model):
        name = models.CharField(max_length=20)
        secret = models.CharField(max_length=20, blank=True)

        class Meta:
            app_label = "airports"
            verbose_name = "Метка"
            verbose_name_plural = "Метки"

        def __str__(self):
            return self.name

    class Animal(models.Model):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4)
        name = models.CharField(max_length=20)
        diet = models.CharField(max_length=1, choices=[("m", "Eats meat"), ("p", "Eats plants")], default="p")
        zone = models.CharField(max_length=50, choices=ZONES, blank=True)
        country = CountryField(max_length=2, blank=True)
        facts = models.JSONField(default=dict, blank=True)
        _collar = models.CharField(max_length=10, blank=True)
        copy = models.BooleanField(default=False)
        loud = models.GeneratedField(
            expression=Upper("name"), output_field=models.CharField(max_length=20), db_persist=True
        )
        tags = models.ManyToManyField(Tag, blank=True, limit_choices_to={"secret": ""})
        best = models.ForeignKey(Tag, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
        hidden = models.BooleanField(default=False)
        scan = models.BinaryField(null=True)
        place = PointField(null=True, blank=True)
        kind = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True, blank=True)
        key = models.PositiveIntegerField(null=True, blank=True)
        thing = GenericForeignKey("kind", "key")

        objects = ShownManager()

        class Meta:
            app_label = "airports"

        def __str__(self):
            return self.name

    class Code(models.Model):
        code = models.SlugField(primary_key=True)
        size = models.IntegerField(blank=True, choices=lambda: [(1, "Small"), (2, "Large")], default=1)

        class Meta:
            app_label = "airports"
            verbose_name = "post (draft)"

        def __str__(self):
            return self.code

    class Seat(models.Model):
        pk = models.CompositePrimaryKey("row", "number")
        row = models.CharField(max_length=2)
        number = models.PositiveSmallIntegerField()
        taken = models.BooleanField(default=False)

        class Meta:
            app_label = "airports"

        def __str__(self):
            return f"{self.row}{self.number}"

    class Odd(models.Model):
        """Names that are the words of the tools and of queries, and kinds that no form takes."""

        self = models.CharField(max_length=10, blank=True)
        exact = models.IntegerField(default=1)
        value = models.IntegerField(default=1)
        country = CountryField(max_length=2, blank=True)
        path = models.FilePathField(path="/", blank=True)
        saved = models.DateTimeField(auto_now=True)
        notes = GenericRelation(Animal, content_type_field="kind", object_id_field="key")

        class Meta:
            app_label = "airports"

        def __str__(self):
            return "odd"

    class Puma(Code):
        weight = models.IntegerField()

        class Meta:
            app_label = "airports"

    class Sighting(models.Model):
        """Kinds of which Python holds more than a column does, and rows that a manager hides."""

        code = models.SlugField(primary_key=True)
        at = models.DateTimeField(null=True, blank=True)
        clock = models.TimeField(null=True, blank=True)
        span = models.DurationField(null=True, blank=True)
        address = models.GenericIPAddressField(null=True, blank=True)
        facts = models.JSONField(default=dict, blank=True)
        ring = models.CharField(max_length=10, blank=True, choices=[("r", "Red")])
        hidden = models.BooleanField(default=False)

        objects = ShownManager()

        class Meta:
            app_label = "airports"

        def __str__(self):
            return self.code


MODELS = (Tag, Animal, Code, Seat, Odd, Puma, Sighting)


def make_tables():
    with connection.schema_editor() as editor:
        for model in MODELS:
            editor.create_model(model)


def drop_tables():
    with connection.schema_editor() as editor:
        for model in reversed(MODELS):
            editor.delete_model(model)

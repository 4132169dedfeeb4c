"""A model for each way to make one."""

import datetime
import uuid

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Length, Now, Upper
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField
from djmoney.models.fields import MoneyField
from mptt.models import MPTTModel, TreeForeignKey
from parler.models import TranslatableModel, TranslatedFields
from phonenumber_field.modelfields import PhoneNumberField
from polymorphic.models import PolymorphicModel
from simple_history.models import HistoricalRecords
from taggit.managers import TaggableManager
from treebeard.al_tree import AL_Node
from treebeard.mp_tree import MP_Node
from treebeard.ns_tree import NS_Node


class PersonManager(BaseUserManager):
    def create_user(self, email, password=None, **values):
        person = self.model(email=self.normalize_email(email), **values)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email, password=None, **values):
        return self.create_user(email, password, is_staff=True, is_superuser=True, **values)


class Person(AbstractBaseUser, PermissionsMixin):
    """A user without a username, by a UUID."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField("адрес почты", unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)

    objects = PersonManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        verbose_name = "человек"
        verbose_name_plural = "люди"

    def __str__(self):
        return self.email


class Abstract(models.Model):
    created = models.DateTimeField(auto_now_add=True)
    changed = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class EveryField(Abstract):
    """Each class of field that Django has on every database."""

    class Size(models.IntegerChoices):
        SMALL = 1, _("small")
        LARGE = 2, "крупный"

    big = models.BigIntegerField(default=0)
    binary = models.BinaryField(null=True, blank=True)
    boolean = models.BooleanField(default=False)
    maybe = models.BooleanField(null=True, blank=True)
    char = models.CharField("знаки", max_length=20, help_text="Не длиннее 20.")
    unique = models.CharField(max_length=20, unique=True)
    pattern = models.CharField(max_length=20, blank=True, validators=[RegexValidator("^[a-z]*$")])
    date = models.DateField(default=datetime.date.today)
    moment = models.DateTimeField(null=True, blank=True)
    exact = models.DecimalField(max_digits=8, decimal_places=3, default=0)
    long = models.DurationField(default=datetime.timedelta)
    email = models.EmailField(blank=True)
    file = models.FileField(upload_to="files", blank=True)
    picture = models.ImageField(upload_to="pictures", blank=True)
    path = models.FilePathField(path="/usr/share/zoneinfo/Arctic", blank=True, max_length=200)
    floating = models.FloatField(null=True, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    number = models.IntegerField(default=1, validators=[MinValueValidator(-5), MaxValueValidator(5000)])
    json = models.JSONField(default=dict, blank=True)
    encoded = models.JSONField(encoder=DjangoJSONEncoder, null=True, blank=True)
    positive_big = models.PositiveBigIntegerField(default=0)
    positive = models.PositiveIntegerField(default=0)
    positive_small = models.PositiveSmallIntegerField(default=0)
    slug = models.SlugField(blank=True)
    small = models.SmallIntegerField(choices=Size.choices, default=Size.SMALL)
    text = models.TextField(blank=True)
    time = models.TimeField(null=True, blank=True)
    url = models.URLField(blank=True)
    uuid = models.UUIDField(default=uuid.uuid4)
    computed = models.GeneratedField(
        expression=Upper("char"), output_field=models.CharField(max_length=20), db_persist=True
    )
    # PostgreSQL has virtual columns since 18.
    length = models.GeneratedField(
        expression=Length("char"), output_field=models.IntegerField(), db_persist=settings.ON_POSTGRES
    )
    by_database = models.DateTimeField(db_default=Now())
    five_thousand = models.CharField(max_length=5, choices=[(f"{n}", f"Nr {n}") for n in range(5000)], blank=True)
    grouped = models.CharField(max_length=1, choices=[("A", [("a", "Alpha")]), ("B", [("b", "Beta")])], blank=True)

    class Meta:
        verbose_name = "поле (любое)"
        verbose_name_plural = "поля/все"

    def __str__(self):
        return self.char


class Packaged(models.Model):
    """Fields of other packages."""

    price = MoneyField(max_digits=10, decimal_places=2, default=0, default_currency="EUR")
    bonus = MoneyField(max_digits=10, decimal_places=2, null=True, blank=True, default_currency="EUR")
    country = CountryField(default="KE")
    countries = CountryField(multiple=True, blank=True)
    phone = PhoneNumberField(blank=True)
    tags = TaggableManager(blank=True)
    history = HistoricalRecords()


class Proxied(EveryField):
    class Meta:
        proxy = True


class Base(models.Model):
    name = models.CharField(max_length=20)


class Derived(Base):
    extra = models.IntegerField(default=0)


class Mixed(Derived):
    """Three tables deep, with a link of its own name."""

    up = models.OneToOneField(Derived, on_delete=models.CASCADE, parent_link=True)
    more = models.TextField(blank=True)


class Keyword(models.Model):
    word = models.SlugField(primary_key=True)


class Related(models.Model):
    """Relations of every kind."""

    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")
    friends = models.ManyToManyField("self", blank=True)
    keyword = models.ForeignKey(Keyword, on_delete=models.PROTECT, null=True, blank=True)
    by_unique = models.ForeignKey(
        EveryField, on_delete=models.SET_NULL, null=True, blank=True, to_field="unique", related_name="+"
    )
    only = models.OneToOneField(Base, on_delete=models.CASCADE, null=True, blank=True)
    keywords = models.ManyToManyField(Keyword, blank=True, related_name="plain")
    weighed = models.ManyToManyField(Keyword, through="Weight", related_name="weighed")
    owner = models.ForeignKey(Person, on_delete=models.CASCADE, null=True, blank=True)
    about_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, null=True, blank=True)
    about_id = models.PositiveBigIntegerField(null=True, blank=True)
    about = GenericForeignKey("about_type", "about_id")
    notes = GenericRelation("Note")


class Weight(models.Model):
    related = models.ForeignKey(Related, on_delete=models.CASCADE)
    keyword = models.ForeignKey(Keyword, on_delete=models.CASCADE)
    weight = models.FloatField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["related", "keyword"], name="one_weight"),
            models.CheckConstraint(condition=models.Q(weight__gte=0), name="weight_is_positive"),
        ]


class Note(models.Model):
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.CharField(max_length=40)
    thing = GenericForeignKey()
    text = models.TextField()


class Seat(models.Model):
    """A key of two columns."""

    pk = models.CompositePrimaryKey("row", "number")
    row = models.CharField(max_length=2)
    number = models.PositiveSmallIntegerField()
    taken = models.BooleanField(default=False)


class Odd(models.Model):
    """Names that are words of Python's, of pydantic's or of the tools' own."""

    klass = models.CharField("class", max_length=10, blank=True, db_column="class")
    copy = models.CharField(max_length=10, blank=True)
    model_config = models.CharField(max_length=10, blank=True)
    schema = models.CharField(max_length=10, blank=True)
    page = models.IntegerField(default=1)
    query = models.CharField(max_length=10, blank=True)
    changes = models.IntegerField(default=0)
    ctx = models.CharField(max_length=10, blank=True)
    self = models.CharField(max_length=10, blank=True)
    имя = models.CharField(max_length=10, blank=True)


class VisibleManager(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(hidden=False)


class Hideable(models.Model):
    name = models.CharField(max_length=20, default="x")
    hidden = models.BooleanField(default=False)

    objects = VisibleManager()
    everything = models.Manager()


class Elsewhere(models.Model):
    """Rows in the second database."""

    name = models.CharField(max_length=20)


class Translated(TranslatableModel):
    translations = TranslatedFields(title=models.CharField(max_length=20))
    year = models.IntegerField(default=2026)


class InColumns(models.Model):
    """Translated by modeltranslation: a column for each language."""

    title = models.CharField(max_length=20)


class Genre(MPTTModel):
    name = models.CharField(max_length=20)
    parent = TreeForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="children")


class PathNode(MP_Node):
    name = models.CharField(max_length=20)


class NestedNode(NS_Node):
    name = models.CharField(max_length=20)


class ListNode(AL_Node):
    name = models.CharField(max_length=20)
    parent = models.ForeignKey("self", on_delete=models.CASCADE, null=True, db_index=True, related_name="children_set")
    sib_order = models.PositiveIntegerField()


class Shape(PolymorphicModel):
    colour = models.CharField(max_length=10, default="red")


class Circle(Shape):
    radius = models.FloatField(default=1)


class Word(models.Model):
    class Meta:
        verbose_name = "語"
        verbose_name_plural = "كلمات"

    text = models.CharField("文字", max_length=10, primary_key=True)

"""Every kind of field and model: Django's own, and those of packages that many projects have. In Russian."""

from .base import *
from .base import CONTRIB, DATABASES, ON_POSTGRES, OURS

LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", "Russian"), ("en", "English")]
PARLER_LANGUAGES = {None: ({"code": "ru"}, {"code": "en"}), "default": {"fallbacks": ["ru"]}}

DATABASES["second"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
DATABASE_ROUTERS = ["tests.zoo.kinds.routers.SecondDatabase"]

AUTH_USER_MODEL = "kinds.Person"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None

# Written by tests.zoo.conftest, before the tables are made: they say nothing that the models do not.
MIGRATION_MODULES = {"kinds": "zoo_migrations.kinds", "ranges": "zoo_migrations.ranges"}

INSTALLED_APPS = [
    "modeltranslation",
    *CONTRIB,
    *(["django.contrib.postgres", "tests.zoo.ranges"] if ON_POSTGRES else []),
    "djmoney",
    "django_countries",
    "taggit",
    "parler",
    "mptt",
    "treebeard",
    "polymorphic",
    "guardian",
    "phonenumber_field",
    "simple_history",
    "tests.zoo.kinds",
    *OURS,
]

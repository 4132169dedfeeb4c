"""Settings that all projects of the zoo share. Each module beside this one is a project of its own."""

import os

import dj_database_url

SECRET_KEY = "the zoo has no secrets"
DEBUG = False
ALLOWED_HOSTS = ["localhost", "testserver"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

ROOT_URLCONF = "tests.zoo.urls"

DATABASES = {
    "default": {
        **dj_database_url.parse(os.environ.get("DATABASE_URL") or "sqlite://:memory:"),
        "TEST": {"NAME": os.environ.get("ZOO_TEST_DATABASE")},
    }
}
ON_POSTGRES = DATABASES["default"]["ENGINE"].endswith("postgresql")

CONTRIB = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
OURS = ["rest_framework", "channels", "django_mcp", "django_mcp.contrib.tokens", "tests.zoo.served"]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

CONTEXT_PROCESSORS = [
    "django.template.context_processors.request",
    "django.contrib.auth.context_processors.auth",
    "django.contrib.messages.context_processors.messages",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": CONTEXT_PROCESSORS},
    }
]

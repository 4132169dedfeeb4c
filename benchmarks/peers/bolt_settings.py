"""The settings of bolt_api.py, for `DJANGO_SETTINGS_MODULE=bolt_settings python -m django runbolt`."""

import os

ALLOWED_HOSTS = ["127.0.0.1"]
SECRET_KEY = os.environ["SECRET_KEY"]
ROOT_URLCONF = "bolt_api"
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django_bolt"]
BOLT_API = ["bolt_api:api"]

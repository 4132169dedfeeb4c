"""A help desk of django-helpdesk's, with its REST API. In Russian."""

from .base import *
from .base import CONTRIB, OURS

LANGUAGE_CODE = "ru"
SITE_ID = 1
ROOT_URLCONF = "tests.zoo.urls_helpdesk"
HELPDESK_TEAMS_MODE_ENABLED = False
HELPDESK_TEAMS_MODEL = "auth.Group"
HELPDESK_TEAMS_MIGRATION_DEPENDENCIES = []
HELPDESK_KBITEM_TEAM_GETTER = lambda item: None  # noqa: E731
REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]}

INSTALLED_APPS = [*CONTRIB, "django.contrib.sites", "django.contrib.humanize", "helpdesk", *OURS]

"""A site of Wagtail's: pages in a tree, images, documents, snippets. In Arabic."""

from .base import *
from .base import CONTRIB, MIDDLEWARE, OURS

LANGUAGE_CODE = "ar"
LANGUAGES = WAGTAIL_CONTENT_LANGUAGES = [("ar", "Arabic"), ("en", "English")]
WAGTAIL_SITE_NAME = "zoo"
WAGTAILADMIN_BASE_URL = "http://localhost"

MIDDLEWARE = [*MIDDLEWARE, "wagtail.contrib.redirects.middleware.RedirectMiddleware"]
ROOT_URLCONF = "tests.zoo.urls_wagtail"
MIGRATION_MODULES = {"pages": "zoo_migrations.pages"}

INSTALLED_APPS = [
    *CONTRIB,
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.contrib.settings",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "tests.zoo.pages",
    *OURS,
]

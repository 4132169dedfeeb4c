"""A site of django CMS: pages in a tree, placeholders, plugins. In German."""

from .base import *
from .base import CONTEXT_PROCESSORS, CONTRIB, MIDDLEWARE, OURS, TEMPLATES

PAGE = "{% load cms_tags %}{% placeholder 'content' %}"

LANGUAGE_CODE = "de"
LANGUAGES = [("de", "German"), ("en", "English")]
SITE_ID = 1
CMS_CONFIRM_VERSION4 = True
CMS_TEMPLATES = [("page.html", "Page")]
X_FRAME_OPTIONS = "SAMEORIGIN"
ROOT_URLCONF = "tests.zoo.urls_cms"

MIDDLEWARE = [
    *MIDDLEWARE,
    "django.middleware.locale.LocaleMiddleware",
    "cms.middleware.user.CurrentUserMiddleware",
    "cms.middleware.page.CurrentPageMiddleware",
    "cms.middleware.toolbar.ToolbarMiddleware",
    "cms.middleware.language.LanguageCookieMiddleware",
]
TEMPLATES = [
    {
        **TEMPLATES[0],
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": [
                ("django.template.loaders.locmem.Loader", {"page.html": PAGE}),
                "django.template.loaders.app_directories.Loader",
            ],
            "context_processors": [
                *CONTEXT_PROCESSORS,
                "sekizai.context_processors.sekizai",
                "cms.context_processors.cms_settings",
            ],
        },
    }
]

INSTALLED_APPS = [
    *CONTRIB,
    "django.contrib.sites",
    "cms",
    "menus",
    "treebeard",
    "sekizai",
    *OURS,
]

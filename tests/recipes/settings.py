"""The example project with the packages of docs/recipes.md."""

from tempfile import mkdtemp

from testproject.settings import *  # noqa: F403
from testproject.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [
    *INSTALLED_APPS,
    *("allauth", "allauth.account", "allauth.mfa", "guardian"),
    *("easy_thumbnails", "filer"),
    *("wagtail", "wagtail.admin", "wagtail.documents", "wagtail.images", "wagtail.users", "wagtail.search", "taggit"),
]
FILER_ENABLE_PERMISSIONS = True
MEDIA_ROOT = f"{mkdtemp(prefix='mcp-recipes-')}/media"
WAGTAIL_SITE_NAME = "Recipes"
WAGTAILADMIN_BASE_URL = "https://example.com"
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
LOGIN_URL = "account_login"
ACCOUNT_EMAIL_VERIFICATION = "none"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "handbook": {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {"bucket_name": "handbook", "access_key": "x", "secret_key": "x", "region_name": "us-east-1"},
    },
}
MCP_LOG_CALLS = True

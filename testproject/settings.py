"""Settings of the example project, read from the environment.

DATABASE_URL (SQLite in the checkout by default), REDIS_URL (an in-process channel layer without it), CHANNEL_LAYER
(none, memory, redis, redis-pubsub or postgres; by default what REDIS_URL says), DEBUG (off by default), ALLOWED_HOSTS
(this machine by default), SECRET_KEY (kept in an untracked file by default), CONN_MAX_AGE, PUBLIC_URL (where clients
reach the project, when requests do not say it rightly), TASKS_BACKEND (threads of the web process by default), AUDIT
(buffered by default; durable or off), OPERATIONS (on by default).
"""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django import VERSION
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from django_mcp.contrib.oauth import provider_settings
from testproject.local import kept_secret

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in {"", "1", "true", "yes", "on", "0", "false", "no", "off"}:
        return value in {"1", "true", "yes", "on"} if value else default
    raise ImproperlyConfigured(f"{name} is {value!r}: write 1 or 0.")


def env_list(name: str, default: str) -> list[str]:
    return [item.strip() for item in (os.environ.get(name) or default).split(",") if item.strip()]


def env_secret_key() -> str:
    """SECRET_KEY, or one that every process of this checkout shares. Several machines need the variable."""
    try:
        return os.environ.get("SECRET_KEY") or kept_secret(BASE_DIR / ".secret-key", get_random_secret_key)
    except OSError as error:
        raise ImproperlyConfigured(f"Set SECRET_KEY: a key cannot be kept in {error.filename}.") from error


def env_database() -> dict[str, Any]:
    database: dict[str, Any] = {
        **dj_database_url.parse(
            os.environ.get("DATABASE_URL") or f"sqlite:///{BASE_DIR / 'db.sqlite3'}",
            conn_max_age=int(os.environ.get("CONN_MAX_AGE") or 60),
            conn_health_checks=True,
        )
    }
    if database["ENGINE"] == "django.db.backends.sqlite3":
        # One writer at a time, beside readers that never wait for it; a writer waits its turn instead of failing.
        database["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        } | database.get("OPTIONS", {})
    elif database["ENGINE"] == "django.db.backends.postgresql":
        # A connection has each statement planned once, not at each call (docs/deployment.md).
        database["OPTIONS"] = {"server_side_binding": True, "prepare_threshold": 5} | database.get("OPTIONS", {})
    elif database["ENGINE"] == "django.db.backends.mysql":
        database["TEST"] = {"CHARSET": "utf8mb4"}
    return database


def env_channel_layers() -> dict[str, Any]:
    url = os.environ.get("REDIS_URL", "")
    # The layer's reads last five seconds, as long as redis-py waits for an answer unless it is told otherwise.
    redis = {"hosts": [{"address": url, "socket_timeout": 15}]}
    layers: dict[str, dict[str, Any]] = {
        "none": {},
        "memory": {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
        "redis": {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": redis}},
        "redis-pubsub": {"default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": redis}},
        "postgres": {"default": {"BACKEND": "channels_postgres.core.PostgresChannelLayer", "CONFIG": env_database()}},
    }
    name = os.environ.get("CHANNEL_LAYER") or ("redis" if url else "memory")
    if name in layers:
        return layers[name]
    raise ImproperlyConfigured(f"CHANNEL_LAYER is {name!r}: write one of {', '.join(layers)}.")


DEBUG = env_bool("DEBUG", default=False)
SECRET_KEY = env_secret_key()
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework.authtoken",
    "channels",
    "django_mcp",
    "testproject",
    "testproject.airports",
    "testproject.conformance",
    "testproject.bench",
    "oauth2_provider",
    "django_mcp.contrib.oauth",
    "django_mcp.contrib.tokens",
    "django_mcp.contrib.audit",
    "django_mcp.contrib.apps",
    "django_mcp.contrib.tasks",
    "django_mcp.contrib.skills.guides",
    "django_mcp.contrib.cards",
    "django_tasks_db",
]
if env_bool("OPERATIONS", default=True):
    INSTALLED_APPS.append("django_mcp.contrib.operations")
if VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")  # Django 6 has it.

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "testproject.urls"
ASGI_APPLICATION = "testproject.asgi.application"
WSGI_APPLICATION = "testproject.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": env_database()}
CHANNEL_LAYERS = env_channel_layers()
if os.environ.get("CHANNEL_LAYER") == "postgres":
    INSTALLED_APPS.append("channels_postgres")  # The layer has tables of its own.
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Threads of the web process, without TASKS_BACKEND: a worker needs django_tasks_db.DatabaseBackend.
TASKS = {
    "default": {
        "BACKEND": os.environ.get("TASKS_BACKEND") or "django_mcp.contrib.tasks.backends.ThreadBackend",
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
MEDIA_ROOT = BASE_DIR / "media"

# The demo, the conformance fixture and the benchmark are for everybody.
SILENCED_SYSTEM_CHECKS = ["django_mcp.W006", "django_mcp.W047", "django_mcp.W063"]

LOGIN_URL = "/accounts/login/"
OAUTH2_PROVIDER = provider_settings(
    scopes={"airports:read": "Look up airports", "trips": "See and change your trips"},
    default_scopes=["airports:read"],
    dynamic_registration=True,
    client_metadata_documents=True,
)

REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissionsOrAnonReadOnly"]}

MCP_PUBLIC_URL = os.environ.get("PUBLIC_URL", "")
# Measurements open thousands of sessions without signing in.
MCP_MAX_ANONYMOUS_SESSIONS = int(os.environ.get("MAX_ANONYMOUS_SESSIONS") or 0) or None
MCP_AUDIT = os.environ.get("AUDIT") or "buffered"
MCP_AUDIT_RETENTION_DAYS = 90
MCP_SERVER_NAME = "airports"
MCP_SERVER_TITLE = "Airports of the world"
MCP_SERVER_VERSION = "1.0"
MCP_SERVER_INSTRUCTIONS = (
    "Look up airports, measure distances and routes between them, and keep the user's own trip plans. "
    "Airports are named by their IATA or ICAO code."
)

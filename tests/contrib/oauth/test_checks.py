"""Gaps in settings that were written by hand, and none in those that the helper makes."""

import pytest
from django.core.checks import run_checks
from oauth2_provider.settings import DEFAULTS

from django_mcp.contrib.oauth import GATES, provider_settings
from tests.tables import cases

SCOPES = {"read": "Read"}


def ids(**kwargs):
    """The ids of OAuth's checks among those found: 11 to 39."""
    found = {message.id for message in run_checks(tags=["mcp"], **kwargs)}
    return sorted(one.removeprefix("django_mcp.") for one in found if 10 < int(one[-3:]) < 40)


def test_the_helpers_settings_have_no_gaps(settings):
    settings.OAUTH2_PROVIDER = provider_settings(scopes=SCOPES, issuer="https://api.example.com")

    assert ids(include_deployment_checks=True) == []


def test_django_oauth_toolkits_own_defaults_have(settings):
    settings.OAUTH2_PROVIDER = {}

    assert ids() == ["E020", "W011", "W012", "W014", "W015", "W016", "W019"]


@cases(
    ("option", "value", "expected"),
    [
        ("PKCE_REQUIRED", False, "E013"),
        ("ALLOW_URI_WILDCARDS", True, "E017"),
        ("REQUEST_APPROVAL_PROMPT", "auto", "W018"),
        ("ACCESS_TOKEN_EXPIRE_SECONDS", 3601, "W014"),
        ("REFRESH_TOKEN_EXPIRE_SECONDS", None, "W015"),
        ("ROTATE_REFRESH_TOKEN", False, "W016"),
        ("REFRESH_TOKEN_REUSE_PROTECTION", False, "W016"),
        ("OAUTH2_VALIDATOR_CLASS", "oauth2_provider.oauth2_validators.OAuth2Validator", "E020"),
        ("CIMD_METADATA_FETCHER", "oauth2_provider.cimd.SafeMetadataFetcher", "W023"),
        ("CIMD_REGISTRATION_PERMISSION_CLASSES", ["oauth2_provider.cimd.AllowAllCIMDPermission"], "W023"),
        *((gate, False, "W019") for gate in GATES),
    ],
)
def test_each_gap_is_named(settings, option, value, expected):
    settings.OAUTH2_PROVIDER = provider_settings(scopes=SCOPES, client_metadata_documents=True, **{option: value})

    assert ids() == [expected]


@cases(
    ("url", "expected"),
    [
        ("/accounts/login/", []),
        ("login", []),
        ("admin:login", []),
        ("https://id.example.com/login", []),
        ("/accounts/sign-in/", ["W022"]),
        ("sign_in", ["W022"]),
    ],
)
def test_users_must_have_somewhere_to_sign_in(settings, url, expected):
    settings.LOGIN_URL = url

    assert ids() == expected


def test_a_deployment_is_told_to_name_its_address(settings):
    settings.OAUTH2_PROVIDER = provider_settings(scopes=SCOPES)
    assert ids(include_deployment_checks=True) == ["W021"]
    settings.MCP_PUBLIC_URL = "https://api.example.com"
    assert ids(include_deployment_checks=True) == []


def test_every_setting_of_the_helper_is_one():
    assert set(provider_settings(scopes=SCOPES)) <= DEFAULTS.keys()


def test_hosts_that_are_named_are_the_only_ones():
    named = provider_settings(scopes=SCOPES, client_metadata_documents=True, client_hosts=["claude.ai"])

    assert named["CIMD_ALLOWED_HOSTS"] == ["claude.ai"]
    assert named["CIMD_REGISTRATION_PERMISSION_CLASSES"] == (
        "oauth2_provider.cimd.HostAllowlistCIMDPermission",
        "django_mcp.contrib.oauth.documents.DocumentPermission",
    )


def test_a_default_scope_must_be_one():
    with pytest.raises(ValueError, match="default_scopes names write"):
        provider_settings(scopes=SCOPES, default_scopes=["write"])

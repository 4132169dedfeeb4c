import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import override_settings

from django_mcp.conf import Settings, mcp_settings, setting_names, unknown_setting_names


def test_a_setting_that_the_project_leaves_out_has_its_default():
    assert mcp_settings.SESSION_MAX_AGE_SECONDS == 7 * 24 * 60 * 60


def test_a_test_has_its_own_settings_while_it_says_so():
    with override_settings(MCP_SESSION_TTL_SECONDS=5):
        assert mcp_settings.SESSION_TTL_SECONDS == 5
        with override_settings(MCP_SESSION_TTL_SECONDS=6):
            assert mcp_settings.SESSION_TTL_SECONDS == 6
        assert mcp_settings.SESSION_TTL_SECONDS == 5

    assert mcp_settings.SESSION_TTL_SECONDS == 3600


def test_none_in_the_project_is_a_value_and_not_the_default(settings):
    settings.MCP_MAX_SESSIONS = None

    assert mcp_settings.MAX_SESSIONS is None


def test_a_misspelt_setting_is_an_attribute_error_even_when_the_project_sets_it(settings):
    settings.MCP_SESSION_TLT_SECONDS = 5

    with pytest.raises(AttributeError, match="SESSION_TLT_SECONDS"):
        _ = mcp_settings.SESSION_TLT_SECONDS


def test_every_setting_is_listed_as_a_settings_module_writes_it():
    assert "MCP_ALLOWED_ORIGINS" in setting_names()
    assert setting_names() == sorted(f"MCP_{name}" for name in vars(Settings) if name.isupper())


def test_settings_that_nothing_reads_are_found(settings):
    settings.MCP_SESSION_TLT_SECONDS = 5

    assert unknown_setting_names() == ["MCP_SESSION_TLT_SECONDS"]


def test_importing_the_package_reads_no_setting():
    """Settings import it: `provider_settings` of the authorization server stands in them."""
    unset = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    program = (
        "import django_mcp, django_mcp.contrib.oauth; from django.conf import settings; assert not settings.configured"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent.parent,
        env=unset,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr

"""manage.py mcp_token."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from django_mcp.contrib.tokens.models import APIToken
from tests.tables import cases

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ada():
    return User.objects.create_user("ada")


def run(*arguments):
    out = StringIO()
    call_command("mcp_token", *arguments, stdout=out)
    return out.getvalue().strip()


def test_a_token_is_made_listed_and_revoked(ada):
    text = run("create", "ada", "laptop", "--scope", "trips", "--scope", "airports:read", "--days", "30")
    token = APIToken.objects.bearing(text)
    assert (token.user, token.name, token.scopes) == (ada, "laptop", "trips airports:read")

    listed = run("list", "--user", "ada")
    assert text not in listed
    assert listed == f"{text[:10]}…  ada  laptop  trips airports:read  until {token.expires_at:%Y-%m-%d}  never used"

    assert run("revoke", text[:10]) == f"Revoked laptop ({text[:10]}…) of ada."
    assert APIToken.objects.bearing(text) is None
    assert "revoked" in run("list")


@cases(
    ("arguments", "problem"),
    [
        (("create", "nobody", "x"), "There is no user 'nobody'"),
        (("create", "ada", ""), "This field cannot be blank."),
        (("create", "ada", "x" * 101), "Ensure this value has at most 100 characters"),
        (("create", "ada", "x", "--days", "0"), "from 1 to 36500"),
        (("create", "ada", "x", "--days", "99999999"), "from 1 to 36500"),
        (
            ("create", "ada", "x", "--scope", "trips", "--scope", "tirps"),
            "No server knows the scope 'tirps'.*There are",
        ),
        (("list", "--user", "nobody"), "There is no user 'nobody'"),
        (("revoke", "mcp_nothing"), "There is no live token mcp_nothin"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, problem):
    with pytest.raises(CommandError, match=problem):
        run(*arguments)

"""Codes and refresh tokens that are used a second time, at once or later."""

import pytest
from oauth2_provider.models import AccessToken, RefreshToken

from django_mcp.contrib.oauth.validators import Validator
from tests.contrib.oauth.visits import HERE, answer, redeem, refresh, told

pytestmark = pytest.mark.django_db


def meanwhile(monkeypatch, step, other):
    """The answer to another request, which comes after a step of the first one."""
    original, answers = getattr(Validator, step), []

    def then(self, *args, **kwargs):
        done = original(self, *args, **kwargs)
        if not answers:
            answers.append(None)
            answers[0] = other()
        return done

    monkeypatch.setattr(Validator, step, then)
    return answers


def test_refresh_tokens_rotate_and_one_that_comes_back_ends_all(browser):
    first = redeem(told(answer(browser))["code"]).json()
    second = refresh(first["refresh_token"], resource=HERE).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert AccessToken.objects.get().resource == [HERE]
    assert refresh(first["refresh_token"]).status_code == 400
    # Stolen or not, nobody goes on with that family.
    assert refresh(second["refresh_token"]).status_code == 400
    assert not RefreshToken.objects.filter(revoked__isnull=True).exists()


def test_a_code_that_comes_back_ends_the_tokens_that_it_was_redeemed_for(browser):
    """RFC 6749 section 4.1.2: it is known to more than its client."""
    kept = redeem(told(answer(browser))["code"]).json()
    code = told(answer(browser))["code"]
    first = redeem(code).json()
    second = refresh(first["refresh_token"]).json()
    assert redeem("another", client_id="the-client").status_code == 400
    assert AccessToken.objects.count() == 2

    assert redeem(code).status_code == 400
    assert refresh(second["refresh_token"]).status_code == 400
    assert AccessToken.objects.count() == 1
    assert refresh(kept["refresh_token"]).status_code == 200


@pytest.mark.parametrize(
    ("step", "other", "left"),
    [
        ("validate_code", 200, 1),
        ("get_code_challenge", 200, 1),
        # From here on the second is sure that there was a first.
        ("confirm_redirect_uri", 200, 0),
        ("save_bearer_token", 400, 0),
    ],
)
def test_a_code_that_two_redeem_at_once_is_good_for_one_at_most(browser, monkeypatch, step, other, left):
    code = told(answer(browser))["code"]
    others = meanwhile(monkeypatch, step, lambda: redeem(code))

    response = redeem(code)

    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert others[0].status_code == other
    assert AccessToken.objects.count() == left


def test_a_refresh_token_that_several_use_at_once_is_good_for_one_and_its_family_ends(browser, monkeypatch):
    first = redeem(told(answer(browser))["code"]).json()
    others = meanwhile(monkeypatch, "validate_refresh_token", lambda: refresh(first["refresh_token"]))

    response = refresh(first["refresh_token"])

    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert others[0].status_code == 200
    assert refresh(others[0].json()["refresh_token"]).status_code == 400
    assert not AccessToken.objects.exists()


def test_a_token_whose_family_ends_before_it_is_sent_is_not_sent(browser, monkeypatch):
    first = redeem(told(answer(browser))["code"]).json()
    meanwhile(monkeypatch, "save_bearer_token", lambda: refresh(first["refresh_token"]))

    response = refresh(first["refresh_token"])

    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")
    assert not AccessToken.objects.exists()

"""Names of tools are made of a model's own name, whatever its verbose name says in whatever language."""

from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_mcp.contrib import names


def model(label):
    app, name = label.split(".")
    return type(name, (), {"_meta": SimpleNamespace(label=label, app_label=app)})


@pytest.fixture(autouse=True)
def nothing_claimed(monkeypatch):
    monkeypatch.setattr(names, "_claimed", {})


def test_a_class_is_named_by_its_words():
    spelled = {"TripPlan": "trip_plan", "APIToken": "api_token", "OAuth2App": "o_auth2_app", "Café": "cafe"}

    assert {name: names.snake(name) for name in spelled} == spelled


def test_plurals_are_those_of_english():
    plurals = {
        "airport": "airports",
        "country": "countries",
        "survey": "surveys",
        "postal_address": "postal_addresses",
        "box": "boxes",
        "branch": "branches",
        "status": "statuses",
        "alias": "aliases",
        "analysis": "analyses",
        "news": "news",
        "site_settings": "site_settings",
        "contact_person": "contact_people",
    }

    assert {noun: names.plural(noun) for noun in plurals} == plurals


def test_two_models_of_one_name_are_told_apart_by_their_app():
    assert names.noun_of(model("auth.Group")) == "group"
    assert names.noun_of(model("chat.Group")) == "chat_group"
    assert names.noun_of(model("auth.Group")) == "group"


def test_a_class_without_ascii_letters_is_refused():
    with pytest.raises(ImproperlyConfigured, match=r"shop\.本: .* give noun="):
        names.noun_of(model("shop.本"))

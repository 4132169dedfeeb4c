import json
from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from django_mcp.models import JSONTextField, Session, label, new_session_id
from tests.tables import cases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
# Texts that JSON from the wire may hold and some database refuses.
AWKWARD = {
    "nul": "a\u0000b",
    "lone surrogates": "\ud800 \udfff",
    "four bytes": "🛫",
    "\u0000 key \ud83d": [1, 2.5, None, True, {"ключ": "quote ' \" \\ % %s ` ;"}],
    "big": 2**80,
}


def create_session(**values):
    return Session.objects.create(**{"server": "airports", "expires_at": NOW + timedelta(hours=1)} | values)


@pytest.mark.django_db
@pytest.mark.parametrize("column", ["client_info", "client_capabilities", "state"])
def test_json_comes_back_as_it_went_in_on_every_database(column):
    session = create_session(**{column: AWKWARD})

    assert getattr(Session.objects.get(pk=session.pk), column) == AWKWARD


@pytest.mark.django_db
def test_json_is_stored_as_ascii():
    session = create_session(state=AWKWARD)

    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM django_mcp_session WHERE id = %s", [session.pk])
        (text,) = cursor.fetchone()

    assert text.isascii()
    assert json.loads(text) == AWKWARD


@pytest.mark.django_db
def test_a_fixture_of_sessions_loads_again():
    session = create_session(state=AWKWARD, client_info={"name": "test"})
    fixture = serializers.serialize("json", [session])
    session.delete()

    for loaded in serializers.deserialize("json", fixture):
        loaded.save()

    assert Session.objects.get().state == AWKWARD


def test_json_that_is_a_value_already_is_left_alone_and_text_is_read():
    field = JSONTextField()

    assert field.to_python({"a": 1}) == {"a": 1}
    assert field.to_python('{"a": "\\ud800"}') == {"a": "\ud800"}
    assert field.to_python(None) is None
    with pytest.raises(ValidationError, match="not JSON"):
        field.to_python("{")


def test_a_null_json_column_is_null():
    field = JSONTextField(null=True)

    assert field.get_prep_value(None) is None
    assert field.from_db_value(None, None, connection) is None


def test_a_form_edits_json_in_a_text_area():
    field = JSONTextField().formfield()

    assert isinstance(field, forms.JSONField)
    assert isinstance(field.widget, forms.Textarea)
    assert field.clean('{"a": [1]}') == {"a": [1]}


def test_the_json_column_deconstructs_to_itself():
    _, path, arguments, keywords = JSONTextField(default=dict).deconstruct()

    assert (path, arguments, keywords) == ("django_mcp.models.JSONTextField", [], {"default": dict})


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say():
    call_command("makemigrations", "django_mcp", check=True, dry_run=True, verbosity=0)


def test_session_ids_are_43_url_safe_characters_and_differ():
    ids = {new_session_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(len(i) == 43 and i.replace("-", "a").replace("_", "a").isalnum() and i.isascii() for i in ids)


@pytest.mark.django_db
def test_a_session_id_is_unique_and_its_case_counts():
    create_session(session_id="a" * 43)
    create_session(session_id="A" * 43)

    with pytest.raises(IntegrityError), transaction.atomic():
        create_session(session_id="a" * 43)


@pytest.mark.django_db
@cases("other", ["USER:1", "user:1 ", "usér:1", "user:"], undone=True)
def test_a_principal_equals_only_itself(other):
    create_session(principal="user:1")

    assert Session.objects.for_principal("user:1").count() == 1
    assert not Session.objects.for_principal(other).exists()


@pytest.mark.django_db
def test_a_session_is_live_or_expired_or_terminated():
    live = create_session()
    expired = create_session(expires_at=NOW)
    terminated = create_session(terminated_at=NOW - timedelta(minutes=1))
    terminated_long_ago = create_session(terminated_at=NOW - timedelta(days=2), expires_at=NOW - timedelta(days=1))

    assert [*Session.objects.active(NOW)] == [live]
    assert [*Session.objects.expired(NOW)] == [expired]
    assert {*Session.objects.terminated()} == {terminated, terminated_long_ago}


@pytest.mark.django_db
def test_a_session_says_what_has_become_of_it(time_machine):
    time_machine.move_to(NOW, tick=False)
    live, expired, terminated = create_session(), create_session(expires_at=NOW), create_session(terminated_at=NOW)

    assert [session.status for session in (live, expired, terminated)] == ["live", "expired", "terminated"]
    assert [session.is_active for session in (live, expired, terminated)] == [True, False, False]
    assert [session.is_expired for session in (live, expired, terminated)] == [False, True, False]
    assert [session.is_terminated for session in (live, expired, terminated)] == [False, False, True]
    assert [*Session.objects.active()] == [live]
    assert [*Session.objects.expired()] == [expired]


def test_a_session_is_named_by_the_beginning_of_its_id():
    session = Session(session_id="abcdefgh" + "i" * 35, server="airports")

    assert str(session) == "abcdefgh… on airports"


@pytest.mark.django_db
def test_a_session_goes_with_its_user():
    user = get_user_model().objects.create_user("ada")
    create_session(user=user)
    other = create_session()

    user.delete()

    assert [*Session.objects.all()] == [other]


@cases(
    ("text", "shown"),
    [
        ("claude-code", "claude-code"),
        ("Клиент №1", "Клиент №1"),
        ("a\u0000\u001b[31mb", "a\ufffd[31mb"),
        ("\ud800🛫", "\ufffd🛫"),
        ("x" * 200, "x" * 100),
        (None, ""),
        (7, ""),
    ],
)
def test_a_label_is_text_that_any_database_stores(text, shown):
    assert label(text, 100) == shown

"""Changes of permissions; who is told is in journeys/test_permissions.py, what costs nothing is here."""

import pytest
from django.contrib.auth.models import Permission, User

from django_mcp import grants

pytestmark = pytest.mark.django_db


def test_where_nothing_asks_for_permissions_nobody_is_told(monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(grants, "guarded_servers", list)
    ada, permission = User.objects.create_user("ada"), Permission.objects.first()

    with django_assert_num_queries(0):
        grants._user_changed(instance=ada, action="post_add", reverse=False, pk_set={permission.pk})

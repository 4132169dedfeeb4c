"""The board of switches, asked as in a project that has the app."""

import pytest
from django.contrib.auth.models import User

from django_mcp.contrib.operations.board import board as the_board
from django_mcp.gates import add_gate, remove_gate


@pytest.fixture
def board(django_capture_on_commit_callbacks):
    """The board, which hears of each commit."""
    the_board.forget()
    add_gate(the_board)
    with django_capture_on_commit_callbacks(execute=True):
        yield the_board
    remove_gate(the_board)
    the_board.forget()


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada")


@pytest.fixture
def operator(db):
    return User.objects.create_user("grace", is_staff=True)

"""The pictures of the docs are those that `make screens` makes."""

from tests import screens


def test_each_picture_that_a_page_shows_is_there_and_no_other():
    assert {path.name for path in screens.FOLDER.iterdir()} == screens.shown()


def test_each_picture_is_made_by_a_command():
    assert screens.shown() <= screens.MADE

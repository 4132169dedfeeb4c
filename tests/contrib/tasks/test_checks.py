"""The checks of tasks, and the backend for development that they warn of."""

import threading

import pytest
from django.core.checks import Error, Warning
from django.core.exceptions import ImproperlyConfigured

from django_mcp.contrib.tasks import checks, queue
from django_mcp.contrib.tasks.jobs import run_task

handler = queue.framework().task_backends
THREADS = "django_mcp.contrib.tasks.backends.ThreadBackend"


@pytest.fixture
def backend(monkeypatch):
    """Gives TASKS a default backend."""

    def configure(path, **params):
        monkeypatch.setitem(handler.settings, "default", {"BACKEND": path, **params})
        if hasattr(handler._connections, "default"):
            del handler["default"]

    yield configure
    monkeypatch.undo()
    if hasattr(handler._connections, "default"):
        del handler["default"]


def found():
    return [(type(message), message.id) for message in checks.check_backend()]


@pytest.mark.parametrize(
    ("path", "debug", "expected"),
    [
        (THREADS, False, [(Warning, "django_mcp.W063")]),
        (THREADS, True, []),
        (f"{queue.framework().__name__}.backends.immediate.ImmediateBackend", False, [(Warning, "django_mcp.W063")]),
        (f"{queue.framework().__name__}.backends.dummy.DummyBackend", True, [(Error, "django_mcp.E061")]),
        ("django_tasks_db.DatabaseBackend", False, []),
        ("nothing.here", False, [(Error, "django_mcp.E061")]),
    ],
)
def test_a_backend_for_development_is_told_of_in_production(backend, settings, path, debug, expected):
    settings.DEBUG = debug
    backend(path)

    assert found() == expected


def test_a_queue_or_a_backend_that_there_is_not_is_an_error(backend, settings):
    backend(THREADS, QUEUES=["other"])
    assert found() == [(Error, "django_mcp.E061")]
    settings.MCP_TASK_BACKEND = "nothing"
    assert found() == [(Error, "django_mcp.E061")]


def test_a_missing_app_is_an_error(settings):
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "django_mcp.contrib.tasks"]

    assert found() == [(Error, "django_mcp.E060")]


def test_a_missing_framework_names_the_package(monkeypatch):
    monkeypatch.setattr(queue, "find_spec", lambda name: None)

    with pytest.raises(ImproperlyConfigured, match="pip install django-tasks"):
        queue.framework()
    assert found() == [(Error, "django_mcp.E061")]


@pytest.mark.django_db(transaction=True)
def test_the_backend_for_development_runs_jobs_in_threads(backend, monkeypatch):
    from django_mcp.contrib.tasks import worker

    done, ran = threading.Event(), []

    def run(task_id, run):
        ran.append((task_id, run, threading.current_thread() is threading.main_thread()))
        done.set()

    monkeypatch.setattr(worker, "run_once", run)
    backend(THREADS, OPTIONS={"threads": 1})

    result = run_task.enqueue("t", 1)

    assert done.wait(10)
    assert ran == [("t", 1, False)]
    assert (result.args, result.status.value) == (["t", 1], "READY")

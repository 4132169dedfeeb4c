"""The audit is on, and a test writes what waits with `flush()`."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from django_mcp.contrib.audit import recorder, writer
from django_mcp.contrib.audit.models import Call


@pytest.fixture(autouse=True)
def audited() -> Iterator[None]:
    recorder.start()
    yield
    recorder.stop()
    writer.writer.__init__()  # type: ignore[misc]
    writer.losses.__init__()  # type: ignore[misc]


@pytest.fixture
def make_call(db: None) -> Any:
    """Makes a row with these values."""

    def make(**values: Any) -> Call:
        usual = {"method": "tools/call", "name": "greet", "outcome": "ok", "server": "calls", "path": "/calls"}
        usual |= {"started_at": timezone.now(), "seconds": 0.01, "round": 0, "result_bytes": 10, "arguments": {}}
        return Call.objects.create(**{**usual, **values})

    return make

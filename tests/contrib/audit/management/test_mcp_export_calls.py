from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.tables import cases


def run(*arguments):
    out = StringIO()
    call_command("mcp_export_calls", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_it_prints_the_calls_that_the_options_name(make_call):
    make_call(name="a", outcome="failed", started_at=datetime(2026, 3, 1, tzinfo=UTC), user_pk="7")
    make_call(name="b", started_at=datetime(2026, 3, 2, tzinfo=UTC), server="other")

    assert len(run()) == 3
    assert [line.split(",")[4] for line in run("--outcome", "failed")] == ["name", "a"]
    assert len(run("--format", "jsonl", "--since", "2026-03-01T12:00")) == 1
    assert len(run("--until", "2026-03-02")) == len(run("--name", "a")) == len(run("--user-id", "7")) == 2
    assert len(run("--server", "other", "--no-payloads")) == 2


def test_it_writes_a_file(make_call, tmp_path, capsys):
    make_call()

    assert run("--output", str(tmp_path / "calls.csv")) == []

    assert (tmp_path / "calls.csv").read_text().startswith("id,started_at,")
    assert "Written to" in capsys.readouterr().err


@cases(
    ("arguments", "message"),
    [
        (("--since", "yesterday"), "--since 'yesterday' is not a time: write 2026-03-01 or 2026-03-01T12:00."),
        (("--until", "2026-13-01"), "--until '2026-13-01' is not a time: write 2026-03-01 or 2026-03-01T12:00."),
        (("--output", "/nowhere/at/all"), "/nowhere/at/all cannot be written: No such file or directory."),
    ],
)
@pytest.mark.django_db
def test_a_mistake_is_named_with_its_remedy(arguments, message):
    with pytest.raises(CommandError) as caught:
        run(*arguments)

    assert str(caught.value) == message

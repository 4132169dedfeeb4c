"""The pipes of a stdio client."""

import asyncio
import os
import subprocess

import pytest

from django_mcp.protocol.inbound import Limits
from django_mcp.stdio import lines
from django_mcp.stdio.lines import LineWriter, incoming, private_pipes, read_line, read_lines
from tests.tables import cases

LIMITS = Limits(20, 5)


def read_all(data, limit=20):
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    try:
        return list(read_lines(reading, limit))
    finally:
        os.close(reading)


@cases(
    ("data", "expected"),
    [
        (b"", []),
        (b"one\ntwo\n", [b"one", b"two"]),
        (b"no end", [b"no end"]),
        (b"x" * 20 + b"\n" + b"y" * 21 + b"\nz\n", [b"x" * 20, None, b"z"]),
        (b"x" * 50, [None]),
        (b"\r\n\n", [b"\r", b""]),
    ],
)
def test_lines_end_at_line_feeds_and_a_longer_one_is_none(data, expected):
    assert read_all(data) == expected


@pytest.mark.parametrize("chunk", [1, 3])
def test_the_lines_do_not_depend_on_how_they_arrive(monkeypatch, chunk):
    monkeypatch.setattr(lines, "CHUNK_BYTES", chunk)

    assert read_all(b"one\n" + b"x" * 30 + b"\ntwo", 5) == [b"one", None, b"two"]


def test_a_line_is_read_or_has_the_error_that_answers_it():
    assert read_line(b'{"a":1}', LIMITS).value == {"a": 1}
    assert read_line(None, LIMITS).problem.message == "Payload too large: a line exceeds 20 bytes"
    assert [read_line(raw, LIMITS).problem.code for raw in (b"{", b"NaN", b"[[[[[[]]]]]]", b'"\xff"')] == [-32700] * 4


async def test_lines_come_in_order_and_empty_ones_are_skipped():
    reading, writing = os.pipe()
    os.write(writing, b"1\n\n \n2\n" + b"x" * 30 + b"\n3")
    os.close(writing)

    heard = [line async for line in incoming(reading, LIMITS)]
    os.close(reading)

    assert [line.value for line in heard] == [1, 2, None, 3]


async def test_what_is_written_is_a_line_each_and_in_order():
    reading, writing = os.pipe()
    writer = LineWriter(writing)
    for number in range(100):
        await writer.write(b"%d" % number)
    await writer.write(b'{"a":\n1}')
    await writer.close()
    os.close(writing)

    assert os.read(reading, 10_000) == b"".join(b"%d\n" % number for number in range(100)) + b'{"a": 1}\n'
    os.close(reading)


async def test_a_client_that_does_not_read_is_waited_for(monkeypatch):
    monkeypatch.setattr(lines, "WAITING_BYTES", 100)
    reading, writing = os.pipe()
    writer = LineWriter(writing)
    size = 1_000_000
    task = asyncio.create_task(writer.write(b"x" * size))
    await asyncio.sleep(0.02)
    assert not task.done()

    def read_it():
        taken = 0
        while taken <= size:
            taken += len(os.read(reading, 65536))

    await asyncio.to_thread(read_it)
    await asyncio.wait_for(task, 10)
    await writer.close()
    os.close(reading)
    os.close(writing)


async def test_a_client_that_is_gone_breaks_the_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    writer = LineWriter(writing)
    await writer.write(b"1")
    await asyncio.wait_for(writer.is_broken.wait(), 10)

    with pytest.raises(BrokenPipeError):
        await writer.write(b"2")
    os.close(writing)


def test_the_pipes_are_nobody_elses(capfd):
    with private_pipes() as (_reading, writing):
        os.write(1, b"printed\n")
        subprocess.run(["echo", "a subprocess"], check=True)
        assert subprocess.run(["cat"], check=True, capture_output=True).stdout == b""
        os.write(writing, b"a message\n")
    os.write(1, b"after\n")

    said = capfd.readouterr()
    assert said.out == "a message\nafter\n"
    assert said.err == "printed\na subprocess\n"

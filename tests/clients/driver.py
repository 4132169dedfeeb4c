"""A client library in a process and an environment of its own, which does what a test says."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Self

START_SECONDS = 90
"""Some libraries import for half a minute on a busy machine."""
ANSWER_SECONDS = 20
VISIT_SECONDS = 180
"""All answers of a client together: one that gives up late each time does not hold the others up for long."""
MARK = "@@ "


@dataclass(frozen=True, slots=True)
class Answer:
    """The value that a command gave, or the words of its error; neither where the library has no such call."""

    value: Any = None
    error: str = ""
    missing: bool = False

    @property
    def words(self) -> str:
        return self.error or str(self.value)


class Driver:
    """Runs a driver of `drivers/`, and gives it commands."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self.log = log
        self.answers: queue.Queue[Answer] = queue.Queue()
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=log.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self.listener = threading.Thread(target=self._listen, daemon=True)
        self.listener.start()
        started = self._answer(START_SECONDS)
        self.ends_at = monotonic() + VISIT_SECONDS
        if started.error:
            self.kill()
            raise RuntimeError(f"{' '.join(command)}: {started.error}\n{log.read_text()[-2000:]}")

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(MARK):
                self.answers.put(Answer(**json.loads(line.removeprefix(MARK))))
        self.answers.put(Answer(error="the driver has ended"))

    def _answer(self, seconds: float) -> Answer:
        try:
            return self.answers.get(timeout=seconds)
        except queue.Empty:
            return Answer(error=f"no answer within {seconds} s")

    def ask(self, do: str, *arguments: Any, seconds: float = ANSWER_SECONDS) -> Answer:
        """The answer to one command. A library that does not even give up in time is left alone, and ended."""
        assert self.process.stdin is not None
        seconds = max(0.1, min(seconds, self.ends_at - monotonic()))
        try:
            self.process.stdin.write(json.dumps({"do": do, "arguments": arguments, "seconds": seconds}) + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):  # The pipe is broken, or closed.
            return Answer(error="the driver has ended")
        answer = self._answer(seconds + 10)
        if answer.error.startswith("no answer"):
            self.kill()
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Ends the driver, and what it has started."""
        if self.process.returncode is None:  # Nobody else has waited for it, so the number is still its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.listener.join(ANSWER_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

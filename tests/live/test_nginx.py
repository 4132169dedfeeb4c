"""docs/workers.md's configuration of nginx: a client gets through it to two servers as if it were not there."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import live_site
from tests.live.test_demo_workers import PAGE
from tests.live.test_doctor import visit, wrong
from tests.live_site import Data
from tests.test_docs import blocks_of

# Where nginx keeps bodies is compiled in, and may be another user's.
OWN_FOLDERS = "access_log off; " + " ".join(
    f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


@pytest.fixture
def nginx(live_data: Data, tmp_path: Path) -> Iterator[str]:
    program = shutil.which("nginx")
    if program is None:
        live_site.skip_without("nginx is not installed")
    [block] = [block for block in blocks_of(PAGE) if block.info == "nginx"]
    with ExitStack() as stack:
        sites = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            sites.append(stack.enter_context(live_site.serve("the lane under uvicorn", live_data, tmp_path / name)).url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        servers = " ".join(f"server {url.removeprefix('http://')};" for url in sites)
        text = block.code.replace("server 127.0.0.1:8000;", servers).replace("listen 80;", f"listen 127.0.0.1:{port};")
        (tmp_path / "nginx.conf").write_text(text.replace("http {", f"http {{ {OWN_FOLDERS}", 1))
        # Root's nginx has workers of another user, who may not write here.
        user = "user root;" if os.geteuid() == 0 else ""
        log = tmp_path / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [
                    program,
                    "-p",
                    tmp_path,
                    "-c",
                    "nginx.conf",
                    "-e",
                    "stderr",
                    "-g",
                    f"daemon off; pid nginx.pid; {user}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        stack.callback(live_site.stop, process)
        wait_until_listening(process, port, log)
        yield f"http://127.0.0.1:{port}"


def wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    while process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
    pytest.fail(f"nginx did not start:\n{log.read_text()}")


def test_the_doctor_finds_nothing_wrong_behind_nginx(nginx: str) -> None:
    findings = visit(f"{nginx}/mcp")

    assert wrong(findings) == []
    assert {"buffering", "workers", "idle", "body", "host"} <= {finding.check for finding in findings}

"""mcp_doctor walks a real server, behind a proxy that misbehaves in one way or another, and names that way."""

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from django_mcp.management.doctor import deployed
from django_mcp.management.doctor.findings import Finding
from django_mcp.management.doctor.wire import Wire
from tests import live_site
from tests.live.misbehaving import proxy
from tests.live_site import ROOT, Data, Site


@pytest.fixture(scope="module")
def site(live_data: Data, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with live_site.serve("the lane under uvicorn", live_data, tmp_path_factory.mktemp("doctor")) as site:
        # The first answer of an endpoint may take longer than a visit waits.
        httpx.post(f"{site.url}/mcp", timeout=live_site.START_SECONDS)
        yield site


def visit(url: str, **headers: str) -> list[Finding]:
    return list(deployed.examine(Wire(url, headers, timeout_seconds=3), wait_seconds=0.5))


def wrong(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.check, finding.status) for finding in findings if finding.status in ("warning", "problem")]


FAULTS = {
    "": [],
    "redirects": [("redirect", "problem")],
    "drops request headers": [("modern", "problem"), ("handshake", "problem")],
    "drops response headers": [("handshake", "problem")],
    "drops Origin": [("origin", "problem")],
    "renames the host": [("host", "problem")],
    "compresses": [("compression", "problem")],
    "buffers streams": [("buffering", "problem")],
    "closes idle streams": [("idle", "problem")],
    "takes small bodies": [("body", "warning")],
    "has two databases": [("workers", "problem")],
    "is late": [("clock", "warning")],
    "is another program": [("origin", "problem"), ("host", "warning"), ("path", "problem")],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_proxy_is_found_and_its_remedy_named(
    site: Site, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed, "FIRST_BYTE_SECONDS", 1)
    with proxy(site.url, fault) as url:
        findings = visit(f"{url}/mcp")

    assert wrong(findings) == FAULTS[fault]
    assert all(finding.advice for finding in findings if finding.status in ("warning", "problem"))
    by_proxy = ("compression", "buffering", "idle", "body", "modern", "handshake")
    assert all(
        set(one.lines) == {"nginx", "Caddy", "Traefik"} for one in findings if one.fails and one.check in by_proxy
    )


def test_the_way_to_sign_in_is_walked_to_its_end(site: Site) -> None:
    direct = {finding.check: finding.status for finding in visit(f"{site.url}/secure/mcp")}
    with proxy(site.url, "drops response headers") as url:
        hidden = wrong(visit(f"{url}/secure/mcp"))
    with proxy(site.url, "renames the port") as url:
        # Host has the proxy's port, so that the metadata is of its address.
        passed = wrong(visit(f"{url}/secure/mcp"))
    with proxy(site.url, "drops the token") as url:
        dropped = wrong(visit(f"{url}/secure/mcp", authorization="Bearer x"))

    assert direct["challenge"] == direct["metadata"] == direct["issuer"] == "ok"
    assert direct["credential"] == "note"
    assert hidden == [("challenge", "problem")]
    assert passed == []
    assert dropped == [("credential", "problem")]


def test_the_command_has_exit_codes_and_json(site: Site, live_data: Data) -> None:
    def doctor(*arguments: str) -> tuple[int, str, str]:
        command = [sys.executable, "manage.py", "mcp_doctor", "--wait", "0.5", *arguments]
        run = subprocess.run(
            command, cwd=ROOT, env=live_data.environment, capture_output=True, text=True, timeout=240, check=False
        )
        return run.returncode, run.stdout, run.stderr

    with proxy(site.url, "compresses") as url:
        code, out, err = doctor(f"{url}/mcp", "--json")

    assert (code, err) == (1, "CommandError: Problems: 1.\n")
    [problem] = [finding for finding in json.loads(out) if finding["status"] == "problem"]
    assert problem["check"] == "compression"
    assert problem["lines"]["nginx"].startswith("gzip off;")

"""docs/workers.md: its configurations agree with each other and with the settings that they name."""

from pathlib import Path
from typing import Any

import yaml

from django_mcp.conf import Settings
from tests.test_docs import blocks_of

PAGE = Path(__file__).parent.parent / "docs" / "workers.md"


def documents(file: str) -> list[dict[str, Any]]:
    [block] = [block for block in blocks_of(PAGE) if block.code.startswith(f"# {file}\n")]
    return list(yaml.safe_load_all(block.code))


def seconds(command: list[str]) -> int:
    return int(command[command.index("--timeout-graceful-shutdown") + 1])


def test_a_pod_is_given_the_time_that_its_server_takes_to_stop():
    deployment, _ = documents("deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])

    assert pod["terminationGracePeriodSeconds"] > before + seconds(container["command"])
    assert container["readinessProbe"]["timeoutSeconds"] > Settings.HEALTH_TIMEOUT_SECONDS
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert "httpGet" not in container["livenessProbe"]
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_compose_starts_what_its_services_wait_for():
    [compose] = documents("compose.yaml")
    services = compose["services"]
    [dockerfile] = [block.code for block in blocks_of(PAGE) if block.info == "dockerfile"]
    command = yaml.safe_load(dockerfile.rpartition("CMD ")[2])

    waits = {name: service["depends_on"] for name, service in services.items() if "depends_on" in service}
    assert {other for others in waits.values() for other in others} <= services.keys()
    assert all(
        "healthcheck" in services[other]
        for others in waits.values()
        for other, wait in others.items()
        if wait["condition"] == "service_healthy"
    )
    assert int(services["web"]["stop_grace_period"].rstrip("s")) > seconds(command)
    assert command[command.index("--workers") + 1] == "4"
    assert all(
        service["build"] == "." and "DATABASE_URL" in service["environment"]
        for service in services.values()
        if "image" not in service
    )


def test_nginx_waits_longer_than_a_silent_stream_and_takes_larger_bodies_than_the_server():
    [nginx] = [block.code for block in blocks_of(PAGE) if block.info == "nginx"]
    value = {line.split()[0]: line.split()[1].rstrip(";") for line in nginx.splitlines() if len(line.split()) == 2}

    assert int(value["proxy_read_timeout"].rstrip("s")) > 2 * Settings.KEEPALIVE_SECONDS
    assert int(value["client_max_body_size"].rstrip("m")) * 1024 * 1024 > Settings.MAX_BODY_BYTES

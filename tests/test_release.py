""".ci/release refuses a release that is not ready."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from tests.tables import cases

SCRIPT = Path(__file__).parent.parent / ".ci" / "release"
READY = "\n".join(
    f'{name} = "https://example.com/mine{path}"'
    for name, path in {"Source": "", "Issues": "/issues", "Changelog": "/changes", "Documentation": "/docs"}.items()
)


@pytest.fixture(scope="module")
def faults():
    loader = SourceFileLoader("release", str(SCRIPT))
    spec = spec_from_loader("release", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module.faults


@cases(
    ("tag", "heading", "urls", "repository", "expected"),
    [
        ("v1.0.0", "1.0.0 (2026-12-01)", READY, "https://example.com/mine", []),
        (
            "v1.0.1",
            "1.0.0 (2026-12-01)",
            READY,
            "",
            ["The tag is v1.0.1, and pyproject.toml has the version 1.0.0."],
        ),
        (
            "v1.0.0",
            "1.0.0 (unreleased)",
            READY,
            "",
            ["CHANGELOG.md begins with '1.0.0 (unreleased)', and not with 1.0.0 and a date."],
        ),
        (
            "v1.0.0",
            "1.0.0 (2026-12-01)",
            'Source = "https://example.com/mine"',
            "",
            ["project.urls in pyproject.toml lacks Changelog, Documentation, Issues."],
        ),
        (
            "v1.0.0",
            "1.0.0 (2026-12-01)",
            READY,
            "https://example.com/fork",
            [
                "project.urls has the source at https://example.com/mine, and the release is made from "
                "https://example.com/fork."
            ],
        ),
    ],
)
def test_a_release_needs_its_version_a_date_and_its_urls(faults, tmp_path, tag, heading, urls, repository, expected):
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n")
    (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "1.0.0"\n\n[project.urls]\n{urls}\n')

    assert list(faults(tmp_path, tag, repository)) == expected

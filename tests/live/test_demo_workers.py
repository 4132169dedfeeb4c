"""`make demo-workers`: it runs to its end, and docs/workers.md shows what it prints."""

import os
import re
import subprocess
import sys

from tests.live.cluster import ROOT, SECONDS, database
from tests.test_docs import blocks_of

PAGE = ROOT / "docs" / "workers.md"


def test_nothing_is_lost_and_the_page_shows_it(tmp_path):
    with database(tmp_path) as url:
        done = subprocess.run(
            [sys.executable, "-m", "testproject.workers"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": url if url.startswith("postgres") else ""},
            capture_output=True,
            text=True,
            timeout=20 * SECONDS,
            check=False,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    [transcript] = [block.code for block in blocks_of(PAGE) if block.code.startswith("$ make demo-workers")]
    assert alike(done.stdout) == alike(transcript.partition("\n")[2])


def alike(said):
    """The text without that in which two runs differ: the database, and which processes have answered."""
    first, _, rest = said.partition("\n")
    assert re.fullmatch(r"==> 4 workers on \w+.*, with .*", first)
    return re.sub(r"\d{3,}(, \d{3,})*", "N", rest)

"""The site, built from these pages and from the package's docstrings: `make docs`.

`docs/_ext/` does what Sphinx does not do by itself: the sections (from `index.md`), the reference (from the
docstrings), and the Markdown copies with `llms.txt`.
"""

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "django_mcp"
author = "django_mcp contributors"
copyright = "django_mcp contributors"
release = version = version_of("django-mcp-endpoints")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "pages",
    "reference",
    "copies",
]
exclude_patterns = ["_*"]
default_role = "name"

myst_heading_anchors = 4

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100

# Django REST framework's site has no inventory. A build with the network takes the whole inventories; any other takes
# the ones here, which hold the names that the reference mentions: no build needs a network, or fails without one.
LOCAL = {name: str(HERE / "_inventories" / f"{name}.inv") for name in ("python", "django")}
IS_ONLINE = bool(os.environ.get("READTHEDOCS"))
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", (None, LOCAL["python"]) if IS_ONLINE else LOCAL["python"]),
    "django": ("https://docs.djangoproject.com/en/stable", (None, LOCAL["django"]) if IS_ONLINE else LOCAL["django"]),
}

html_theme = "furo"
html_title = f"django_mcp {release}"
html_copy_source = False
html_show_sphinx = False

"""Configuration of the documentation."""

import os

# Nothing here is computed on a GPU, and TensorFlow need not tell of it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from digitcnn import __version__

project = "digitcnn"
author = "The digitcnn developers"
copyright = "2026, The digitcnn developers"
release = version = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# `name` in a docstring links to the object where it is documented here.
default_role = "py:obj"

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# Every parameter has a type and a description, and what is returned is said.
numpydoc_validation_checks = {
    *("GL06", "GL07", "GL08", "RT01", "SS01"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07"),
}

html_theme = "pydata_sphinx_theme"
html_title = f"digitcnn {release}"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
html_sidebars = {"getting_started": [], "design": [], "changelog": []}

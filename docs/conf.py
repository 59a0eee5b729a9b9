"""Configuration of the documentation."""

import os
import sys
from pathlib import Path

# Nothing here is computed on a GPU, and TensorFlow need not tell of it.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# For what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

# What an example imports is looked up when the gallery is written, which scikit-learn wants this
# for. Where the examples run, one of them brings it.
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

from digitcnn import __version__

project = "digitcnn"
author = "The digitcnn developers"
copyright = "2026, The digitcnn developers"
release = version = __version__

extensions = [
    "drawing_page",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
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

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # All of them run, and none may fail, but for the one that starts processes of its own.
    "filename_pattern": r"(?<!dask_cluster)\.py$",
    "abort_on_example_error": True,
    "within_subsection_order": "reading_order.ReadingOrder",
    # What a script prints and draws is shown, but not the last value of each block.
    "capture_repr": (),
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_signature": False,
    "download_all_examples": False,
    # On the page of each public name: the examples that use it.
    "doc_module": ("digitcnn",),
    "reference_url": {"digitcnn": None},
    "backreferences_dir": "gallery/backreferences",
}

html_static_path = ["_static"]
html_css_files = ["gallery.css", "pages.css"]
html_theme = "pydata_sphinx_theme"
html_title = f"digitcnn {release}"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
}
# Pages of code want the width.
html_sidebars = {
    page: [] for page in ("getting_started", "how_do_i", "draw", "design", "changelog", "gallery/*")
}

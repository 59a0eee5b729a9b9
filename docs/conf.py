"""Configuration of the documentation."""

import os
import sys
from pathlib import Path

# The documentation needs no GPU, and no messages of TensorFlow about one.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# For the modules beside this file.
sys.path.insert(0, str(Path(__file__).parent))

# The gallery imports what the examples use. scikit-learn's halving search needs this import first,
# which is in an example if the examples run.
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
# `name` in a docstring links to the object, if it is documented here.
default_role = "py:obj"

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
# Every parameter and return value has a type and a description.
numpydoc_validation_checks = {
    *("GL06", "GL07", "GL08", "RT01", "SS01"),
    *("PR01", "PR02", "PR03", "PR04", "PR05", "PR06", "PR07"),
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # All of them must run, except for the one that starts processes.
    "filename_pattern": r"(?<!dask_cluster)\.py$",
    "abort_on_example_error": True,
    "within_subsection_order": "reading_order.ReadingOrder",
    # Show printed text and figures, but not the last value of each block.
    "capture_repr": (),
    "image_srcset": ["2x"],
    "remove_config_comments": True,
    "show_signature": False,
    "download_all_examples": False,
    # The page of each public name lists the examples that use it.
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
# Pages of code need the width.
html_sidebars = {
    page: []
    for page in (
        "getting_started",
        "how_do_i",
        "draw",
        "design",
        "changelog",
        "contributing",
        "gallery/*",
    )
}

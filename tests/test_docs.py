"""The API page names all that is public, and nothing else."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import digitcnn
import digitcnn.reading

API_PAGE = Path(__file__).parents[1] / "docs" / "api.rst"


def names_on_the_api_page():
    """Full names: each entry of an autosummary, with the module that stands above it."""
    module, names = "", []
    for line in API_PAGE.read_text(encoding="utf-8").splitlines():
        if found := re.fullmatch(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.fullmatch(r"   (\w+)", line):
            names.append(f"{module}.{found[1]}")
    return names


def architectures():
    from digitcnn.architectures import ARCHITECTURES

    return [f"digitcnn.networks.{function.__name__}" for function in ARCHITECTURES.values()]


def public_names():
    own = [
        f"digitcnn.{name}" for name in digitcnn.__all__ if name not in ("datasets", "inspection")
    ]
    others = [
        "corruptions.corrupt",
        "label_errors.suspected_label_errors",
        *(f"reading.{name}" for name in digitcnn.reading.__all__ if name != "DigitReader"),
        "recipes.make_classifier",
        "recipes.search_space",
        "report.write_report",
        "search.JointGridSearchCV",
        "search.JointRandomizedSearchCV",
        "training.clear_cache",
    ]
    return [
        *own,
        *(f"digitcnn.datasets.{name}" for name in digitcnn.datasets.__all__),
        *(f"digitcnn.inspection.{name}" for name in digitcnn.inspection.__all__),
        *architectures(),
        *(f"digitcnn.{name}" for name in others),
    ]


def test_every_public_name_is_on_the_api_page():
    assert sorted(names_on_the_api_page()) == sorted(public_names())


@pytest.mark.parametrize("name", names_on_the_api_page())
def test_every_name_on_the_api_page_has_a_docstring_with_an_example(name):
    module, _, attribute = name.rpartition(".")
    assert ">>>" in getattr(import_module(module), attribute).__doc__

"""The pinned versions are those of what the project depends on."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
# PyTorch brings gigabytes, and CUDA is of some machines.
UNPINNED = ("bench", "gpu")
WANTED = [
    *PROJECT["dependencies"],
    *(
        text
        for extra, texts in PROJECT["optional-dependencies"].items()
        if extra not in UNPINNED
        for text in texts
    ),
]


@pytest.mark.parametrize("text", sorted(set(WANTED)))
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_dependency_is_pinned_to_one_version_that_is_allowed(text, python):
    expected = Requirement(text)
    found = [
        pin
        for pin in map(Requirement, LINES)
        if pin.name == expected.name
        and (pin.marker or Marker("python_version > '0'")).evaluate(
            {"python_version": python, "python_full_version": f"{python}.1"}
        )
    ]
    assert len(found) == 1, f"{text}: tox -e constraints"
    (specifier,) = found[0].specifier
    assert specifier.operator == "=="
    assert expected.specifier.contains(specifier.version, prereleases=True)


def test_pins_name_versions_alone():
    for line in LINES:
        assert re.fullmatch(r"[a-z0-9.-]+==[a-z0-9.]+( ; .+)?", line), line

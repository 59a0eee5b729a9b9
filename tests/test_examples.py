"""The examples run, and say something.

Building the documentation runs all of them. Here, on every Python and with the oldest dependencies,
run the quickest.
"""

import ast
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
QUICK = ["csv_pipeline", "own_network"]


@pytest.fixture
def pyplot():
    """matplotlib's, without windows, and without figures afterwards."""
    from matplotlib import pyplot

    before = pyplot.get_backend()
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_example_runs_to_its_end_draws_and_leaves_no_file(
    name, capsys, tmp_path, monkeypatch, pyplot
):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
    assert capsys.readouterr().out
    assert pyplot.get_fignums()
    assert not list(tmp_path.iterdir())


def test_every_example_has_its_place_in_the_gallery(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    from reading_order import ORDER

    assert sorted(ORDER) == [path.stem for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_opens_with_a_title_and_a_paragraph(path):
    title, line, empty, *paragraph = ast.get_docstring(ast.parse(path.read_text("utf-8"))).split(
        "\n"
    )
    assert line == len(title) * "="
    assert not empty
    assert paragraph

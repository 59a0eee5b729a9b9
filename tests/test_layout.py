"""The order of the files in the design page, and what may be imported when."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import digitcnn

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "digitcnn"
MODULES = sorted(path.stem for path in SOURCE.glob("*.py"))

# Whoever imports these has not asked for a network yet.
WITHOUT_KERAS = (
    "_parameters",
    "_validation",
    "confidence",
    "whole_files",
    "model_file",
    "model_content",
    "persistence",
    "classifier",
    "onnx_export",
    "abstaining",
    "data_files",
    "csv_files",
    "columns",
    "tables",
    "transformers",
    "normalizer",
    "mnist",
    "datasets",
    "recipes",
    "inspection",
    "label_errors",
    "summaries",
    "report",
    "command_output",
    "command_train",
    "command_evaluate",
    "command_predict",
    "command_export",
    "command_info",
    "cli",
)


def documented_order():
    """The files of the design page's table, from above to below."""
    page = (ROOT / "docs" / "design.rst").read_text(encoding="utf-8")
    return re.findall(r"^   \* - ``(\w+)\.py``$", page, flags=re.MULTILINE)


def imported_names(source):
    """Full names of all that is imported, at module level or inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = "digitcnn" if node.level else ""
            module = ".".join(part for part in (package, node.module) if part)
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "digitcnn":
            # After `import digitcnn`, a public name may stand behind it.
            yield f"digitcnn.{node.attr}"


def imported_modules(source):
    """Modules of this package, by their short names."""
    for name in imported_names(source):
        package, _, rest = name.partition(".")
        first = rest.partition(".")[0]
        # The version may be read from everywhere.
        if package != "digitcnn" or first in ("", "__version__"):
            continue
        if first in MODULES:
            yield first
        else:
            yield digitcnn._HOMES.get(first, "digitcnn.__init__").rpartition(".")[2]


def loaded_after(code, *names):
    """Those of `names` that are in `sys.modules` of a new process that has run `code`."""
    script = f"import sys\n{code}\nprint(*set(sys.modules) & {set(names)!r}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stderr.split()


def test_each_file_has_its_place_in_the_documented_order():
    assert sorted(documented_order()) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_file_imports_only_from_files_above_it(module):
    order = documented_order()
    above = order[: order.index(module)]
    imported = set(imported_modules((SOURCE / f"{module}.py").read_text(encoding="utf-8")))
    assert sorted(imported - set(above)) == []


@pytest.mark.parametrize("module", MODULES)
def test_file_imports_no_private_module_of_keras_or_tensorflow(module):
    source = (SOURCE / f"{module}.py").read_text(encoding="utf-8")
    private = ("keras.src", "tensorflow.python")
    found = [name for name in imported_names(source) if name.startswith(private)]
    assert found == []


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("from digitcnn.tables import read_table", ["tables"]),
        ("from digitcnn import schedules", ["schedules"]),
        ("from . import schedules", ["schedules"]),
        ("from .tables import read_table", ["tables"]),
        ("def f():\n    import digitcnn.networks", ["networks"]),
        ("import digitcnn\ndigitcnn.load", ["classifier"]),
        ("from digitcnn import load", ["classifier"]),
        ("from digitcnn import no_such_name", ["__init__"]),
        ("from digitcnn import __version__", []),
        ("import keras", []),
    ],
)
def test_import_of_any_form_is_seen(source, modules):
    assert list(imported_modules(source)) == modules


def test_import_of_the_package_loads_no_large_library():
    heavy = ("tensorflow", "keras", "sklearn", "pandas", "numpy")
    assert loaded_after("import digitcnn", *heavy) == []


def test_import_of_the_estimator_and_the_readers_loads_neither_keras_nor_tensorflow():
    code = "\n".join(f"import digitcnn.{module}" for module in WITHOUT_KERAS)
    assert loaded_after(code, "tensorflow", "keras", "scikeras") == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_of_the_command_loads_no_large_library(arguments):
    code = (
        f"from digitcnn.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit as e:\n"
        "    assert not e.code"
    )
    assert loaded_after(code, "tensorflow", "keras", "sklearn", "pandas") == []

"""What may be imported when. The order of the packages is import-linter's: see pyproject.toml."""

import ast
import subprocess
import sys

import pytest

from conftest import ROOT

SOURCE = ROOT / "src" / "digitcnn"
MODULES = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py"))

# Whoever imports these has not asked for a network yet.
WITHOUT_KERAS = (
    "_utils.parameters",
    "_utils.images",
    "_utils.atomic",
    "_utils.array_file",
    "_utils.identity",
    "architectures",
    "augmentation.distortion",
    "calibration",
    "evaluation",
    "training.checkpoints",
    "serialization.schema",
    "serialization.estimators",
    "inference.export",
    "inference.graph",
    "classifier",
    "abstaining",
    "tables.files",
    "tables.csv_reader",
    "tables.columns",
    "tables.readers",
    "tables.streaming",
    "preprocessing.csv_transformer",
    "preprocessing.normalizer",
    "datasets",
    "reading",
    "recipes",
    "search",
    "inspection",
    "label_errors",
    "report",
    "cli.train",
    "cli.evaluate",
    "cli.predict",
    "cli.read",
    "cli.export",
    "cli.info",
    "cli.serve",
    "web.server",
)


def imported_names(source):
    """Full names of all that is imported, at module level or inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def loaded_after(code, *names):
    """Those of `names` that are in `sys.modules` of a new process that has run `code`."""
    script = f"import sys\n{code}\nprint(*set(sys.modules) & {set(names)!r}, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stderr.split()


@pytest.mark.parametrize("module", MODULES)
def test_file_imports_no_private_module_of_keras_or_tensorflow(module):
    source = (SOURCE / module).read_text(encoding="utf-8")
    private = ("keras.src", "tensorflow.python")
    assert [name for name in imported_names(source) if name.startswith(private)] == []


def test_import_of_the_package_loads_no_large_library():
    heavy = ("tensorflow", "keras", "sklearn", "pandas", "numpy")
    assert loaded_after("import digitcnn", *heavy) == []


@pytest.mark.slow
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


def test_server_loads_no_large_library():
    code = (
        "from digitcnn.web.server import run_server\nfrom digitcnn.web.app import make_app\n"
        "from digitcnn.web.settings import Settings\nmake_app(Settings())"
    )
    assert loaded_after(code, "tensorflow", "keras", "sklearn", "pandas", "scipy") == []


def test_reading_of_a_picture_loads_no_large_library():
    code = "import numpy\nfrom digitcnn import DigitReader\nDigitReader().read(numpy.eye(40))"
    assert loaded_after(code, "tensorflow", "keras", "sklearn", "pandas", "scipy") == []

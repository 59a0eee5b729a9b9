"""Changed files guided by the lines that they reach: python tests/fuzz/guided.py models 600

The first argument is models, tables, images or templates, and the second the time in seconds. It
needs atheris, which is installed separately. The test of that name finds the same files again.
"""

import inspect
import sys
import zipfile
from importlib import import_module
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]

READERS = {
    "models": ("_utils.array_file", "serialization.schema"),
    "images": ("tables.image_files",),
    "templates": ("reading.forms.schema", "reading.forms.template"),
    "tables": ("tables.files", "tables.csv_reader", "tables.columns", "tables.readers"),
}

if __name__ == "__main__":
    import atheris

    kind, seconds = sys.argv[1:]
    (test,) = (
        value
        for name, value in vars(import_module(f"fuzz.test_{kind}")).items()
        if name.startswith("test_")
    )
    for module in (*(import_module(f"digitcnn.{name}") for name in READERS[kind]), zipfile):
        for function in vars(module).values():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                atheris.instrument_func(function)

    def look(data):
        test.hypothesis.fuzz_one_input(data)

    # What Hypothesis makes a file of is long from the start.
    limits = [f"-max_total_time={seconds}", "-max_len=8192", "-len_control=0"]
    atheris.Setup([sys.argv[0], *limits], look)
    atheris.Fuzz()

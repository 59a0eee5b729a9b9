"""The public names, their signatures and their defaults: a change of any is seen, and meant.

``python tests/test_public_api.py`` writes them again.
"""

import inspect
from importlib import import_module
from pathlib import Path

from test_docs import names_on_the_api_page

SNAPSHOT = Path(__file__).parent / "data" / "public_api.txt"


def members_of(cls):
    """Public methods and properties, those of scikit-learn's bases left out."""
    for name, member in sorted(inspect.getmembers(cls)):
        owner = next(base for base in cls.__mro__ if name in vars(base))
        is_own = owner.__module__.startswith("digitcnn")
        # scikit-learn makes the latter, with whatever its version puts in.
        if name.startswith("_") or not is_own or name.endswith("_request"):
            continue
        yield name, member


def without_annotations(function):
    signature = inspect.signature(function)
    parameters = [
        one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)


def describe():
    lines = []
    for name in names_on_the_api_page():
        module, _, attribute = name.rpartition(".")
        thing = getattr(import_module(module), attribute)
        lines.append(f"{name}{without_annotations(thing)}")
        if not inspect.isclass(thing):
            continue
        for member_name, member in members_of(thing):
            if callable(member):
                lines.append(f"{name}.{member_name}{without_annotations(member)}")
            else:
                lines.append(f"{name}.{member_name}")
    return "\n".join(lines) + "\n"


def test_public_names_and_signatures_are_those_of_the_snapshot():
    assert describe() == SNAPSHOT.read_text(encoding="utf-8")


if __name__ == "__main__":
    SNAPSHOT.write_text(describe(), encoding="utf-8")

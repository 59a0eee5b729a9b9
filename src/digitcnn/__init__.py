"""Handwritten digits: a Keras network that is a scikit-learn estimator, and a reader of pictures.

The public names are loaded on first use, so that ``import digitcnn`` costs neither the import of
Keras nor that of scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from digitcnn._utils import workers as workers  # it notes when the process forks
from digitcnn._version import __version__ as __version__

if TYPE_CHECKING:
    from digitcnn import datasets as datasets
    from digitcnn import inspection as inspection
    from digitcnn.abstaining import AbstainingClassifier
    from digitcnn.classifier import DigitCNNClassifier
    from digitcnn.inference.export import export_onnx
    from digitcnn.preprocessing.csv_transformer import DigitCSVTransformer
    from digitcnn.preprocessing.normalizer import DigitNormalizer
    from digitcnn.pretrained import load_pretrained
    from digitcnn.reading.reader import DigitReader
    from digitcnn.recipes import make_digit_pipeline
    from digitcnn.saving import load, save

# Public name -> the module that defines it.
_HOMES = {
    "AbstainingClassifier": "digitcnn.abstaining",
    "DigitCNNClassifier": "digitcnn.classifier",
    "DigitCSVTransformer": "digitcnn.preprocessing.csv_transformer",
    "DigitNormalizer": "digitcnn.preprocessing.normalizer",
    "DigitReader": "digitcnn.reading.reader",
    "export_onnx": "digitcnn.inference.export",
    "load": "digitcnn.saving",
    "load_pretrained": "digitcnn.pretrained",
    "make_digit_pipeline": "digitcnn.recipes",
    "save": "digitcnn.saving",
}

__all__ = [
    "AbstainingClassifier",
    "DigitCNNClassifier",
    "DigitCSVTransformer",
    "DigitNormalizer",
    "DigitReader",
    "datasets",
    "export_onnx",
    "inspection",
    "load",
    "load_pretrained",
    "make_digit_pipeline",
    "save",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in ("datasets", "inspection"):
        return import_module(f"digitcnn.{name}")
    raise AttributeError(f"module 'digitcnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

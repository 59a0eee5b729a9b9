"""Handwritten digits read by a Keras CNN that behaves like any scikit-learn estimator.

The public names are loaded on first use, so that ``import digitcnn`` costs neither the import of
Keras nor that of scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from digitcnn import datasets as datasets
    from digitcnn import inspection as inspection
    from digitcnn.abstaining import AbstainingClassifier
    from digitcnn.classifier import DigitCNNClassifier, load, save
    from digitcnn.normalizer import DigitNormalizer
    from digitcnn.onnx_export import export_onnx
    from digitcnn.recipes import make_digit_pipeline
    from digitcnn.transformers import DigitCSVTransformer

# Public name -> the module that defines it.
_HOMES = {
    "AbstainingClassifier": "digitcnn.abstaining",
    "DigitCNNClassifier": "digitcnn.classifier",
    "DigitCSVTransformer": "digitcnn.transformers",
    "DigitNormalizer": "digitcnn.normalizer",
    "export_onnx": "digitcnn.onnx_export",
    "load": "digitcnn.classifier",
    "make_digit_pipeline": "digitcnn.recipes",
    "save": "digitcnn.classifier",
}

__all__ = [
    "AbstainingClassifier",
    "DigitCNNClassifier",
    "DigitCSVTransformer",
    "DigitNormalizer",
    "datasets",
    "export_onnx",
    "inspection",
    "load",
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

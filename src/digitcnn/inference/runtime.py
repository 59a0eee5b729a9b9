"""ONNX Runtime, without what it tells its makers."""

import importlib
import os
import sys
from typing import Any

_SWITCH = "ORT_DISABLE_TELEMETRY"


def import_onnx_runtime() -> Any:
    """The module `onnxruntime`, imported so that it sends and keeps nothing.

    Newer versions report to their makers by default, and write a file of their own to the folder of
    temporary files as soon as they are imported. They read this variable once; child processes do
    not inherit it. Where a program has imported ONNX Runtime before, that is its own choice.
    """
    is_ours = "onnxruntime" not in sys.modules and _SWITCH not in os.environ
    if is_ours:
        os.environ[_SWITCH] = "1"
    try:
        return importlib.import_module("onnxruntime")
    finally:
        if is_ours:
            os.environ.pop(_SWITCH, None)

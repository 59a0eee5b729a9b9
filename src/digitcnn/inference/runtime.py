"""Imports ONNX Runtime with its telemetry off."""

import importlib
import os
import sys
from typing import Any

_SWITCH = "ORT_DISABLE_TELEMETRY"


def import_onnx_runtime() -> Any:
    """The module `onnxruntime`, imported so that it sends and stores nothing.

    Newer versions send telemetry by default, and write a file to the folder of temporary files on
    import. They read the environment variable once; child processes do not inherit it. If a program
    has imported ONNX Runtime before, its setting stays.
    """
    is_ours = "onnxruntime" not in sys.modules and _SWITCH not in os.environ
    if is_ours:
        os.environ[_SWITCH] = "1"
    try:
        return importlib.import_module("onnxruntime")
    finally:
        if is_ours:
            os.environ.pop(_SWITCH, None)

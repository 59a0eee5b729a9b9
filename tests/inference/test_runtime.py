import os
import subprocess
import sys

import pytest

CODE = """
import os, sys
import numpy as np
from digitcnn import DigitReader
picture = np.full((60, 60), 255)
picture[10:50, 28:33] = 0
assert DigitReader(layout="single").read(picture).text
print(os.environ.get("ORT_DISABLE_TELEMETRY"), "onnxruntime" in sys.modules)
"""


def run(folder, **environment):
    clean = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**clean, "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.split()


def test_reading_leaves_no_file_and_no_variable_behind(tmp_path):
    assert run(tmp_path) == ["None", "True"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["0", "1"])
def test_what_the_user_has_set_stays(tmp_path, value):
    assert run(tmp_path, ORT_DISABLE_TELEMETRY=value) == [value, "True"]

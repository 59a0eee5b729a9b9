import keras
import numpy as np
import pytest
from keras import ops

from digitcnn import devices
from digitcnn.devices import choose_precision, compiled, device_scope


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_precision_that_is_said_is_taken(precision):
    assert choose_precision(precision) == precision


@pytest.mark.parametrize(
    ("gpu", "flags", "chosen"),
    [
        (None, {"avx2"}, "float32"),
        (None, {"avx2", "avx512_bf16"}, "bfloat16"),
        (None, {"amx_bf16"}, "bfloat16"),
        (True, {"avx2"}, "bfloat16"),
        (False, {"amx_bf16"}, "float32"),
        (None, set(), "float32"),
    ],
)
@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has no bfloat16 on processors")
def test_auto_precision_is_bfloat16_where_the_hardware_has_it(monkeypatch, gpu, flags, chosen):
    monkeypatch.setattr(devices, "_gpu_has_bfloat16", lambda: gpu)
    monkeypatch.setattr(devices, "_processor_flags", lambda: frozenset(flags))
    assert choose_precision("auto") == chosen


def test_compiled_function_gives_what_the_function_gives():
    def function(x):
        return ops.sqrt(x) + 1

    x = np.arange(5, dtype=np.float32)
    result = ops.convert_to_numpy(compiled(function)(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(result, np.sqrt(x) + 1, rtol=1e-6)


def test_device_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"device='gpu:9' was not found; there is"):
        device_scope("gpu:9")
    with device_scope("cpu"), device_scope("auto"):
        pass

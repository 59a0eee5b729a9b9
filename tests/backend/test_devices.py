import os
import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import keras
import pytest

from conftest import TESTS, make_classifier
from digitcnn.backend import devices
from digitcnn.backend.devices import choose_precision, device_scope, on_processor


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


def test_device_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match=r"devices found .*, got 'gpu:9'"):
        device_scope("gpu:9")
    with device_scope("cpu"), device_scope("auto"):
        pass


def test_auto_device_of_a_worker_is_its_own_of_several_gpus(monkeypatch):
    monkeypatch.setattr(devices, "list_gpus", lambda: ["gpu:0", "gpu:1", "gpu:2"])
    assert devices.choose_device("auto") is None  # no worker: the backend's choice
    monkeypatch.setattr(devices, "worker_number", lambda: 4)
    assert devices.choose_device("auto") == "gpu:1"
    assert devices.choose_device("gpu") == "gpu:0"
    assert devices.choose_device("gpu:2") == "gpu:2"
    assert not on_processor("auto")
    assert on_processor("cpu")
    monkeypatch.setattr(devices, "list_gpus", lambda: ["gpu:0"])
    assert devices.choose_device("auto") is None
    monkeypatch.setattr(devices, "list_gpus", list)
    assert on_processor("auto")


DATA_PARALLEL = """
import sys
import keras
import numpy as np
sys.path.insert(0, {tests!r})
from conftest import make_classifier
from sklearn.datasets import load_digits
from digitcnn.backend.devices import count_devices
X, y = load_digits(return_X_y=True)
X = (X * 15).astype("uint8")
assert count_devices("all") == 2
weights = []
for device in ("cpu", "all"):
    # Plain gradient descent: others divide rounding errors by rounding errors.
    clf = make_classifier(epochs=2, device=device, optimizer="sgd", weight_decay=0.0)
    clf.fit(X[:192], y[:192])
    weights.append(clf._trainer.network.get_weights())
    assert keras.distribution.distribution() is None
for one, other in zip(*weights):
    np.testing.assert_allclose(one, other, atol=2e-5)
# Numbers of images that two devices do not divide.
clf.fit(X[:99], y[:99])
assert clf.predict_proba(X[:7]).shape == (7, 10)
assert clf.predict(X[:1]).shape == (1,)
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_training_on_two_devices_gives_what_one_gives():
    done = subprocess.run(
        [sys.executable, "-c", DATA_PARALLEL.format(tests=str(TESTS))],
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX can")
def test_several_devices_are_refused_where_keras_cannot(digits):
    with pytest.raises(ValueError, match="device='all' expected Keras's JAX backend, got"):
        make_classifier(device="all").fit(digits[0][:50], digits[1][:50])


def pretend(monkeypatch, backend, **module):
    """Let the backend be another one, with a module that stands in for its library."""
    monkeypatch.setattr(devices.keras.backend, "backend", lambda: backend)
    monkeypatch.setitem(sys.modules, backend, SimpleNamespace(**module))


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True), (None, False)]
)
def test_gpu_of_tensorflow_has_bfloat16_from_capability_8(monkeypatch, capability, expected):
    details = {} if capability is None else {"compute_capability": capability}
    config = SimpleNamespace(
        list_physical_devices=lambda kind: [kind],
        experimental=SimpleNamespace(get_device_details=lambda gpu: details),
    )
    pretend(monkeypatch, "tensorflow", config=config)
    assert devices._gpu_has_bfloat16() is expected


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"platform": "cpu"}, None),
        ({"platform": "gpu", "compute_capability": "7.5"}, False),
        ({"platform": "gpu", "compute_capability": "9.0"}, True),
        ({"platform": "tpu"}, True),
    ],
)
def test_accelerator_of_jax_has_bfloat16_unless_it_is_an_old_gpu(monkeypatch, device, expected):
    pretend(monkeypatch, "jax", devices=lambda: [SimpleNamespace(**device)])
    assert devices._gpu_has_bfloat16() is expected


@pytest.mark.parametrize(("n_gpus", "expected"), [(0, None), (2, True)])
def test_gpus_of_pytorch_are_counted_and_asked_for_bfloat16(monkeypatch, n_gpus, expected):
    cuda = SimpleNamespace(
        is_available=lambda: n_gpus > 0,
        device_count=lambda: n_gpus,
        is_bf16_supported=lambda: True,
    )
    pretend(monkeypatch, "torch", cuda=cuda)
    assert devices._gpu_has_bfloat16() is expected
    assert devices.list_gpus() == [f"gpu:{i}" for i in range(n_gpus)]
    assert devices._list_devices("cpu") == ["cpu:0"]


def test_backend_without_devices_of_a_kind_has_none(monkeypatch):
    def fail(kind):
        raise RuntimeError(f"Unknown backend {kind}")  # as JAX

    monkeypatch.setattr(devices.keras.distribution, "list_devices", fail)
    assert devices.list_gpus() == []


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("model\t: x\nflags\t\t: fpu amx_bf16\nflags\t: fpu\n", {"fpu", "amx_bf16"}),
        ("Features\t: fp asimd\n", set()),  # an Arm processor
        (None, set()),  # macOS and Windows have no such file
    ],
)
def test_flags_of_the_processor_are_those_that_linux_tells(monkeypatch, text, flags):
    def read(path, encoding):
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr(devices.Path, "read_text", read)
    assert devices._processor_flags.__wrapped__() == flags

import keras
import numpy as np
import pytest

from digitcnn.backend.optimizers import compile_model
from digitcnn.backend.steps import KerasSteps


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    return rng.random((5, 4, 4, 1), np.float32), np.array([0, 1, 2, 1, 0], np.int32)


@pytest.fixture(scope="module")
def model(batch):
    """A network whose learning rate is 0."""
    made = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    compile_model(made, keras.optimizers.SGD(0.0))
    return made


@pytest.mark.parametrize("n_devices", [1, 3])
def test_answers_are_those_of_the_model_however_many_devices_divide_the_batch(
    model, batch, n_devices
):
    steps = KerasSteps(model, n_devices)
    expected = keras.ops.convert_to_numpy(model(batch[0]))
    for n in (1, 2, 5):
        np.testing.assert_allclose(steps.predict(batch[0][:n]), expected[:n], rtol=1e-5)


@pytest.mark.parametrize("weights", [None, np.array([1, 0, 2, 1, 1], np.float32)])
def test_figures_of_a_step_are_sums_over_its_images(model, batch, weights):
    images, y = batch
    p = keras.ops.convert_to_numpy(model(images))
    losses = -np.log(p[np.arange(5), y])
    model.reset_metrics()
    figures = KerasSteps(model).train(images, y, weights)
    expected = losses.sum() if weights is None else (losses * weights).sum()
    assert figures["loss"] == pytest.approx(expected, rel=1e-4)
    assert figures["accuracy"] == pytest.approx((p.argmax(axis=1) == y).sum(), rel=1e-5)
    figures = KerasSteps(model).evaluate(images, y, 0.0)
    assert figures["loss"] == pytest.approx(losses.sum(), rel=1e-4)


def test_figure_that_keras_left_unconverted_is_an_interrupt(model, batch, monkeypatch):
    logs = {"loss": keras.ops.convert_to_tensor(1.0), "accuracy": 0.5}
    monkeypatch.setattr(model, "train_on_batch", lambda *_, **__: logs)
    with pytest.raises(KeyboardInterrupt):
        KerasSteps(model).train(*batch, None)

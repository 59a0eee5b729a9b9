"""What holds on a GPU. Without one, and that is nearly everywhere, all of it is skipped."""

import copy

import keras
import numpy as np
import pytest

import digitcnn
from conftest import make_classifier
from digitcnn.backend.devices import choose_precision, list_gpus, on_processor


@pytest.fixture(scope="module", autouse=True)
def gpu():
    gpus = list_gpus()
    if not gpus:
        pytest.skip("there is no GPU")
    return gpus[0]


@pytest.fixture(scope="module")
def trained(gpu, digits):
    X, y = digits
    return make_classifier(epochs=12, learning_rate=0.005, precision="float32").fit(
        X[:1200], y[:1200]
    )


def test_auto_takes_the_gpu_and_learns(trained, digits):
    assert not on_processor("auto")
    assert trained.score(digits[0][1200:], digits[1][1200:]) > 0.9


def test_gpu_by_name_trains_as_auto_does(gpu, digits):
    X, y = digits
    clf = make_classifier(device=gpu, epochs=4).fit(X[:1000], y[:1000])
    assert clf.score(X[:1000], y[:1000]) > 0.7


def test_gpu_that_is_not_there_is_refused_with_those_that_are(gpu, digits):
    with pytest.raises(ValueError, match=rf"devices found .*{gpu}.*, got 'gpu:99'"):
        make_classifier(device="gpu:99").fit(digits[0][:50], digits[1][:50])


def test_answers_are_those_of_the_processor(trained, digits, tmp_path):
    X = digits[0][1200:]
    trained.save(tmp_path / "m.digitcnn")
    beside = copy.deepcopy(trained)
    beside._trainer.network.plan.device = "cpu"
    np.testing.assert_allclose(beside.predict_proba(X), trained.predict_proba(X), atol=1e-3)
    again = digitcnn.load(tmp_path / "m.digitcnn")
    np.testing.assert_allclose(again.predict_proba(X), trained.predict_proba(X), atol=1e-6)


def test_processor_trains_beside_the_gpu(trained, digits):
    X, y = digits
    beside = make_classifier(device="cpu", epochs=6).fit(X[:1000], y[:1000])
    assert beside.score(X[:1000], y[:1000]) > 0.7
    assert trained.score(X[:1000], y[:1000]) > 0.9


def test_bfloat16_is_the_precision_where_the_gpu_has_it(gpu):
    assert choose_precision("auto") in ("bfloat16", "float32")
    if keras.backend.backend() == "torch":
        import torch

        expected = "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
        assert choose_precision("auto") == expected


def test_distorted_training_early_stopping_and_a_warm_start_work(digits):
    X, y = digits
    clf = make_classifier(
        architecture="compact",
        epochs=3,
        rotation_range=8.0,
        elastic_alpha=16.0,
        corruption_rate=0.2,
        validation_fraction=0.2,
        early_stopping=True,
        warm_start=True,
    )
    clf.fit(X[:1000], y[:1000])
    losses = list(clf.batch_loss_curve_)
    clf.fit(X[:1000], y[:1000]).partial_fit(X[1000:1100], y[1000:1100])
    assert len(clf.batch_loss_curve_) > 2 * len(losses)
    assert np.isfinite(clf.batch_loss_curve_).all()


def test_callbacks_see_the_weights_of_their_batch(digits):
    X, y = digits

    class Watch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(np.array(self.model.get_weights()[0]))

    clf = make_classifier(epochs=1, callbacks=[Watch()]).fit(X[:256], y[:256])
    (watch,) = clf.callbacks_
    assert len(watch.seen) == 4
    assert all((a != b).any() for a, b in zip(watch.seen, watch.seen[1:], strict=False))
    np.testing.assert_array_equal(watch.seen[-1], clf.model_.get_weights()[0])

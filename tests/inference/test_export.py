"""An exported estimator, run by ONNX Runtime, predicts the same as the estimator."""

import json
import subprocess
import sys

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from keras import layers
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

import digitcnn
from conftest import make_classifier
from digitcnn import datasets
from digitcnn.cli import export as command_export
from digitcnn.cli import main
from digitcnn.inference.export import TOLERANCE, compare, export_onnx, to_onnx


def run(data, images):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["label", "probabilities"], {"images": images})


def assert_alike(clf, X):
    n_differing, difference = compare(clf, to_onnx(clf), X)
    assert n_differing == 0
    assert difference < TOLERANCE


@pytest.fixture(scope="module")
def exact(digits):
    """A classifier that computes in float32 on every machine, with a temperature of its own."""
    X, y = digits
    clf = make_classifier(epochs=4, precision="float32", validation_fraction=0.2)
    clf.fit(X[:500], y[:500])
    assert clf.temperature_ != 1.0
    return clf


@pytest.fixture(scope="module")
def sample_model(tmp_path_factory):
    """A model of the default network, of the bundled sample's 28x28 pixels."""
    X, y = datasets.load_sample_digits()
    clf = digitcnn.DigitCNNClassifier(epochs=2, precision="float32", random_state=0)
    path = tmp_path_factory.mktemp("model") / "m.digitcnn"
    clf.fit(X[:600], y[:600]).save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["compact", "elu-bn", "relu-dropout", "slim"])
@pytest.mark.parametrize("side", [8, 3])
def test_every_architecture_reads_as_the_estimator_does(digits, architecture, side):
    X, y = digits[0][:, : side * side], digits[1]
    clf = make_classifier(architecture=architecture, epochs=1, precision="float32")
    assert_alike(clf.fit(X[:200], y[:200]), X[:300])


@pytest.mark.slow
@pytest.mark.parametrize("n_pixels", [60, 17, 1])
def test_rows_that_were_filled_up_are_exported_and_compared(digits, tmp_path, n_pixels):
    X, y = digits[0][:100, :n_pixels], digits[1][:100]
    clf = make_classifier(epochs=1, precision="float32", image_shape="pad").fit(X, y)
    assert_alike(clf, X)
    clf.save(tmp_path / "m.digitcnn")
    assert main(["export", str(tmp_path / "m.digitcnn"), str(tmp_path / "m.onnx")]) == 0


@pytest.mark.slow
def test_any_number_of_bytes_goes_in_and_labels_and_probabilities_come_out(exact, digits):
    X = digits[0]
    data = to_onnx(exact)
    for n in (1, 2, 33):
        label, probabilities = run(data, X[:n].reshape(n, 8, 8, 1))
        np.testing.assert_array_equal(label, exact.predict(X[:n]))
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
        np.testing.assert_allclose(probabilities, exact.predict_proba(X[:n]), atol=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("fill_mode", ["nearest", "constant"])
def test_views_of_an_image_are_in_the_graph(digits, fill_mode):
    X, y = digits
    clf = make_classifier(epochs=6, precision="float32", fill_mode=fill_mode)
    clf.fit(X[:300], y[:300])
    plain = clf.predict_proba(X[:100])
    clf.set_params(test_time_augmentation=6)
    assert np.abs(clf.predict_proba(X[:100]) - plain).max() > 100 * TOLERANCE
    assert_alike(clf, X[:100])


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        (np.array([f"digit {i}" for i in range(10)]), object),
        (np.array([f"digit {i}" for i in range(10)], dtype=object), object),
        (np.arange(10) * 100, np.int64),
        (np.arange(10, dtype=np.uint8), np.int64),
        (np.arange(10.0), np.float64),
    ],
)
def test_labels_keep_their_type(digits, names, dtype):
    X, y = digits
    clf = make_classifier(epochs=1).fit(X[:100], names[y[:100]])
    label, _ = run(to_onnx(clf), X[:20].reshape(-1, 8, 8, 1))
    assert label.dtype == dtype
    np.testing.assert_array_equal(label, clf.predict(X[:20]))


@pytest.mark.parametrize(
    ("scaled", "pixel_range", "dtype"),
    [
        (lambda X: X // 16, (0, 15), np.uint8),
        (lambda X: X, (30, 200), np.uint8),
        (lambda X: X / 255.0, "auto", np.float32),
        (lambda X: X / 255.0 - 0.5, (-0.5, 0.5), np.float32),
        (lambda X: X * 100.0, "data", np.float32),
        (lambda X: X * (199.5 / 255), "data", np.float32),
    ],
)
def test_scale_of_the_pixels_is_in_the_graph(digits, scaled, pixel_range, dtype):
    X, y = digits
    X = scaled(X).clip(*pixel_range) if isinstance(pixel_range, tuple) else scaled(X)
    clf = make_classifier(epochs=1, pixel_range=pixel_range, precision="float32")
    clf.fit(X[:100], y[:100])
    session = onnxruntime.InferenceSession(to_onnx(clf))
    (images,) = session.get_inputs()
    assert images.type == {np.uint8: "tensor(uint8)", np.float32: "tensor(float)"}[dtype]
    assert images.shape == ["n", 8, 8, 1]
    assert_alike(clf, X[:100])


@pytest.mark.slow
def test_coloured_pictures_that_are_not_square_are_read(digits):
    X = np.concatenate([digits[0][:150]] * 3, axis=1).reshape(-1, 16, 4, 3)
    clf = make_classifier(epochs=1, precision="float32").fit(X, digits[1][:150])
    _, probabilities = run(to_onnx(clf), X)
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), atol=TOLERANCE)


@pytest.mark.slow
def test_one_class_alone_has_one_probability(digits):
    X = digits[0][:20]
    clf = make_classifier(epochs=1).fit(X, np.zeros(20, int))
    label, probabilities = run(to_onnx(clf), X.reshape(-1, 8, 8, 1))
    np.testing.assert_allclose(probabilities, np.ones((20, 1)), atol=1e-6)
    assert (label == 0).all()


def test_ensemble_gives_the_mean_of_its_networks(digits):
    X, y = digits
    names = np.array([f"n{i}" for i in range(10)])
    members = [(str(s), make_classifier(random_state=s, precision="float32")) for s in range(3)]
    clf = VotingClassifier(members, voting="soft").fit(X[:300], names[y[:300]])
    assert_alike(clf, X[300:500])


def common_layers(image_shape, n_classes):
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="tanh"),
            layers.Conv2D(6, 2, dilation_rate=2, groups=2, padding="same", activation="selu"),
            layers.BatchNormalization(scale=False),
            layers.ReLU(max_value=2.0, negative_slope=0.1),
            layers.AveragePooling2D(3, strides=1, padding="same"),
            layers.LeakyReLU(0.2),
            layers.ELU(0.7),
            layers.MaxPooling2D(2, padding="same"),
            layers.GlobalAveragePooling2D(keepdims=True),
            layers.Flatten(),
            layers.Dense(12, activation="sigmoid"),
            layers.BatchNormalization(center=False),
            layers.Activation("softplus"),
            layers.Dropout(0.5),
            layers.Dense(n_classes, use_bias=False),
            layers.Softmax(),
        ]
    )


@pytest.mark.slow
def test_common_layers_of_ones_own_network_are_exported(digits):
    X, y = digits
    clf = make_classifier(architecture=common_layers, precision="float32", epochs=1)
    clf.fit(X[:100], y[:100])
    rng = np.random.default_rng(0)
    weights = [
        rng.standard_normal(one.shape) if one.ndim > 1 else rng.uniform(0.5, 1.5, one.shape)
        for one in clf.model_.get_weights()
    ]
    clf.model_.set_weights(weights)
    assert np.ptp(clf.predict_proba(X), axis=0).max() > 100 * TOLERANCE
    assert_alike(clf, X)


def logits(image_shape, n_classes):
    return keras.Sequential([keras.Input(image_shape), layers.Flatten(), layers.Dense(n_classes)])


@pytest.mark.filterwarnings("ignore:architecture=.* does not end in a softmax")
def test_logits_of_ones_own_network_become_probabilities(digits):
    X, y = digits
    clf = make_classifier(architecture=logits, precision="float32", epochs=1)
    assert_alike(clf.fit(X[:100], y[:100]), X)


def relu(x):
    """Has the name of Keras's own."""
    return keras.ops.relu(x) * 2


class Swish(layers.ReLU):
    """Has the name of another layer, and does something else."""

    def call(self, x):
        return keras.ops.silu(x)


Swish.__name__ = "ReLU"


def overriding(method):
    def network(image_shape, n_classes):
        def own(self, *arguments, **options):
            return getattr(keras.Sequential, method)(self, *arguments, **options)

        kind = type("Own", (keras.Sequential,), {method: own})
        last = layers.Dense(n_classes, activation="softmax")
        return kind([keras.Input(image_shape), layers.Flatten(), last])

    return network


def functional(image_shape, n_classes):
    x = keras.Input(image_shape)
    y = layers.Dense(n_classes, activation="softmax")(layers.Flatten()(x))
    return keras.Model(x, y)


def sequential(make_layer):
    def network(image_shape, n_classes):
        last = layers.Dense(n_classes, activation="softmax")
        return keras.Sequential([keras.Input(image_shape), make_layer(), layers.Flatten(), last])

    return network


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "says"),
    [
        (functional, "this network cannot be exported to ONNX: expected a keras.Sequential, got"),
        (
            sequential(lambda: layers.LayerNormalization(name="ln")),
            "layer 'ln': expected one of Keras's Activation, .* got a LayerNormalization",
        ),
        (
            sequential(lambda: layers.Conv2D(2, 3, activation="silu")),
            r"expected activation=None",
        ),
        (
            sequential(lambda: layers.Conv2D(2, 3, activation=relu, name="own")),
            "layer 'own': expected an activation of Keras's, got relu",
        ),
        (sequential(lambda: layers.ReLU(threshold=0.5)), "expected threshold=0"),
        (sequential(lambda: layers.Softmax(axis=1)), r"expected axis=-1 or 3 .* Softmax\(axis=1\)"),
        (sequential(lambda: layers.Dense(3)), "expected a Flatten or a global pooling before it"),
        (sequential(lambda: layers.BatchNormalization(axis=1)), "expected axis=-1 or 3"),
        (sequential(lambda: Swish(name="swish")), "layer 'swish': .* got a ReLU"),
        (overriding("call"), "expected Keras's own call, got Own.call"),
        (overriding("predict_step"), "expected Keras's own predict_step, got Own.predict_step"),
    ],
)
def test_network_that_is_not_known_is_refused_and_nothing_is_written(
    digits, tmp_path, architecture, says
):
    X, y = digits
    clf = make_classifier(architecture=architecture, epochs=1).fit(X[:50], y[:50])
    with pytest.raises(ValueError, match=says):
        export_onnx(clf, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_other_estimators_and_labels_are_refused(digits):
    X, y = digits
    with pytest.raises(
        ValueError, match=r"expected a DigitCNNClassifier, .* cannot be exported to ONNX"
    ):
        to_onnx(GaussianNB().fit(X[:50], y[:50]))
    with pytest.raises(NotFittedError):
        to_onnx(make_classifier())
    dates = np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")[np.arange(50) % 2]
    clf = make_classifier(epochs=1).fit(X[:50], dates)
    with pytest.raises(ValueError, match=r"numbers or strings for ONNX, got datetime64\[D\]"):
        to_onnx(clf)


def test_file_says_what_it_is_and_the_estimator_is_as_before(exact, digits, tmp_path):
    before = sorted(vars(exact._trainer.network))
    digitcnn.export_onnx(exact, tmp_path / "m.onnx")
    assert sorted(vars(exact._trainer.network)) == before
    made = onnx.load(tmp_path / "m.onnx")
    assert made.producer_name == "digitcnn"
    metadata = {one.key: json.loads(one.value) for one in made.metadata_props}
    assert metadata == {
        "digitcnn": digitcnn.__version__,
        "classes": list(range(10)),
        "image_shape": [8, 8, 1],
        "pixel_range": [0.0, 255.0],
        "networks": 1,
    }


@pytest.mark.slow
def test_file_is_read_without_this_package_and_its_backend(sample_model, tmp_path):
    clf = digitcnn.load(sample_model)
    digitcnn.export_onnx(clf, tmp_path / "m.onnx")
    X, _ = datasets.load_sample_digits()
    np.save(tmp_path / "X.npy", X[:50].reshape(-1, 28, 28, 1))
    code = (
        "import sys, numpy as np, onnxruntime as ort\n"
        "session = ort.InferenceSession('m.onnx')\n"
        "label, _ = session.run(None, {'images': np.load('X.npy')})\n"
        "assert not {'digitcnn', 'keras', 'tensorflow', 'onnx'} & set(sys.modules)\n"
        "print(*label)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert [int(label) for label in done.stdout.split()] == clf.predict(X[:50]).tolist()


# The command


@pytest.mark.slow
def test_command_checks_the_file_on_the_sample(sample_model, tmp_path, capsys):
    out = tmp_path / "m.onnx"
    assert main(["export", str(sample_model), str(out)]) == 0
    text = capsys.readouterr().out
    assert "checked on 1,797 sample digits: no labels differ, probabilities by up" in text
    assert f"ONNX model written to {out}" in text
    assert main(["export", str(sample_model), str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["differing_labels"] == 0
    assert result["largest_difference"] < TOLERANCE
    assert result["bytes"] == out.stat().st_size


def test_command_checks_a_model_of_other_images_on_random_ones(exact, tmp_path, capsys):
    exact.save(tmp_path / "m.digitcnn")
    assert main(["export", str(tmp_path / "m.digitcnn"), str(tmp_path / "m.onnx")]) == 0
    assert "256 random images: no labels differ" in capsys.readouterr().out


@pytest.mark.slow
def test_command_writes_nothing_where_the_answers_differ(
    sample_model, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(command_export, "compare", lambda *arguments: (3, 0.01))
    assert main(["export", str(sample_model), str(tmp_path / "m.onnx")]) == 2
    assert "got 3 other labels for " in (capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []

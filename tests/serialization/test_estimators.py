import copy
import gzip
import io
import json
import os
import subprocess
import sys
import warnings
import zipfile
from importlib.util import find_spec

import keras
import numpy as np
import pytest
import skops.io
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

import digitcnn
from conftest import TESTS, make_classifier
from digitcnn._utils.array_file import VERSION, read_model_file, write_model_file
from digitcnn._utils.ensembles import networks_of
from hostile_files import Spy, hostile_model_files

DATA = TESTS / "data"
EARLIER_VERSIONS = sorted(
    int(path.name.split(".")[0].removeprefix("model_v")) for path in DATA.glob("model_v*.gz")
)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.digitcnn"
    fitted.save(path)
    return path


def assert_answers_alike(loaded, clf, X):
    """The same weights; a loaded estimator computes with them in float32."""
    for mine, its in zip(networks_of(loaded), networks_of(clf), strict=True):
        weights = mine._trainer.network.get_weights(), its._trainer.network.get_weights()
        for one, other in zip(*weights, strict=True):
            np.testing.assert_array_equal(one, other)
    exact = all(network.precision_ == "float32" for network in networks_of(clf))
    tolerance = 1e-5 if exact else 0.03
    np.testing.assert_allclose(loaded.predict_proba(X), clf.predict_proba(X), atol=tolerance)


def test_loaded_model_is_the_saved_one(fitted, saved, digits):
    X, _ = digits
    loaded = digitcnn.load(saved)
    assert_answers_alike(loaded, fitted, X[:300])
    assert loaded.precision_ == "float32"
    assert loaded.get_params() == fitted.get_params()
    for name in ("classes_", "n_features_in_", "image_shape_", "pixel_range_", "n_iter_"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(fitted, name))
    assert loaded.history_ == fitted.history_
    assert loaded.batch_loss_curve_ == fitted.batch_loss_curve_


def test_file_holds_json_and_plain_arrays_alone(saved, fitted):
    with zipfile.ZipFile(saved) as archive:
        names = archive.namelist()
        header = json.loads(archive.read("model.json"))
        arrays = [
            np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
            for name in names
            if name.endswith(".npy")
        ]
    assert header["version"] == VERSION
    assert header["members"][0]["parameters"]["architecture"] == "relu-dropout"
    assert names == ["model.json", *(f"arrays/{i:03d}.npy" for i in range(len(arrays)))]
    for array, weight in zip(arrays[:-1], fitted.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(array, weight)
    assert arrays[-1].tolist() == fitted.batch_loss_curve_


def test_equal_models_are_equal_files(fitted, saved, tmp_path):
    fitted.save(tmp_path / "again.digitcnn")
    assert (tmp_path / "again.digitcnn").read_bytes() == saved.read_bytes()


def test_what_validation_data_told_comes_back_from_the_file(digits, tmp_path):
    X, y = digits
    clf = make_classifier(validation_fraction=0.3, epochs=2).fit(X[:400], y[:400])
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.temperature_ == clf.temperature_ != 1.0
    assert loaded.confidence_threshold(0.1) == clf.confidence_threshold(0.1)
    assert_answers_alike(loaded, clf, X[:99])


@pytest.mark.slow
def test_ensemble_comes_back_from_the_file(digits, tmp_path):
    X, y = digits
    names = np.array(list("abcdefghij"), object)
    members = [(str(seed), make_classifier(random_state=seed, epochs=6)) for seed in range(2)]
    ensemble = VotingClassifier(members, voting="soft").fit(X[:300], names[y[:300]])
    digitcnn.save(ensemble, tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert_answers_alike(loaded, ensemble, X[:99])
    np.testing.assert_array_equal(loaded.predict(X[:99]), ensemble.predict(X[:99]))
    assert loaded.score(X[300:600], names[y[300:600]]) > 0.5
    assert loaded.named_estimators_["1"].random_state == 1
    assert loaded.n_features_in_ == 64


@pytest.mark.parametrize("when", ["before", "after"])
def test_ensemble_with_a_dropped_member_comes_back_with_the_others(digits, tmp_path, when):
    X, y = digits
    members = [(name, make_classifier(epochs=1, random_state=i)) for i, name in enumerate("abc")]
    ensemble = VotingClassifier(members, voting="soft")
    if when == "before":
        ensemble.set_params(b="drop")
    ensemble.fit(X[:100], y[:100]).set_params(a="drop" if when == "after" else members[0][1])
    digitcnn.save(ensemble, tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert_answers_alike(loaded, ensemble, X[:99])
    names = "ac" if when == "before" else "abc"
    assert [name for name, _ in loaded.estimators] == list(names)
    for name in names:
        assert loaded.named_estimators_[name].random_state == "abc".index(name)


@pytest.mark.slow
def test_numbers_flags_and_strings_of_numpy_come_back_as_pythons(digits, tmp_path):
    X, y = digits
    given = {
        "architecture": np.str_("relu-dropout"),
        "optimizer": np.str_("adam"),
        "epochs": np.int64(1),
        "learning_rate": np.float32(0.5),
        "early_stopping": np.False_,
        "zoom_range": (np.float64(0.5), np.float32(1.5)),
        "image_shape": (np.int64(8), np.int32(8)),
        "pixel_range": (np.uint8(0), np.int64(255)),
    }
    clf = make_classifier(**given).fit(X[:40], y[:40])
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.get_params() == clf.get_params()
    assert type(loaded.architecture) is str
    assert_answers_alike(loaded, clf, X[:9])


class Larger(digitcnn.DigitCNNClassifier):
    """A subclass with one more parameter."""

    def __init__(self, architecture="relu-dropout", *, larger=1, epochs=1, random_state=0):
        super().__init__(architecture, epochs=epochs, random_state=random_state)
        self.larger = larger


def test_subclass_with_one_more_parameter_fits_and_is_saved_as_its_base(digits, tmp_path):
    X, y = digits
    search = GridSearchCV(Larger(), {"larger": [2, object()]}, cv=2, error_score="raise")
    clf = search.fit(X[:60], y[:60]).best_estimator_
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert type(loaded) is digitcnn.DigitCNNClassifier
    assert_answers_alike(loaded, clf, X[:9])


def test_other_estimators_cannot_be_saved(digits, fitted, tmp_path):
    X, y = digits
    members = [("a", fitted), ("b", GaussianNB())]
    mixed = VotingClassifier(members, voting="soft").fit(X[:300], y[:300])
    hard = VotingClassifier([("a", make_classifier(epochs=1))]).fit(X[:99], y[:99])
    for clf in (mixed, hard, GaussianNB().fit(X, y)):
        with pytest.raises(
            ValueError, match=r"expected a DigitCNNClassifier, .* cannot be saved in a model file"
        ):
            digitcnn.save(clf, tmp_path / "m.digitcnn")
    assert not list(tmp_path.iterdir())


def test_loaded_model_trains_on(saved, digits):
    X, y = digits
    loaded = digitcnn.load(saved)
    before = loaded.score(X[1200:], y[1200:])
    loaded.set_params(learning_rate=1e-4).partial_fit(X[:600], y[:600])
    assert loaded.n_iter_ == 13
    assert loaded.score(X[1200:], y[1200:]) > before - 0.05


@pytest.mark.slow
@pytest.mark.parametrize(
    "labels",
    [np.array([5, -3]), np.array(["no", "ja"]), np.array(["é", "b"], object), np.array([0.0, 2.0])],
)
def test_labels_of_any_type_come_back_from_the_file(digits, tmp_path, labels):
    X, y = digits
    clf = make_classifier(epochs=1, class_weight={labels[0]: 2.0}, zoom_range=(0.9, 1.1))
    clf.fit(X[:40], labels[y[:40] % 2]).save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.classes_.dtype == clf.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(X[:9]), clf.predict(X[:9]))
    assert loaded.get_params() == clf.get_params()


def test_column_names_come_back_from_the_file(digits, tmp_path):
    pd = pytest.importorskip("pandas")
    X, y = digits
    frame = pd.DataFrame(X[:40], columns=[f"pixel{i}" for i in range(64)])
    make_classifier(epochs=1).fit(frame, y[:40]).save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    loaded.predict(frame)
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[frame.columns[::-1]])


def test_ensemble_that_was_interrupted_before_its_members_were_trained_is_not_fitted(
    digits, tmp_path, monkeypatch
):
    def fit(*_, **__):
        raise KeyboardInterrupt

    ensemble = VotingClassifier([("a", make_classifier())], voting="soft")
    monkeypatch.setattr(digitcnn.DigitCNNClassifier, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        ensemble.fit(digits[0][:20], digits[1][:20])
    with pytest.raises(NotFittedError):
        digitcnn.save(ensemble, tmp_path / "m.digitcnn")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tf", "keras"])
def test_backend_that_is_none_is_told_from_a_bad_file(saved, backend):
    code = (
        "import sys, digitcnn\n"
        "for call in (lambda: digitcnn.load(sys.argv[1]).model_,\n"
        "             lambda: digitcnn.DigitCNNClassifier().fit([[0, 1, 2, 3]] * 2, [0, 1])):\n"
        "    try:\n        call()\n    except ImportError as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(saved)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
        check=False,
    )
    assert done.stdout.count(f"Keras cannot be imported with KERAS_BACKEND='{backend}'") == 2
    assert "model file" not in done.stdout


@pytest.mark.slow
def test_backend_of_the_configuration_file_is_named_as_its_own(tmp_path):
    (tmp_path / "keras.json").write_text('{"backend": "tf"}')
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    environment.pop("KERAS_BACKEND", None)
    code = "from digitcnn.backend import import_keras\nimport_keras()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert "Keras cannot be imported with the backend of its keras.json: " in last


def test_callable_architecture_cannot_be_saved(digits, tmp_path):
    X, y = digits

    def network(image_shape, n_classes):
        return keras.Sequential(
            [
                keras.Input(image_shape),
                keras.layers.Flatten(),
                keras.layers.Dense(n_classes, "softmax"),
            ]
        )

    clf = make_classifier(architecture=network, epochs=1).fit(X[:20], y[:20])
    with pytest.raises(ValueError, match="a model file contains no code, got architecture="):
        clf.save(tmp_path / "m.digitcnn")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_what_a_file_cannot_keep_is_said(digits, tmp_path):
    X, y = digits
    clf = make_classifier(optimizer=keras.optimizers.Adam(), epochs=1).fit(X[:20], y[:20])
    for save in (clf.save, lambda path: digitcnn.save(clf, path)):
        with pytest.warns(
            UserWarning, match="stores neither a Keras optimizer nor callbacks"
        ) as seen:
            save(tmp_path / "m.digitcnn")
        assert [warning.filename for warning in seen] == [__file__]
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    np.testing.assert_array_equal(loaded.predict(X[:9]), clf.predict(X[:9]))


def changed(saved, tmp_path, change):
    """A copy of the file with another header or other arrays."""
    content, arrays = read_model_file(saved)
    arrays = change(content, arrays) or arrays
    write_model_file(tmp_path / "m.digitcnn", content, arrays)
    return tmp_path / "m.digitcnn"


def test_file_without_the_name_of_its_network_holds_the_first_default(digits, tmp_path):
    X, y = digits[0][:60], digits[1][:60]
    clf = make_classifier(architecture="compact", epochs=1, precision="float32").fit(X, y)
    clf.save(tmp_path / "saved.digitcnn")
    path = changed(
        tmp_path / "saved.digitcnn",
        tmp_path,
        lambda content, arrays: content["members"][0]["parameters"].pop("architecture") and arrays,
    )
    loaded = digitcnn.load(path)
    assert loaded.architecture == "compact"
    np.testing.assert_allclose(loaded.predict_proba(X), clf.predict_proba(X), atol=1e-5)


def enlarge(content, arrays, **attributes):
    content["members"][0]["fitted"].update(attributes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content, arrays: arrays[1:], "a network's weights|arrays of its networks"),
        (
            lambda content, arrays: [a[..., :1] for a in arrays[:-1]] + arrays[-1:],
            "expected the weights of a network",
        ),
        (
            lambda content, arrays: enlarge(content, arrays, classes_=list(range(9))),
            "expected the weights of a network",
        ),
        (
            # Terabytes, were the network built.
            lambda content, arrays: enlarge(
                content, arrays, image_shape_=[20_000, 20_000, 1], n_features_in_=400_000_000
            ),
            "expected the weights of a network 'relu-dropout' for images of .20000, 20000, 1.",
        ),
        (
            lambda content, arrays: enlarge(
                content, arrays, image_shape_=[8, 8, 10**9], n_features_in_=64 * 10**9
            ),
            "expected the weights of a network",
        ),
        (
            lambda content, arrays: content["members"][0]["parameters"].update(
                architecture="compact"
            ),
            "expected the weights of a network 'compact'",
        ),
    ],
)
def test_network_that_the_weights_do_not_fit_is_refused(saved, tmp_path, change, message):
    with pytest.raises(ValueError, match=rf"m\.digitcnn: expected a complete .*({message})"):
        digitcnn.load(changed(saved, tmp_path, change))


def test_each_hostile_file_is_refused_by_load(saved, tmp_path):
    for name, data in hostile_model_files(saved.read_bytes()).items():
        (tmp_path / "m.digitcnn").write_bytes(data)
        with pytest.raises(
            ValueError, match=r"m\.digitcnn: expected (a digitcnn model file, got|version 1 of the)"
        ):
            pytest.fail(f"{name} was read: {digitcnn.load(tmp_path / 'm.digitcnn')}")
    assert Spy.mark == []


def test_keras_file_is_refused_and_not_opened_by_keras(tmp_path):
    ran = []
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: ran.append(1) or x)])
    model.save(tmp_path / "m.keras")
    (tmp_path / "m.keras").rename(tmp_path / "m.digitcnn")
    ran.clear()
    with pytest.raises(ValueError, match="expected a digitcnn model file, got another"):
        digitcnn.load(tmp_path / "m.digitcnn")
    assert ran == []


@pytest.mark.parametrize("version", EARLIER_VERSIONS)
def test_file_of_every_earlier_version_is_read(version, digits, tmp_path):
    X, y = digits
    # Compressed: most of its weights are zero.
    packed = gzip.decompress((DATA / f"model_v{version}.digitcnn.gz").read_bytes())
    (tmp_path / "m.digitcnn").write_bytes(packed)
    expected = json.loads((DATA / f"model_v{version}.json").read_text(encoding="utf-8"))
    clf = digitcnn.load(tmp_path / "m.digitcnn")
    # Of other processors float32's last bits differ. It was trained in float32, and is read in
    # bfloat16 where the processor has it, whose numbers have eight bits.
    atol = {"float32": 1e-5, "bfloat16": 2**-7}[clf.precision_]
    probabilities = clf.predict_proba(X[1200:1230])
    np.testing.assert_allclose(probabilities, expected["probabilities"], atol=atol)
    np.testing.assert_array_equal(clf.predict(X[1200:1230]), expected["labels"])
    assert clf.score(X[1200:], np.char.add("d", y[1200:].astype(str))) > 0.8
    assert clf.history_ == expected["history"]
    assert clf.temperature_ == expected["temperature"]
    assert clf.get_params()["class_weight"] == {"d3": 2.0}
    assert clf.confidence_threshold(0.1) == pytest.approx(expected["threshold"], abs=atol)


def test_there_is_a_file_of_the_present_version():
    assert max(EARLIER_VERSIONS) == VERSION


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.digitcnn: there is no such file"):
        digitcnn.load(tmp_path / "nowhere.digitcnn")
    with pytest.raises(ValueError, match="got a folder"):
        digitcnn.load(tmp_path)


def test_joblib_round_trip_predicts_the_same(fitted, digits, tmp_path):
    joblib = pytest.importorskip("joblib")
    X, _ = digits
    joblib.dump(fitted, tmp_path / "m.joblib")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = joblib.load(tmp_path / "m.joblib")
    np.testing.assert_array_equal(loaded.predict_proba(X[:99]), fitted.predict_proba(X[:99]))


def test_skops_keeps_the_estimator_by_types_of_this_package(fitted, digits):
    X, _ = digits
    data = skops.io.dumps(fitted)
    types = skops.io.get_untrusted_types(data=data)
    assert all(name.startswith("digitcnn.") for name in types)
    loaded = skops.io.loads(data, trusted=types)
    np.testing.assert_array_equal(loaded.predict_proba(X[:99]), fitted.predict_proba(X[:99]))
    with pytest.raises(TypeError, match="Untrusted types found"):
        skops.io.loads(data)


def test_model_of_a_machine_with_other_devices_is_loaded(fitted, digits, tmp_path):
    clf = copy.deepcopy(fitted).set_params(device="gpu:7")
    clf.save(tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.device == "auto"
    assert_answers_alike(loaded, fitted, digits[0][:9])


OTHER_BACKEND = """
import sys
import numpy as np
import digitcnn
clf = digitcnn.load(sys.argv[1])
np.save(sys.argv[3], clf.predict_proba(np.load(sys.argv[2])))
assert sys.argv[4] in sys.modules
assert sys.argv[4] == "tensorflow" or "tensorflow" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_model_is_read_alike_under_each_of_keras_backends(saved, fitted, digits, tmp_path, backend):
    if backend == keras.backend.backend() or find_spec(backend) is None:
        pytest.skip(f"{backend} is the backend already, or not installed")
    np.save(tmp_path / "X.npy", digits[0][1200:])
    out = tmp_path / "out.npy"
    subprocess.run(
        [sys.executable, "-c", OTHER_BACKEND, saved, tmp_path / "X.npy", out, backend],
        env={**os.environ, "KERAS_BACKEND": backend},
        check=True,
    )
    np.testing.assert_allclose(np.load(out), fitted.predict_proba(digits[0][1200:]), atol=1e-5)

"""Model files store pipelines of this package's transformers and a network."""

import copy
import json

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

import digitcnn
from conftest import make_classifier
from digitcnn import DigitCNNClassifier, DigitCSVTransformer, DigitNormalizer
from digitcnn._utils.array_file import read_model_file
from digitcnn.cli import main
from digitcnn.serialization.steps import check_step, restore_step, step_to_json


def frame_of(X):
    return pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])


def network():
    return make_classifier(epochs=1, validation_fraction=0.3)


@pytest.fixture(scope="module")
def normalized(digits):
    return make_pipeline(DigitNormalizer(size=12, box=10), network()).fit(
        digits[0][:200], digits[1][:200]
    )


@pytest.fixture(scope="module")
def path(normalized, tmp_path_factory):
    path = tmp_path_factory.mktemp("pipeline") / "m.digitcnn"
    digitcnn.save(normalized, path)
    return path


def test_pipeline_with_a_normalizer_comes_back(normalized, path, digits):
    loaded = digitcnn.load(path)
    assert type(loaded) is Pipeline
    assert list(loaded.named_steps) == list(normalized.named_steps)
    assert loaded[0].get_params() == normalized[0].get_params()
    assert loaded.n_features_in_ == 64
    X = digits[0][200:300]
    np.testing.assert_array_equal(loaded[:-1].transform(X), normalized[:-1].transform(X))
    np.testing.assert_allclose(loaded.predict_proba(X), normalized.predict_proba(X), atol=0.03)
    assert loaded[-1].confidence_threshold(0.4) == normalized[-1].confidence_threshold(0.4)


def test_pipeline_from_a_table_comes_back_with_its_columns(digits, tmp_path):
    frame, y = frame_of(digits[0][:200]).assign(label=digits[1][:200]), digits[1][:200]
    frame = frame[np.random.default_rng(0).permutation(frame.columns)]
    pipeline = make_pipeline(DigitCSVTransformer(), DigitNormalizer(size=12, box=10), network())
    digitcnn.save(pipeline.fit(frame, y), tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert loaded.feature_names_in_.tolist() == pipeline.feature_names_in_.tolist()
    found = loaded.predict_proba(frame[frame.columns[::-1]])
    np.testing.assert_allclose(found, pipeline.predict_proba(frame), atol=0.03)


def test_steps_that_do_nothing_are_left_out_and_an_ensemble_may_be_last(digits, tmp_path):
    X, y = digits[0][:100], digits[1][:100]
    votes = VotingClassifier([("a", make_classifier(epochs=1))], voting="soft")
    pipeline = Pipeline([("none", "passthrough"), ("also", None), ("vote", votes)]).fit(X, y)
    digitcnn.save(pipeline, tmp_path / "m.digitcnn")
    loaded = digitcnn.load(tmp_path / "m.digitcnn")
    assert list(loaded.named_steps) == ["vote"]
    np.testing.assert_allclose(loaded.predict_proba(X), pipeline.predict_proba(X), atol=0.03)


def test_file_without_steps_says_nothing_of_them(fitted, tmp_path):
    fitted.save(tmp_path / "m.digitcnn")
    assert "pipeline" not in read_model_file(tmp_path / "m.digitcnn")[0]


def test_normalizer_of_another_size_than_the_network_is_refused(digits, tmp_path):
    pipeline = make_pipeline(DigitNormalizer(size=9, box=7), make_classifier(epochs=1))
    pipeline[-1].fit(digits[0][:60], digits[1][:60])
    with pytest.raises(ValueError, match="the normaliser's images of 9x9 pixels"):
        digitcnn.save(pipeline, tmp_path / "m.digitcnn")


class Mine(DigitNormalizer):
    pass


@pytest.mark.parametrize("step", [MinMaxScaler(), Mine()], ids=["of scikit-learn", "a subclass"])
def test_other_transformers_are_refused_and_nothing_is_written(digits, tmp_path, step):
    pipeline = Pipeline([("before", step), ("net", make_classifier(epochs=1))])
    pipeline.fit(digits[0][:60], digits[1][:60])
    with pytest.raises(ValueError, match=rf"got the step 'before', a {type(step).__name__}"):
        digitcnn.save(pipeline, tmp_path / "m.digitcnn")
    assert list(tmp_path.iterdir()) == []


def test_class_reads_its_own_files_alone(fitted, path, tmp_path):
    fitted.save(tmp_path / "m.digitcnn")
    assert type(DigitCNNClassifier.load(tmp_path / "m.digitcnn")) is DigitCNNClassifier
    with pytest.raises(ValueError, match=r"got that of a Pipeline. Read it with digitcnn.load"):
        DigitCNNClassifier.load(path)


@given(
    shape=st.sampled_from(["auto", "pad", (8, 8), (5, 9)]),
    size=st.integers(1, 64),
    share=st.floats(0.01, 1),
    invert=st.sampled_from(["auto", True, False]),
)
def test_any_normalizer_is_the_same_after_json(shape, size, share, invert):
    box = max(1, int(size * share))
    step = DigitNormalizer(image_shape=shape, size=size, box=box, invert=invert)
    again = restore_step(check_step(json.loads(json.dumps(step_to_json("n", step)))))
    assert again.get_params() == step.get_params()
    assert vars(again) == vars(step)


GOOD = step_to_json("n", DigitNormalizer(size=12, box=10))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("kind",), "Pipeline"),
        (("kind",), ["DigitNormalizer"]),
        (("name",), 3),
        (("parameters", "size"), 10**9),
        (("parameters", "size"), True),
        (("parameters", "box"), 13),
        (("parameters", "invert"), "yes"),
        (("parameters", "invert"), 1),
        (("parameters", "image_shape"), [3]),
        (("parameters", "image_shape"), [3, 10**9]),
        (("parameters", "image_shape"), {"auto": 1}),
        (("parameters",), {}),
        (("fitted", "n_features_in_"), -1),
        (("fitted", "feature_names_in_"), [1]),
        (("fitted", "_validate"), 1),
        (("more",), 1),
    ],
)
def test_step_that_is_not_as_it_should_be_is_refused(place, value):
    kept = copy.deepcopy(GOOD)
    part = kept
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    with pytest.raises(ValueError):  # noqa: PT011
        check_step(kept)
    check_step(copy.deepcopy(GOOD))


@pytest.mark.slow
def test_commands_take_the_file_of_a_pipeline(path, digits, tmp_path, capsys):
    X, y = digits[0][200:300], digits[1][200:300]
    frame_of(X).assign(label=y).to_csv(tmp_path / "t.csv", index=False)
    loaded = digitcnn.load(path)
    expected = loaded.predict(X)

    def run(*arguments):
        assert main([*map(str, arguments)]) == 0
        return capsys.readouterr().out

    data = tmp_path / "t.csv"
    assert json.loads(run("predict", path, data, "--json"))["labels"] == expected.tolist()
    report = tmp_path / "r.html"
    measures = json.loads(run("evaluate", path, data, "--json", "--report", report))
    assert measures["accuracy"] == loaded.score(X, y)
    assert "DigitNormalizer(image_shape='auto', size=12" in run("info", path)
    run("export", path, tmp_path / "m.onnx")
    metadata = {one.key: one.value for one in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert "fit into 10x10 pixels" in metadata["preprocessing"]

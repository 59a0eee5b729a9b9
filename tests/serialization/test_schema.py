import copy
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitcnn._utils.array_file import read_model_file, write_model_file
from digitcnn.serialization.labels import labels_from_json, labels_to_json
from digitcnn.serialization.schema import check_model, read_model
from hostile_files import ARRAYS, CONTENT


def test_what_is_in_the_file_comes_back(tmp_path):
    write_model_file(tmp_path / "m", CONTENT, ARRAYS)
    model = check_model(*read_model_file(tmp_path / "m"))
    (network,) = model.networks
    assert network.parameters["zoom_range"] == (0.9, 1.1)
    assert network.classes.tolist() == [3, 7]
    assert network.history["loss"] == [1.5, 0.5]
    assert network.batch_losses == [2.0, 1.0]
    assert [array.shape for array in network.weights] == [(3, 2), (2,)]
    assert model.classes is None
    confidences, hits = model.validation
    assert confidences.tolist() == [0.5, 1.0]
    assert hits.tolist() == [False, True]


def changed(place, value):
    content = copy.deepcopy(CONTENT)
    part = content
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    return content


FITTED, PARAMETERS = ("members", 0, "fitted"), ("members", 0, "parameters")
NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("digitcnn",), 1),
        (("digitcnn",), "0" * 2000),
        (("surprise",), 1),
        (("members",), []),
        (("members",), {}),
        (("members",), 7),
        (("members",), [1]),
        (("members",), CONTENT["members"] * 2),
        (("has_validation",), False),
        (("has_validation",), 1),
        (("has_validation",), None),
        (("ensemble",), 1),
        (("ensemble",), {"classes_": [1, 2], "classes_dtype": "<i8"}),
        (("ensemble",), {"classes_": [1, 2]}),
        (("members", 0, "name"), None),
        (("members", 0, "n_weights"), 0),
        (("members", 0, "n_weights"), 1),
        (("members", 0, "n_weights"), 3),
        (("members", 0, "n_weights"), 10**30),
        (("members", 0, "n_weights"), 2.0),
        (("members", 0, "surprise"), 1),
        ((*FITTED, "surprise"), 1),
        ((*FITTED, "classes_"), None),
        ((*FITTED, "classes_"), []),
        ((*FITTED, "classes_"), [7, 3]),
        ((*FITTED, "classes_"), [3, 3]),
        ((*FITTED, "classes_"), [3, "7"]),
        ((*FITTED, "classes_"), [[3], [7]]),
        ((*FITTED, "classes_"), [3, 10**30]),
        ((*FITTED, "classes_"), [3, 7.5]),
        ((*FITTED, "classes_"), [True, 7]),
        ((*FITTED, "classes_dtype"), "<U1000000000"),
        ((*FITTED, "classes_dtype"), "object"),
        ((*FITTED, "classes_dtype"), "i4,i4"),
        ((*FITTED, "classes_dtype"), ["<i8"]),
        ((*FITTED, "classes_dtype"), "<M8[s]"),
        ((*FITTED, "feature_names_in_"), ["a"]),
        ((*FITTED, "feature_names_in_"), [1, 2, 3, 4]),
        ((*FITTED, "feature_names_in_"), 4),
        ((*FITTED, "feature_names_in_"), "abcd"),
        ((*FITTED, "history_"), {}),
        ((*FITTED, "history_"), {"loss": [1.0]}),
        ((*FITTED, "history_"), {"loss": 1.0, "accuracy": 1.0}),
        ((*FITTED, "history_"), {"loss": ["1"], "accuracy": [1.0]}),
        ((*FITTED, "history_"), {"loss": [10**400], "accuracy": [1.0]}),
        ((*FITTED, "history_"), []),
        ((*FITTED, "image_shape_"), [2, 2]),
        ((*FITTED, "image_shape_"), [0, 2, 1]),
        ((*FITTED, "image_shape_"), [-2, -2, 1]),
        ((*FITTED, "image_shape_"), [2, 2, 10**9]),
        ((*FITTED, "image_shape_"), [2, 2, True]),
        ((*FITTED, "image_shape_"), "221"),
        ((*FITTED, "n_features_in_"), 3),
        ((*FITTED, "n_features_in_"), 5),
        ((*FITTED, "n_features_in_"), "4"),
        ((*FITTED, "pixel_range_"), [1.0, 0.0]),
        ((*FITTED, "pixel_range_"), [0.0, INF]),
        ((*FITTED, "pixel_range_"), [NAN, 1.0]),
        ((*FITTED, "pixel_range_"), [0.0]),
        ((*FITTED, "pixel_range_"), [0, 10**400]),
        ((*FITTED, "precision_"), "float8"),
        ((*FITTED, "precision_"), None),
        ((*FITTED, "_seed"), INF),
        ((*FITTED, "_seed"), -1),
        ((*FITTED, "_seed"), 2**32),
        ((*FITTED, "temperature_"), NAN),
        ((*FITTED, "temperature_"), 0),
        ((*FITTED, "temperature_"), -1.0),
        ((*FITTED, "temperature_"), "1"),
        (PARAMETERS, []),
        ((*PARAMETERS, "surprise"), 1),
        ((*PARAMETERS, "__class__"), "os.system"),
        ((*PARAMETERS, "callbacks"), []),
        ((*PARAMETERS, "callbacks"), None),
        ((*PARAMETERS, "architecture"), "x"),
        ((*PARAMETERS, "architecture"), None),
        ((*PARAMETERS, "architecture"), {"class_name": "Lambda"}),
        ((*PARAMETERS, "optimizer"), "os.system"),
        ((*PARAMETERS, "epochs"), -1),
        ((*PARAMETERS, "epochs"), NAN),
        ((*PARAMETERS, "learning_rate"), 10**400),
        ((*PARAMETERS, "zoom_range"), [1, 10**400]),
        ((*PARAMETERS, "class_weight"), [[3]]),
        ((*PARAMETERS, "class_weight"), [[[3], 1.0]]),
        ((*PARAMETERS, "class_weight"), [[3, "1"]]),
        ((*PARAMETERS, "random_state"), -1),
        ((*PARAMETERS, "device"), "http://"),
    ],
)
def test_what_is_not_as_it_should_be_is_refused(tmp_path, place, value):
    write_model_file(tmp_path / "m", changed(place, value), ARRAYS)
    with pytest.raises(
        ValueError, match=r"m: expected a complete digitcnn model file: \w"
    ) as caught:
        read_model(tmp_path / "m")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("name", list(CONTENT))
def test_what_is_missing_is_named(name):
    content = {key: value for key, value in CONTENT.items() if key != name}
    with pytest.raises(ValueError, match=f"got no '{name}'"):
        check_model(content, ARRAYS)


@pytest.mark.parametrize(
    ("place", "array", "message"),
    [
        (0, np.full((3, 2), NAN, np.float32), "expected finite weights"),
        (1, np.array([1, -INF], np.float32), "expected finite weights"),
        (0, np.ones((3, 2)), "expected weights of float32, got float64"),
        (0, np.ones((3, 2), np.int8), "expected weights of float32, got int8"),
        (2, np.ones(2, np.float32), "a list of batch losses"),
        (2, np.ones((2, 2)), "a list of batch losses"),
        (3, np.ones(2), "other types"),
        (3, np.array([0.5, 1.5], np.float32), "expected validation data of probabilities"),
        (3, np.array([NAN, 1], np.float32), "expected validation data of probabilities"),
        (3, np.ones(1, np.float32), "one confidence for each answer"),
        (4, np.array([0, 2], np.uint8), "expected validation data of probabilities and flags"),
        (4, np.array([True, False]), "other types"),
    ],
)
def test_arrays_that_are_not_as_they_should_be_are_refused(place, array, message):
    arrays = [array if i == place else other for i, other in enumerate(ARRAYS)]
    with pytest.raises(ValueError, match=message):
        check_model(CONTENT, arrays)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 6])
def test_arrays_too_few_or_too_many_are_refused(n):
    with pytest.raises((ValueError, LookupError)):
        check_model(CONTENT, (ARRAYS * 2)[:n])


@given(
    st.one_of(
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, unique=True).map(np.array),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1).map(np.array),
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1).map(
            lambda values: np.array(values, np.float32)
        ),
        st.lists(st.text(max_size=9), min_size=1).map(np.array),
        st.lists(st.text(max_size=9), min_size=1).map(lambda labels: np.array(labels, object)),
        st.lists(st.booleans(), min_size=1).map(np.array),
    )
)
def test_labels_of_any_type_come_back(labels):
    classes = np.unique(labels)
    found = labels_from_json(json.loads(json.dumps(labels_to_json(classes))))
    assert found.dtype == classes.dtype
    assert found.tolist() == classes.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        np.array([1, "a"], object),
        np.array([1j, 2j]),
        np.array([b"a"]),
        np.array(["2026-01-01"], "M8[D]"),
        np.array(["a" * 1001]),
        np.sort([f"{i:0999}" for i in range(20_000)]),
    ],
)
def test_labels_that_no_file_holds_are_refused(labels):
    with pytest.raises(ValueError, match=r"label"):
        labels_to_json(labels)

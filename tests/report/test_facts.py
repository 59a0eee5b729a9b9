import copy

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.metrics import precision_score, recall_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from conftest import make_classifier
from digitcnn import AbstainingClassifier
from digitcnn.evaluation import measure_answers
from digitcnn.report._facts import (
    describe_classes,
    describe_data,
    describe_parameters,
    describe_program,
    describe_settings,
    describe_timings,
    list_parts,
)


def parameters_of(parts):
    return {
        group["estimator"]: {p["name"]: (p["value"], p["default"]) for p in group["parameters"]}
        for group in describe_parameters(parts)
    }


def test_parts_are_found_in_pipelines_ensembles_and_what_abstains(digits):
    X, y = digits[0][:200], digits[1][:200]
    voting = VotingClassifier([(f"n{i}", KNeighborsClassifier(i)) for i in (1, 3)], voting="soft")
    abstaining = AbstainingClassifier(voting, target_error_rate=0.2, validation_fraction=0.2)
    pipeline = make_pipeline(MinMaxScaler(), abstaining).fit(X, y)
    names = [type(part).__name__ for part in list_parts(pipeline)]
    assert names == [
        "Pipeline",
        "MinMaxScaler",
        "AbstainingClassifier",
        "VotingClassifier",
        "KNeighborsClassifier",
        "KNeighborsClassifier",
    ]
    found = parameters_of(list_parts(pipeline))
    assert found["AbstainingClassifier"]["target_error_rate"] == ("0.2", "0.001")
    assert "classifier" not in found["AbstainingClassifier"]
    assert "estimators" not in found["VotingClassifier"]
    # The values of several stand side by side.
    assert found["KNeighborsClassifier"]["n_neighbors"] == ("1, 3", "5")


def test_settings_are_those_of_the_network(fitted):
    facts = describe_settings([fitted], "m.digitcnn")
    assert facts["model"] == "m.digitcnn"
    assert facts["architecture"] == "relu-dropout"
    assert facts["image shape"] == "8 x 8 x 1"
    assert facts["epochs"] == "12"
    assert facts["weights"] == f"{fitted.model_.count_params():,}"
    assert "validation accuracy" not in facts
    assert int(describe_settings([fitted] * 3, None)["weights"].replace(",", "")) == 3 * int(
        facts["weights"].replace(",", "")
    )


def test_of_other_classifiers_the_kind_is_said():
    assert describe_settings([KNeighborsClassifier()], None) == {
        "estimator": "KNeighborsClassifier"
    }


def test_long_parameter_is_cut():
    found = parameters_of([make_classifier(class_weight=dict.fromkeys(range(500), 1.0))])
    assert len(found["DigitCNNClassifier"]["class_weight"][0]) == 300


def test_parameters_are_those_of_the_fit_whatever_is_set_since(fitted):
    clf = copy.deepcopy(fitted).set_params(architecture="elu-bn", batch_size=7, verbose=3)
    assert describe_settings([clf], None) == describe_settings([fitted], None)
    was, now = parameters_of([fitted]), parameters_of([clf])
    assert now["DigitCNNClassifier"].pop("verbose")[0] == "3"
    was["DigitCNNClassifier"].pop("verbose")
    assert now == was


def test_data_is_summed_up_with_repeated_images(digits):
    pictures = digits[0][:50].reshape(-1, 8, 8, 1)
    facts = describe_data(np.concatenate([pictures, pictures[:3], pictures[:1]]), "train.csv")
    assert facts == {
        "data": "train.csv",
        "digits": "54",
        "image shape": "8 x 8 x 1",
        "pixels": f"uint8, 0 to {pictures.max()}",
        "repeated images": "4",
    }


def test_classes_agree_with_scikit_learn(digits):
    y = digits[1][:300]
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 300)
    answers = probabilities.argmax(axis=1)
    lines = describe_classes(measure_answers(y, probabilities, np.arange(10), np.arange(300)))
    np.testing.assert_allclose(
        [line["precision"] for line in lines], precision_score(y, answers, average=None)
    )
    np.testing.assert_allclose(
        [line["recall"] for line in lines], recall_score(y, answers, average=None)
    )
    for line in lines:
        assert line["digits"] == np.sum(y == line["label"])
        assert line["answers"] == np.sum(answers == line["label"])
        assert line["right"] == np.sum((y == line["label"]) & (answers == y))


def test_timings_say_how_many_images_a_second():
    assert describe_timings({"reading": 0.25, "prediction": 2.0}, 3000) == {
        "reading": "0.25 s",
        "prediction": "2 s",
        "images per second": "1,500",
    }


@pytest.mark.parametrize("name", ["digitcnn", "Python", "scikit-learn", "NumPy", "machine"])
def test_program_names_versions_and_machine(name):
    assert describe_program()[name]

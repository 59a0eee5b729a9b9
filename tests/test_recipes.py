import json

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import ParameterSampler
from sklearn.pipeline import Pipeline

from conftest import ROOT
from digitcnn import DigitCNNClassifier, make_digit_pipeline
from digitcnn._utils.parameters import check_parameters
from digitcnn.architectures import DEFAULT, choose_dropout
from digitcnn.recipes import RECIPES, make_classifier, search_space
from digitcnn.training.defaults import LEARNING_RATE


def networks(classifier):
    """The networks of a recipe's classifier."""
    return [one for _, one in getattr(classifier, "estimators", [("", classifier)])]


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_recipe_is_a_pipeline_with_valid_parameters(recipe):
    pipeline = make_digit_pipeline(recipe)
    assert isinstance(pipeline, Pipeline)
    assert [name for name, _ in pipeline.steps] == ["csv", "classifier"]
    assert len(networks(pipeline["classifier"])) == RECIPES[recipe].n_networks
    for classifier in networks(pipeline["classifier"]):
        check_parameters(classifier.get_params())


@pytest.mark.slow
def test_ensemble_trains_networks_from_different_seeds_and_averages_them(digits):
    X, y = digits
    small = {"architecture": "relu-dropout", "epochs": 2, "batch_size": 32}
    clf = make_classifier("ensemble", random_state=3, **small).fit(X[:300], y[:300])
    answers = np.array([network.predict_proba(X[300:400]) for network in clf.estimators_])
    assert len({answer.tobytes() for answer in answers}) == 5
    np.testing.assert_allclose(clf.predict_proba(X[300:400]), answers.mean(axis=0), atol=1e-6)
    again = make_classifier("ensemble", random_state=3)
    other = make_classifier("ensemble", random_state=4)
    seeds = [[network.random_state for network in networks(c)] for c in (clf, again, other)]
    assert seeds[0] == seeds[1]
    assert not set(seeds[0]) & set(seeds[2])


@pytest.mark.parametrize(
    ("random_state", "kind"), [(None, type(None)), (np.random.RandomState(1), int)]
)
def test_ensemble_takes_any_random_state(random_state, kind):
    made = networks(make_classifier("ensemble", random_state=random_state))
    assert {type(network.random_state) for network in made} == {kind}


def test_figures_of_the_recipes_are_those_of_the_benchmarks_runs():
    text = (ROOT / "benchmarks/results/accuracy.jsonl").read_text()
    runs = pd.DataFrame(map(json.loads, text.splitlines()))
    runs["accuracy"] = [test["accuracy"] for test in runs["test"]]
    # Those of other rows have parameters of their own.
    own = runs[runs["row"].isin(RECIPES)]
    accuracies = own.groupby("row")["accuracy"].mean()
    # Those in bfloat16, of the rows that have any.
    is_fast = own["precision"] == "bfloat16"
    has_fast = is_fast.groupby(own["row"]).transform("any")
    seconds = own[is_fast | ~has_fast].groupby("row")["seconds"].median()
    assert set(accuracies.index) == {name for name, r in RECIPES.items() if r.accuracy is not None}
    for name in accuracies.index:
        assert RECIPES[name].accuracy == pytest.approx(accuracies[name], abs=5e-5)
        assert RECIPES[name].minutes == pytest.approx(seconds[name] / 60, rel=0.1)


def test_fast_is_the_default():
    assert (
        make_digit_pipeline("fast")["classifier"].get_params() == DigitCNNClassifier().get_params()
    )


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (
            "notebook-elu",
            {
                "architecture": "elu-bn",
                "optimizer": "adam",
                "batch_size": 64,
                "epochs": 30,
                "schedule": "plateau",
                "plateau_factor": 0.5,
                "plateau_patience": 3,
                "min_learning_rate": 1e-5,
                "rotation_range": 10.0,
                "zoom_range": 0.1,
                "shift_range": 0.1,
                "shear_range": 0.0,
            },
        ),
        (
            "notebook-relu",
            {
                "architecture": "relu-dropout",
                "optimizer": "rmsprop",
                "batch_size": 256,
                "epochs": 20,
                "dropout": 0.05,
                "zoom_range": 1.0,
                "rotation_range": 15.0,
                "validation_fraction": 0.2,
            },
        ),
    ],
)
def test_notebooks_recipe_has_the_notebooks_settings(recipe, settings):
    parameters = make_digit_pipeline(recipe)["classifier"].get_params()
    assert {name: parameters[name] for name in settings} == settings


def test_parameters_replace_the_recipes():
    assert make_digit_pipeline("notebook-elu", epochs=2)["classifier"].epochs == 2


def test_unknown_recipe_is_named_with_those_that_are_there():
    with pytest.raises(
        ValueError, match=r"expected a recipe of fast, best, ensemble, notebook-elu, .*got 'fats'"
    ):
        make_digit_pipeline("fats")


@pytest.mark.slow
def test_pipeline_takes_the_frame_as_read(digits):
    X, y = digits
    frame = pd.DataFrame(X[:120], columns=[f"pixel{i}" for i in range(64)])
    frame.insert(0, "label", y[:120])
    pipeline = make_digit_pipeline(
        "notebook-relu", epochs=1, validation_fraction=None, batch_size=32, random_state=0
    )
    pipeline.fit(frame, frame["label"])
    without = frame.drop(columns="label")[frame.columns[:0:-1]]
    np.testing.assert_array_equal(pipeline.predict(without), pipeline.predict(frame))


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_search_space_holds_the_recipes_own_values(recipe):
    own = networks(make_classifier(recipe))[0].get_params()
    name = DEFAULT if own["architecture"] == "auto" else own["architecture"]
    own["dropout"] = choose_dropout(name, own["dropout"])
    if own["learning_rate"] == "auto":
        own["learning_rate"] = LEARNING_RATE
    space = search_space(recipe)
    for name, choice in space.items():
        if isinstance(choice, list):
            assert own[name] in choice
        else:
            low, high = choice.support()
            assert low <= own[name] <= high, name
    assert "epochs" not in space


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_what_is_drawn_from_a_search_space_is_valid_and_repeatable(recipe):
    drawn = list(ParameterSampler(search_space(recipe), 50, random_state=0))
    for parameters in drawn:
        for network in networks(make_classifier(recipe, **parameters)):
            check_parameters(network.get_params())
    assert drawn == list(ParameterSampler(search_space(recipe), 50, random_state=0))
    assert len({parameters["learning_rate"] for parameters in drawn}) == 50


def test_search_space_with_a_prefix_fits_the_pipeline():
    space = search_space("notebook-relu", prefix="classifier__")
    (drawn,) = ParameterSampler(space, 1, random_state=0)
    pipeline = make_digit_pipeline("notebook-relu").set_params(**drawn)
    assert pipeline["classifier"].dropout == drawn["classifier__dropout"]


def test_search_space_of_an_unknown_recipe_is_refused():
    with pytest.raises(ValueError, match=r"expected a recipe of fast, .*got 'slow'"):
        search_space("slow")

"""A training's plan: what it is made from, and what is told apart by it."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from digitcnn import DigitCNNClassifier
from digitcnn.training.defaults import resolve_auto
from digitcnn.training.network_plan import plan_network
from digitcnn.training.plan import plan_training

FOUND = {"image_shape": (8, 8, 1), "pixel_range": (0.0, 16.0), "n_classes": 10, "seed": 3}


def plan(**parameters):
    given = {"architecture": "compact", "precision": "float32", **parameters}
    parameters = {**DigitCNNClassifier().get_params(), **given}
    parameters = resolve_auto(parameters, n_images=100, is_part=False)
    network = plan_network(parameters, **FOUND, goes_on=False, n_batches=700)
    return plan_training(parameters, network, n_images=100, has_validation=True)


def key(**parameters):
    return plan(**parameters).network.compile_key()


def name(**parameters):
    return str(plan(**parameters).fingerprint(with_seed=True))


@pytest.mark.parametrize(
    "parameters",
    [
        {"learning_rate": 0.1},
        {"weight_decay": 0.3},
        {"label_smoothing": 0.3},
        {"dropout": 0.3},
        {"rotation_range": 30.0, "elastic_alpha": 0.0, "corruption_rate": 0.9},
        {"schedule": "plateau", "plateau_factor": 0.1},
        {"epochs": 3, "batch_size": 7},
        {"early_stopping": True},
    ],
    ids=lambda value: next(iter(value)),
)
def test_numbers_that_can_be_assigned_share_a_compiled_network_and_no_checkpoint(parameters):
    if keras.backend.backend() not in ("tensorflow", "jax"):
        pytest.skip("others compile what regularises in")
    common = {"architecture": "relu-dropout", "label_smoothing": 0.1}
    assert key(**{**common, **parameters}) == key(**common)
    assert name(**{**common, **parameters}) != name(**common)


@pytest.mark.parametrize(
    "parameters",
    [
        {"architecture": "elu-bn"},
        {"precision": "bfloat16"},
        {"optimizer": "sgd"},
        {"optimizer": keras.optimizers.Adam(0.1)},
        {"device": "cpu"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_is_built_or_compiled_otherwise_shares_neither(parameters):
    assert key(**parameters) != key()
    assert name(**parameters) != name()


@pytest.mark.parametrize(
    "parameters",
    [
        {"verbose": 1},
        {"warm_start": True},
        {"temperature": 2.0},
        {"test_time_augmentation": 3},
        {"checkpoint_dir": "elsewhere"},
        {"random_state": 4},
        {"epochs": 100},  # what "auto" is for so few images
        {"batch_size": 16, "learning_rate": 0.00225},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_the_weights_do_not_depend_on_is_in_no_plan(parameters):
    assert plan(**parameters) == plan()
    assert name(**parameters) == name()


def test_equal_optimizers_are_one_and_others_another():
    one, same, other = (keras.optimizers.Adam(rate) for rate in (0.1, 0.1, 0.2))
    assert plan(optimizer=one) == plan(optimizer=same)
    assert name(optimizer=one) == name(optimizer=same) != name(optimizer=other)


def test_seed_is_left_out_where_it_was_drawn():
    network = replace(plan().network, seed=4)
    one, other = plan(), replace(plan(), network=network)
    assert one.fingerprint(with_seed=True) != other.fingerprint(with_seed=True)
    assert one.fingerprint(with_seed=False) == other.fingerprint(with_seed=False)


def test_parameter_that_cannot_be_told_apart_is_refused_by_its_name():
    import threading

    lock = threading.Lock()

    def network(image_shape, n_classes):
        return lock

    with pytest.raises(ValueError, match=r"architecture: .* leave checkpoint_dir out"):
        name(architecture=network)


def test_parameters_that_contradict_each_other_are_refused():
    parameters = {**DigitCNNClassifier(early_stopping=True).get_params()}
    network = plan_network(parameters, **FOUND, goes_on=False)
    with pytest.raises(ValueError, match="expected validation data with early_stopping=True"):
        plan_training(parameters, network, n_images=100, has_validation=False)
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(ValueError, match="Give schedule=None"):
        plan(optimizer=keras.optimizers.SGD(decay))
    assert (
        plan(optimizer=keras.optimizers.SGD(decay), schedule=None).network.start_learning_rate
        is None
    )


def test_plan_cannot_be_changed_and_takes_numpys_numbers():
    one = plan(epochs=np.int64(3), learning_rate=np.float32(0.5))
    assert (type(one.epochs), type(one.network.learning_rate)) == (int, float)
    with pytest.raises(AttributeError):
        one.epochs = 4

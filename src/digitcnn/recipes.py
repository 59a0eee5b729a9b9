"""Named, complete configurations, and the pipeline from a CSV to labels."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline

from digitcnn.classifier import DigitCNNClassifier
from digitcnn.preprocessing.csv_transformer import DigitCSVTransformer


class Recipe(NamedTuple):
    """A complete configuration.

    Parameters
    ----------
    summary : str
        One-line description.
    parameters : dict
        Parameters of `DigitCNNClassifier` that differ from the defaults.
    n_networks : int, default=1
        Number of networks, trained with different seeds. Their mean probability is the prediction.
    accuracy : float or None, default=None
        Mean accuracy over seeds on MNIST's 10,000 test digits, after training on the 60,000; None
        if not measured.
    minutes : float or None, default=None
        Median duration of that training on the machine of `MEASURED_ON`.
    """

    summary: str
    parameters: dict[str, Any]
    n_networks: int = 1
    accuracy: float | None = None
    minutes: float | None = None


# Where `Recipe.accuracy` and `Recipe.minutes` come from: benchmarks/results/accuracy.jsonl.
MEASURED_ON = (
    "two cores of an AMD EPYC with AVX512_BF16, in bfloat16 "
    "(fast: of an Intel Xeon with AMX; the notebooks' recipes: on one of them)"
)


# Augmentation that the notebooks do not have.
_NO_LATER_DISTORTIONS = {"shear_range": 0.0, "elastic_alpha": 0.0, "corruption_rate": 0.0}

RECIPES: dict[str, Recipe] = {
    "fast": Recipe(
        "the default: what a minute on two cores with bf16 units can learn",
        {},
        accuracy=0.9961,
        minutes=0.7,
    ),
    "best": Recipe(
        "a larger network, trained longer, that looks at each digit sixteen times",
        {
            "architecture": "compact",
            "epochs": 48,
            # With 3,000 digits, two errors decide the threshold for an error rate of 0.1%; with
            # 6,000, five.
            "validation_fraction": 0.1,
            "test_time_augmentation": 16,
        },
        accuracy=0.9971,
        minutes=10.1,
    ),
    "ensemble": Recipe(
        "five larger networks, trained longer; their mean probability decides",
        {"architecture": "compact", "epochs": 20},
        n_networks=5,
        accuracy=0.9976,
        minutes=24.2,
    ),
    # S. Achary, "MNIST using CNN Keras - Acc 0.997", Kaggle notebook, 2018. It validated on four
    # images to reduce the learning rate; a tenth of the data distinguishes an improvement from
    # chance.
    "notebook-elu": Recipe(
        "a notebook's network with ELU, batch normalisation and Adam",
        {
            "architecture": "elu-bn",
            "optimizer": "adam",
            "learning_rate": 0.001,
            "weight_decay": 0.0,
            "batch_size": 64,
            "epochs": 30,
            "schedule": "plateau",
            "plateau_patience": 3,
            "plateau_factor": 0.5,
            "min_learning_rate": 1e-5,
            "validation_fraction": 0.1,
            "rotation_range": 10.0,
            "zoom_range": 0.1,
            "shift_range": 0.1,
            **_NO_LATER_DISTORTIONS,
        },
        accuracy=0.9960,
        minutes=38.9,
    ),
    # "Identify digits with Convolutional Neural Network", notebook on Kaggle's Digit Recognizer,
    # 2017. A zoom range of 1 draws factors from 0 to 2.
    "notebook-relu": Recipe(
        "a notebook's network with ReLU, dropout and RMSprop",
        {
            "architecture": "relu-dropout",
            "optimizer": "rmsprop",
            "learning_rate": 0.001,
            "weight_decay": 0.0,
            "dropout": 0.05,
            "batch_size": 256,
            "epochs": 20,
            "schedule": None,
            "validation_fraction": 0.2,
            "rotation_range": 15.0,
            "zoom_range": 1.0,
            "shift_range": 0.0,
            **_NO_LATER_DISTORTIONS,
        },
        accuracy=0.9908,
        minutes=4.5,
    ),
}


# Search spaces: lists of choices, and bounds of a uniform or log-uniform distribution. They contain
# the values of the recipe.
_BATCHES: list[Any] = [32, 64, 128, 256]
_SMALL_BATCHES = [16, 32, 64, 128]
_SPACES: dict[str, dict[str, list[Any] | tuple[str, float, float]]] = {
    "fast": {
        "learning_rate": ("loguniform", 0.002, 0.02),
        "weight_decay": ("loguniform", 0.002, 0.1),
        "batch_size": ["auto", *_BATCHES],
        "dropout": ("uniform", 0.02, 0.4),
        "label_smoothing": ("uniform", 0.0, 0.1),
        "rotation_range": ("uniform", 0.0, 15.0),
        "zoom_range": ("uniform", 0.0, 0.2),
        "shift_range": ("uniform", 0.0, 0.12),
        "shear_range": ("uniform", 0.0, 12.0),
        "elastic_alpha": ("uniform", 0.0, 32.0),
        "corruption_rate": ("uniform", 0.0, 0.4),
    },
    "notebook-elu": {
        "learning_rate": ("loguniform", 0.0003, 0.003),
        "batch_size": _SMALL_BATCHES,
        "plateau_factor": ("uniform", 0.2, 0.7),
        "plateau_patience": [2, 3, 5],
        "rotation_range": ("uniform", 0.0, 20.0),
        "zoom_range": ("uniform", 0.0, 0.2),
        "shift_range": ("uniform", 0.0, 0.15),
    },
    "notebook-relu": {
        "learning_rate": ("loguniform", 0.0003, 0.003),
        "batch_size": _BATCHES,
        "dropout": ("uniform", 0.02, 0.4),
        "rotation_range": ("uniform", 0.0, 25.0),
        "zoom_range": ("uniform", 0.0, 1.0),
        "shift_range": ("uniform", 0.0, 0.15),
    },
}
_SPACES["best"] = _SPACES["ensemble"] = _SPACES["fast"]


def get_recipe(recipe: str) -> Recipe:
    """Get a recipe by its name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if recipe not in RECIPES:
        raise ValueError(f"expected a recipe of {', '.join(RECIPES)}, got {recipe!r}")
    return RECIPES[recipe]


def make_classifier(
    recipe: str = "fast", **parameters: Any
) -> DigitCNNClassifier | VotingClassifier:
    """Make the classifier of a recipe, not fitted.

    Parameters
    ----------
    recipe : {"fast", "best", "ensemble", "notebook-elu", "notebook-relu"}, default="fast"
        The configuration.
    **parameters
        Parameters of `DigitCNNClassifier` that replace those of the recipe. With several networks,
        an int ``random_state`` gives each its own seed.

    Returns
    -------
    DigitCNNClassifier or sklearn.ensemble.VotingClassifier
        An ensemble if the recipe has several networks. They are trained one after the other, or in
        parallel with its parameter ``n_jobs``, each on its own GPU if there are several.

    Raises
    ------
    ValueError
        If the recipe does not exist.

    Examples
    --------
    >>> from digitcnn.recipes import make_classifier
    >>> [name for name, _ in make_classifier("ensemble").estimators]
    ['network0', 'network1', 'network2', 'network3', 'network4']
    """
    found = get_recipe(recipe)
    parameters = {**found.parameters, **parameters}
    if found.n_networks == 1:
        return DigitCNNClassifier(**parameters)
    seeds = _spawn_seeds(parameters.pop("random_state", None), found.n_networks)
    return VotingClassifier(
        [
            (f"network{i}", DigitCNNClassifier(**parameters, random_state=seed))
            for i, seed in enumerate(seeds)
        ],
        voting="soft",
    )


def search_space(recipe: str = "fast", *, prefix: str = "") -> dict[str, Any]:
    """Search space to tune a recipe for other data.

    Pass it to `sklearn.model_selection.RandomizedSearchCV` or ``HalvingRandomSearchCV``. It does
    not include the number of epochs: more epochs usually give a better accuracy and take longer.
    Use it as the resource of ``HalvingRandomSearchCV``.

    Parameters
    ----------
    recipe : {"fast", "best", "ensemble", "notebook-elu", "notebook-relu"}, default="fast"
        The configuration. For an ensemble, search for one network, ``make_classifier("fast",
        architecture="compact", epochs=20)``, and pass the best parameters to
        ``make_classifier("ensemble", **found)``.
    prefix : str, default=""
        Prefix of each name: ``"classifier__"`` for the pipeline of `make_digit_pipeline`.

    Returns
    -------
    dict of str to list or distribution
        Parameters of `DigitCNNClassifier`, each with a list of choices or a SciPy distribution.

    Raises
    ------
    ValueError
        If the recipe does not exist.

    Examples
    --------
    >>> from digitcnn.recipes import search_space
    >>> space = search_space("notebook-elu", prefix="classifier__")
    >>> space["classifier__batch_size"]
    [16, 32, 64, 128]
    >>> low, high = space["classifier__rotation_range"].support()
    >>> print(low, high)
    0.0 20.0
    """
    from scipy import stats  # takes a second to import, and pipelines do not need it

    get_recipe(recipe)
    space: dict[str, Any] = {}
    for name, choice in _SPACES[recipe].items():
        if isinstance(choice, tuple):
            kind, low, high = choice
            is_even = kind == "uniform"
            choice = stats.uniform(low, high - low) if is_even else stats.loguniform(low, high)
        space[prefix + name] = choice
    return space


def _spawn_seeds(random_state: Any, n: int) -> list[Any]:
    if random_state is None:
        return [None] * n
    if isinstance(random_state, np.random.RandomState):
        return [int(seed) for seed in random_state.randint(2**31, size=n)]
    return [int(seed) for seed in np.random.SeedSequence(random_state).generate_state(n) >> 1]


def make_digit_pipeline(
    recipe: str = "fast", *, label: str = "label", **parameters: Any
) -> Pipeline:
    """Make a pipeline that classifies tables of digits.

    Its steps are ``"csv"``, a `DigitCSVTransformer`, and ``"classifier"``, the classifier of the
    recipe. It takes a DataFrame, with or without the label column, or the path of a file.

    Parameters
    ----------
    recipe : {"fast", "best", "ensemble", "notebook-elu", "notebook-relu"}, default="fast"
        The configuration of the classifier. ``"fast"`` has the defaults of `DigitCNNClassifier`,
        ``"best"`` trains a larger network longer, and ``"ensemble"`` is a `VotingClassifier` of
        several of these; the others reproduce two notebooks on Kaggle's Digit Recognizer.
    label : str, default="label"
        Name of the label column, which is dropped if present.
    **parameters
        Parameters of `DigitCNNClassifier` that replace those of the recipe.

    Returns
    -------
    sklearn.pipeline.Pipeline

    Raises
    ------
    ValueError
        If the recipe does not exist.

    Examples
    --------
    >>> from digitcnn import make_digit_pipeline
    >>> pipeline = make_digit_pipeline("notebook-elu", epochs=2, random_state=0)
    >>> pipeline["classifier"].architecture
    'elu-bn'
    """
    classifier = make_classifier(recipe, **parameters)
    return Pipeline([("csv", DigitCSVTransformer(label=label)), ("classifier", classifier)])

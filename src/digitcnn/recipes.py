"""Named, complete configurations, and the pipeline from a CSV to labels."""

from typing import Any

from sklearn.pipeline import Pipeline

from digitcnn.classifier import DigitCNNClassifier
from digitcnn.transformers import DigitCSVTransformer

# Recipe -> the parameters of DigitCNNClassifier in which it differs from the default.
RECIPES: dict[str, dict[str, Any]] = {
    "fast": {},
    # S. Achary, "MNIST using CNN Keras - Acc 0.997", Kaggle notebook, 2018. It watched four images
    # to reduce the learning rate; a tenth of the data tells an improvement from chance.
    "notebook-elu": {
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
        "shear_range": 0.0,
        "elastic_alpha": 0.0,
        "corruption_rate": 0.0,
    },
    # "Identify digits with Convolutional Neural Network", notebook on Kaggle's Digit Recognizer,
    # 2017. A zoom range of 1 draws factors from 0 to 2.
    "notebook-relu": {
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
        "shear_range": 0.0,
        "elastic_alpha": 0.0,
        "corruption_rate": 0.0,
    },
}


def recipe_parameters(recipe: str) -> dict[str, Any]:
    """The parameters of `DigitCNNClassifier` that a recipe sets.

    Parameters
    ----------
    recipe : str
        A key of `RECIPES`.

    Raises
    ------
    ValueError
        If there is no such recipe.
    """
    if recipe not in RECIPES:
        raise ValueError(f"there is no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    return dict(RECIPES[recipe])


def make_digit_pipeline(
    recipe: str = "fast", *, label: str = "label", **parameters: Any
) -> Pipeline:
    """A pipeline from a table of digits to their labels.

    Its steps are ``"csv"``, a `DigitCSVTransformer`, and ``"classifier"``, a
    `DigitCNNClassifier`. It takes a DataFrame as it was read, label column and all, or the path
    of a file.

    Parameters
    ----------
    recipe : {"fast", "notebook-elu", "notebook-relu"}, default="fast"
        The classifier's configuration. ``"fast"`` is its defaults; the others are those of two
        notebooks on Kaggle's Digit Recognizer.
    label : str, default="label"
        The column that holds the labels, which is dropped where it is there.
    **parameters
        Parameters of `DigitCNNClassifier` that replace the recipe's.

    Returns
    -------
    sklearn.pipeline.Pipeline

    Raises
    ------
    ValueError
        If there is no such recipe.

    Examples
    --------
    >>> from digitcnn import make_digit_pipeline
    >>> pipeline = make_digit_pipeline("notebook-elu", epochs=2, random_state=0)
    >>> pipeline["classifier"].architecture
    'elu-bn'
    """
    classifier = DigitCNNClassifier(**{**recipe_parameters(recipe), **parameters})
    return Pipeline([("csv", DigitCSVTransformer(label=label)), ("classifier", classifier)])

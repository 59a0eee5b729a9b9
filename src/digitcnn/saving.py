"""Writing fitted estimators to model files, and reading them."""

from typing import TYPE_CHECKING

from digitcnn._typing import FilePath, FittedClassifier
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.serialization.estimators import load_estimator, save_estimator

if TYPE_CHECKING:
    from sklearn.ensemble import VotingClassifier
    from sklearn.pipeline import Pipeline


def save(clf: FittedClassifier, path: FilePath) -> None:
    """Write a fitted classifier, an ensemble, or a pipeline that ends in one, to a model file.

    Parameters
    ----------
    clf : DigitCNNClassifier, sklearn.ensemble.VotingClassifier or sklearn.pipeline.Pipeline
        An ensemble of `DigitCNNClassifier` alone, with ``voting="soft"`` and without weights. A
        pipeline may have a `DigitCSVTransformer` and a `DigitNormalizer` before its last step.
    path : str or path-like
        The file. An existing one is replaced atomically.

    Raises
    ------
    ValueError
        If it is another estimator, if a step of a pipeline is another transformer, or if an
        architecture is a callable: a model file holds no code.

    Examples
    --------
    >>> import tempfile, os
    >>> import digitcnn
    >>> from digitcnn.recipes import make_classifier
    >>> X, y = digitcnn.datasets.load_sample_digits()
    >>> ensemble = make_classifier("ensemble", epochs=1, architecture="relu-dropout")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digitcnn.save(ensemble.fit(X[:128], y[:128]), os.path.join(folder, "m.digitcnn"))
    ...     len(digitcnn.load(os.path.join(folder, "m.digitcnn")).estimators_)
    5
    """
    save_estimator(clf, path)


def load(path: FilePath) -> "DigitCNNClassifier | VotingClassifier | Pipeline":
    """Read a model file that `digitcnn.save` or `DigitCNNClassifier.save` wrote.

    A model file contains no code: it holds parameters as JSON and weights as arrays, from which
    this package builds the network. Predictions use ONNX Runtime, on the CPU and in float32, until
    something needs Keras: a training, `model_`, or a prediction on a GPU. Only then is Keras
    imported. ``device`` is reset to ``"auto"``.

    Parameters
    ----------
    path : str or path-like
        The model file.

    Returns
    -------
    DigitCNNClassifier, sklearn.ensemble.VotingClassifier or sklearn.pipeline.Pipeline
        The fitted estimator. The file does not hold the optimizer's moments: `partial_fit` and a
        warm start continue from the weights alone.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a model file, is of a later version, or is damaged.

    Examples
    --------
    >>> import tempfile, os
    >>> import digitcnn
    >>> X, y = digitcnn.datasets.load_sample_digits()
    >>> clf = digitcnn.DigitCNNClassifier(epochs=1, random_state=0).fit(X[:256], y[:256])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clf.save(os.path.join(folder, "m.digitcnn"))
    ...     again = digitcnn.load(os.path.join(folder, "m.digitcnn"))
    >>> bool((again.predict(X[:9]) == clf.predict(X[:9])).all())
    True
    """
    model: DigitCNNClassifier | VotingClassifier | Pipeline
    model = load_estimator(DigitCNNClassifier, path)
    return model

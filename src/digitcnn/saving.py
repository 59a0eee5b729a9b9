"""Fitted estimators written to model files, and read from them."""

from typing import Any

from digitcnn.classifier import DigitCNNClassifier
from digitcnn.serialization.estimators import load_estimator, save_estimator


def save(clf: Any, path: Any) -> None:
    """Write a fitted classifier, an ensemble, or a pipeline that ends in one, to a model file.

    Parameters
    ----------
    clf : DigitCNNClassifier, sklearn.ensemble.VotingClassifier or sklearn.pipeline.Pipeline
        An ensemble of `DigitCNNClassifier` alone, with ``voting="soft"`` and without weights. A
        pipeline may have a `DigitCSVTransformer` and a `DigitNormalizer` before its last step.
    path : str or path-like
        A file that is there is replaced, as a whole or not at all.

    Raises
    ------
    ValueError
        If it is another estimator, if a step of a pipeline is another transformer, or if an
        architecture is a callable: its code cannot be kept in a file of plain data.

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


def load(path: Any) -> Any:
    """Read a model file that `digitcnn.save` or `DigitCNNClassifier.save` wrote.

    Nothing in the file is executed: it holds parameters as JSON and weights as arrays, of which
    this package builds the network. ONNX Runtime answers for it, on the processor and in float32,
    until something needs Keras: a training, `model_`, or an answer on a GPU. Only then is Keras
    imported. ``device`` is ``"auto"``, whatever it was.

    Parameters
    ----------
    path : str or path-like
        The model file.

    Returns
    -------
    DigitCNNClassifier, sklearn.ensemble.VotingClassifier or sklearn.pipeline.Pipeline
        Fitted, as it was saved. The optimizer's moments are not kept: `partial_fit` and a warm
        start go on from the weights alone.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a model file, is of a later version, or is damaged.

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
    return load_estimator(DigitCNNClassifier, path)

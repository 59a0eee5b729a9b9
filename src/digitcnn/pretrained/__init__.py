"""The trained model that comes with the package."""

from digitcnn.architectures import PRETRAINED
from digitcnn.classifier import DigitCNNClassifier
from digitcnn.serialization.initial import model_path


def load_pretrained() -> DigitCNNClassifier:
    """Load the trained model that comes with the package.

    It reads handwritten and printed digits in MNIST's form: 28 by 28 pixels, light on black, in
    0..255. :class:`digitcnn.DigitNormalizer` brings pictures from elsewhere into it. Pictures that
    are no digits get a low confidence: most of them one below 0.5, nearly all digits one above.

    Returns
    -------
    DigitCNNClassifier
        Fitted, a new one in each call: what you do to it changes no other. Its `init` is
        ``"pretrained"``: `fit`, also of a clone, adapts it to your data.

    See Also
    --------
    load : Reads a model file of your own.
    DigitNormalizer : Redraws pictures as MNIST's were made.

    Notes
    -----
    What it was trained on, what it reads and what it does not: see :doc:`/model_card`.

    Examples
    --------
    >>> import digitcnn
    >>> X, y = digitcnn.datasets.load_sample_digits()
    >>> clf = digitcnn.load_pretrained()
    >>> bool(clf.score(X, y) > 0.99)
    True
    """
    with model_path(PRETRAINED) as path:
        clf = DigitCNNClassifier.load(path)
    # Trained again, or a copy of it, it starts from here, with settings for other data.
    clf.set_params(init=PRETRAINED, epochs="auto", batch_size="auto", random_state=None)
    return clf

"""Predictions from a model file, without scikit-learn and Keras, which take seconds to import."""

import os

import numpy as np

from digitcnn._utils.images import size_hint, to_images, to_pictures
from digitcnn._utils.pixel_range import check_pixel_scale
from digitcnn.architectures import count_outputs, get_layers
from digitcnn.augmentation.distortion import draw_views
from digitcnn.calibration import with_temperature
from digitcnn.inference.graph import FittedNetwork
from digitcnn.inference.probabilities import divide, predict_in_parts
from digitcnn.inference.session import NetworkSession
from digitcnn.preprocessing.redraw import redraw
from digitcnn.serialization.schema import SerializedNetwork, read_model


class StoredModel:
    """A model file that predicts the same as the estimator that `digitcnn.load` returns.

    Parameters
    ----------
    path : str or path-like
        The model file.

    Attributes
    ----------
    classes_, image_shape_, pixel_range_, validation_confidences_, validation_correct_
        As the estimator's; for a pipeline, as its last step's.
    is_pipeline : bool
    normalizer : dict or None
        The settings ``box`` and ``invert`` of a pipeline's `DigitNormalizer`.
    n_features_in_ : int or None
        None if a pipeline was fitted on pictures.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if the training data had names.

    Raises
    ------
    FileNotFoundError, ValueError
        As `digitcnn.load`.
    """

    is_pipeline: bool
    classes_: np.ndarray
    n_features_in_: int | None
    feature_names_in_: np.ndarray
    image_shape_: tuple[int, int, int]
    pixel_range_: tuple[float, float]
    normalizer: dict[str, object] | None
    validation_confidences_: np.ndarray | None
    validation_correct_: np.ndarray | None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        model = read_model(path)
        self._networks = [_StoredNetwork(kept) for kept in model.networks]
        self._steps = model.steps
        self.is_pipeline = model.last_step is not None
        first = model.networks[0]  # all networks of an ensemble take the same images
        self.classes_ = first.classes if model.classes is None else model.classes
        self.n_features_in_ = first.n_features
        self.image_shape_ = first.image_shape
        self.pixel_range_ = first.pixel_range
        names = first.feature_names
        if model.steps:
            fitted = model.steps[0].fitted
            self.n_features_in_ = fitted.get("n_features_in_")
            names = fitted.get("feature_names_in_", [])
        if names:
            self.feature_names_in_ = np.array(names, dtype=object)
        self.normalizer = next(
            (
                {name: step.parameters[name] for name in ("box", "invert")}
                for step in model.steps
                if step.kind == "DigitNormalizer"
            ),
            None,
        )
        self.validation_confidences_ = self.validation_correct_ = None
        if model.validation is not None:
            self.validation_confidences_, self.validation_correct_ = model.validation

    def predict_proba(self, X: np.ndarray, *, is_normalized: bool = False) -> np.ndarray:
        """Probabilities of shape (n, n_classes), float32.

        Parameters
        ----------
        X : ndarray of shape (n, n_features)
            Pixels, in the order of the training data's columns.
        is_normalized : bool, default=False
            Whether X has already passed the steps before a pipeline's last one.

        Raises
        ------
        ValueError
            If the images have another size, or are clearly on another scale.
        """
        if not is_normalized:
            X = self._transform(X)
        answers = [network.predict_proba(X) for network in self._networks]
        mean: np.ndarray = answers[0] if len(answers) == 1 else np.mean(answers, axis=0)
        return mean

    def _transform(self, X: np.ndarray) -> np.ndarray:
        """X as transformed by the steps before the networks."""
        if self.n_features_in_ is not None and X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {X.shape[1]} features, but the model is expecting {self.n_features_in_} "
                f"features as input. {size_hint(X.shape, self.image_shape_)}"
            )
        for step in self._steps:
            if step.kind == "DigitNormalizer":
                pictures = to_pictures(X, step.parameters["image_shape"])
                X = redraw(pictures, *(step.parameters[name] for name in ("size", "box", "invert")))
        return X


class _StoredNetwork:
    def __init__(self, kept: SerializedNetwork) -> None:
        self._kept = kept
        self._n_outputs = count_outputs(len(kept.classes))
        layers = get_layers(kept.architecture, kept.image_shape, self._n_outputs)
        network = FittedNetwork(layers, kept.weights, kept.image_shape, pixel_range=(0.0, 1.0))
        self._session = NetworkSession(network, self._n_outputs)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        kept = self._kept
        pixel_range = kept.parameters.get("pixel_range", "auto")
        rows = check_pixel_scale(X, kept.pixel_range, pixel_range, "X")
        n_views = kept.parameters.get("test_time_augmentation", 0)
        images = to_images(rows, kept.image_shape)
        at_once, n_threads = divide(images)
        probabilities = predict_in_parts(
            self._session.predict,
            images,
            n_outputs=self._n_outputs,
            pixel_range=kept.pixel_range,
            at_once=at_once,
            n_threads=n_threads,
            views=draw_views(n_views, kept.image_shape[:2]) if n_views > 1 else None,
            fill_mode=kept.parameters.get("fill_mode", "nearest"),
        )
        if len(kept.classes) == 1:
            return np.ones_like(probabilities[:, :1])
        return with_temperature(probabilities, kept.temperature)

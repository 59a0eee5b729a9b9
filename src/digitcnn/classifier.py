"""The estimator: its parameters and its public methods."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from digitcnn._typing import ArrayLike, FilePath
from digitcnn._utils.parameters import check_parameters
from digitcnn._utils.sklearn_callbacks import CallbackSupportMixin, FitTask, with_callbacks
from digitcnn.architectures import DEFAULT
from digitcnn.calibration import confidence_threshold, with_temperature
from digitcnn.serialization.estimators import load_estimator, save_estimator
from digitcnn.serialization.initial import initial_architecture, read_initial
from digitcnn.training.base import BaseNetworkClassifier
from digitcnn.training.data import (
    check_prediction_data,
    check_training_data,
    check_validation_data,
)
from digitcnn.training.defaults import choose_share
from digitcnn.training.history import History

if TYPE_CHECKING:
    import keras
    from sklearn.utils import Tags

    from digitcnn.training.scikeras import NetworkClassifier


class DigitCNNClassifier(CallbackSupportMixin, ClassifierMixin, BaseNetworkClassifier):
    """Convolutional neural network that classifies handwritten digits and other small images.

    The network is a Keras model; the estimator works in pipelines, cross-validation and searches
    like any scikit-learn classifier. `fit` augments each batch with random distortions and sets the
    learning rate by a schedule.

    Pass images as rows of pixels, (n, height * width), or as arrays of shape (n, height, width) or
    (n, height, width, channels). Images of uint8 need the least memory.

    Parameters
    ----------
    architecture : {"auto", "slim", "compact", "elu-bn", "relu-dropout"} or callable, default="auto"
        The network: see `digitcnn.networks`. ``"auto"`` is ``"slim"``, which learns fastest, or
        that of the model named by `init`. A callable has the signature ``f(image_shape,
        n_classes, **options) -> keras.Model``, where `image_shape` is (height, width, channels). It
        receives those of the options ``dropout``, ``seed`` and ``dtype`` that it has parameters
        for. It must return a new model in each call, with a softmax over the classes, for float32
        pixels in 0..1. The estimator replaces the optimizer and the loss of a compiled model, and
        trains it as `keras.Model.fit` does.
    init : "pretrained", str, path-like or None, default=None
        Initial weights: ``"pretrained"`` for the model in the package (28x28 pixels, architecture
        ``"compact"``), the path of a model file, or None for random weights. With a trained model
        as the start, few images suffice to fine-tune to a new handwriting or source: see
        `learning_rate` and the guide. Classes that the model knows keep their output weights;
        others start at random.
    epochs : int or "auto", default="auto"
        Passes over the training data. ``"auto"`` chooses the number that makes 1,200 batches (800
        for less than 3,072 images), at least 4 and at most 100.
    batch_size : int or "auto", default="auto"
        Images per training step. The last batch of an epoch may be smaller. ``"auto"`` is 256, and
        less for small data or few epochs: the largest power of two, at least 16, that gives 12
        batches per epoch and, if `epochs` is a number, 150 in total.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or keras.optimizers.Optimizer, default="adamw"
        A Keras optimizer is copied for each fit and keeps its own learning rate and weight decay.
    learning_rate : float or "auto", default="auto"
        Initial learning rate of a plateau schedule; peak of a one-cycle schedule. ``"auto"`` is
        0.009 for training from scratch, by `fit` or by calls of `partial_fit` alone, and 0.0002 for
        a network that has completed a `fit` or comes from a model file: the larger rate would undo
        what it has learned. For batches of less than 256 images ``"auto"`` is lower, in proportion
        to the square root of the batch size.
    weight_decay : float, default=0.02
        Decoupled weight decay of the kernels, as a multiple of the learning rate.
    dropout : float or None, default=None
        Dropout rate, from 0 to below 1. None uses the default of the architecture.
    label_smoothing : float, default=0.0
        Fraction of the target that is spread over all classes, from 0 to below 1.
    rotation_range : float, default=8.0
        Largest rotation of training images in either direction, in degrees.
    zoom_range : float or pair of floats, default=0.1
        A number z draws the zoom factor of each axis from 1 - z to 1 + z; a pair gives the bounds.
        A factor below 1 enlarges.
    shift_range : float, default=0.06
        Largest shift along each axis, as a fraction of the side.
    shear_range : float, default=6.0
        Largest shear angle in either direction, in degrees.
    elastic_alpha : float, default=16.0
        Strength of the elastic distortion, in pixels of a 28x28 image: the factor of a smoothed
        field of random numbers in -1..1 [1]_. It is scaled with the image size. 0 disables it.
    elastic_sigma : float, default=4.0
        Standard deviation of the Gaussian that smooths the field, in the same unit.
    corruption_rate : float, default=0.2
        Fraction of the training images, from 0 to 1, that are corrupted as by bad pens, scans and
        photos: thicker or thinner strokes, blur or lower resolution, less contrast, uneven light,
        noise. Each epoch draws other images.
    fill_mode : {"nearest", "constant"}, default="nearest"
        How a distortion fills pixels from outside the image: with the nearest pixel, or with the
        background (the low end of the pixel range).
    schedule : {"one_cycle", "plateau"} or None, default="one_cycle"
        ``"one_cycle"`` raises the learning rate over the first quarter of the training and then
        lowers it to nearly 0 [2]_. ``"plateau"`` reduces it when the validation accuracy (without
        validation data, the training accuracy) stops rising, by a
        `keras.callbacks.ReduceLROnPlateau`. None keeps it constant, or leaves it to one of the
        `callbacks`.
    plateau_factor : float, default=0.5
        Factor by which the plateau schedule multiplies the learning rate.
    plateau_patience : int, default=3
        Epochs without a better accuracy before the plateau schedule reduces the learning rate.
    min_learning_rate : float, default=1e-5
        Lowest learning rate of the plateau schedule.
    validation_fraction : float or None, default=None
        Fraction of the training data, stratified by class, that is held out for validation. None
        holds nothing out.
    early_stopping : bool, default=False
        Stop when the validation accuracy has not risen for `n_iter_no_change` epochs, and restore
        the best weights. Requires validation data.
    n_iter_no_change : int, default=10
        Epochs without a better accuracy before early stopping.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn.
    temperature : float or "auto", default="auto"
        Divisor of the logarithms of the probabilities, to calibrate them [3]_. ``"auto"`` fits it
        to the validation data; without validation data it is 1.
    test_time_augmentation : int, default=0
        Number of views of each image, slightly rotated, shifted, sheared and zoomed, whose mean
        probabilities are the prediction. Prediction time grows in proportion to it. 0 and 1 use the
        image alone.
    warm_start : bool, default=False
        Whether another `fit` continues to train the same network. Changed parameters are applied; a
        changed `architecture`, `image_shape` or `pixel_range` is an error. With
        `validation_fraction` the same data is split as before.
    random_state : int, RandomState instance or None, default=None
        Two fits with the same int are bit for bit equal, on the same machine with the same number
        of threads. None gives a different result each time and uses no global generator.
    image_shape : {"auto", "pad"} or tuple of int, default="auto"
        Shape of the images in rows of pixels: (height, width) or (height, width, channels).
        ``"auto"`` requires a square number of pixels per row. ``"pad"`` appends zeros up to the
        next square number, for tables that are not images.
    pixel_range : {"auto", "data"} or pair of floats, default="auto"
        Pixel values of the background and of full ink. ``"auto"`` chooses by the training data:
        0..1, 0..255, 0..16 (whole numbers with maximum 16, as in scikit-learn's digits), 0..65535
        (whole numbers whose maximum is at least half of it), or from 0 to the maximum, with a
        warning if that is doubtful. A pair (low, high) sets it. Values outside the range are an
        error, and so are images to predict that are plainly on another scale. ``"data"`` takes the
        range of the training data and accepts every finite number.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Precision of the computation. Weights, softmax and loss are always float32. ``"auto"`` is
        bfloat16 if the CPU or GPU has instructions for it, and float32 otherwise and for a callable
        architecture without a parameter ``dtype``.
    device : {"auto", "cpu", "gpu", "gpu:N", "all"}, default="auto"
        Where to train and predict. ``"auto"`` uses a GPU if there is one; a loaded model predicts
        on the CPU unless this names a GPU: see `digitcnn.load`. With several GPUs, each joblib
        worker uses one of them. ``"all"`` divides each batch among all GPUs; it requires Keras's
        JAX backend.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called during training. Each fit uses shallow copies: see `callbacks_`.
    checkpoint_dir : str, path-like or None, default=None
        Folder for checkpoints. `fit` writes its state there after each epoch. A `fit` with the same
        data and parameters resumes from it, and ends with the same result, bit for bit. It cannot
        be combined with `callbacks`.
    verbose : int, default=0
        1 or more shows the progress of training: a bar if standard error is a terminal, a line
        below the cell of a notebook, otherwise one line per epoch on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    model_ : keras.Model
        The trained network.
    history_ : dict of str to list of float
        For each epoch: ``loss``, ``accuracy``, ``learning_rate`` and, with validation data,
        ``val_loss`` and ``val_accuracy``. The model of a callable architecture may add metrics.
    loss_curve_ : list of float
        Training loss of each epoch.
    batch_loss_curve_ : list of float
        Training loss of each batch.
    validation_scores_ : list of float or None
        Validation accuracy after each epoch.
    n_iter_ : int
        Epochs trained.
    image_shape_ : tuple of int (height, width, channels)
        Shape of one image, in pixels.
    pixel_range_ : tuple of two floats
        Pixel values of the background and of full ink.
    precision_ : {"float32", "bfloat16"}
        Precision of the computation.
    temperature_ : float
        The temperature of the probabilities.
    validation_confidences_ : ndarray of shape (n_validation,) or None
        The largest probability for each validation image; None without validation data.
    validation_correct_ : ndarray of shape (n_validation,) or None
        Whether the class of that probability is the true one.
    callbacks_ : list of keras.callbacks.Callback
        The copies of `callbacks` that the last fit called. Not kept by pickling.
    n_features_in_ : int
        Number of pixels of an image times the number of channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, if the training data had them.
    wrapper_ : object
        The SciKeras wrapper through which the network is trained.

    See Also
    --------
    digitcnn.make_digit_pipeline : CSV reader and classifier in one estimator.
    digitcnn.AbstainingClassifier : Rejects images of low confidence.
    sklearn.neural_network.MLPClassifier : scikit-learn's network without convolutions.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003.
    .. [2] L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using
       large learning rates", 2018.
    .. [3] C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks",
       ICML 2017.

    Examples
    --------
    >>> from digitcnn import DigitCNNClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = DigitCNNClassifier(epochs=3, random_state=0)
    >>> clf = clf.fit(X[:1000], y[:1000])
    >>> clf.predict_proba(X[1000:1002]).shape
    (2, 10)
    """

    def __init__(
        self,
        architecture: "str | Callable[..., keras.Model]" = "auto",
        *,
        init: FilePath | None = None,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
        optimizer: "str | keras.optimizers.Optimizer" = "adamw",
        learning_rate: float | str = "auto",
        weight_decay: float = 0.02,
        dropout: float | None = None,
        label_smoothing: float = 0.0,
        rotation_range: float = 8.0,
        zoom_range: float | tuple[float, float] = 0.1,
        shift_range: float = 0.06,
        shear_range: float = 6.0,
        elastic_alpha: float = 16.0,
        elastic_sigma: float = 4.0,
        corruption_rate: float = 0.2,
        fill_mode: str = "nearest",
        schedule: str | None = "one_cycle",
        plateau_factor: float = 0.5,
        plateau_patience: int = 3,
        min_learning_rate: float = 1e-5,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 10,
        class_weight: dict[Any, float] | str | None = None,
        temperature: float | str = "auto",
        test_time_augmentation: int = 0,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        image_shape: str | tuple[int, ...] = "auto",
        pixel_range: str | tuple[float, float] = "auto",
        precision: str = "auto",
        device: str = "auto",
        callbacks: "Sequence[keras.callbacks.Callback] | None" = None,
        checkpoint_dir: FilePath | None = None,
        verbose: int = 0,
    ) -> None:
        self.architecture = architecture
        self.init = init
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.rotation_range = rotation_range
        self.zoom_range = zoom_range
        self.shift_range = shift_range
        self.shear_range = shear_range
        self.elastic_alpha = elastic_alpha
        self.elastic_sigma = elastic_sigma
        self.corruption_rate = corruption_rate
        self.fill_mode = fill_mode
        self.schedule = schedule
        self.plateau_factor = plateau_factor
        self.plateau_patience = plateau_patience
        self.min_learning_rate = min_learning_rate
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.temperature = temperature
        self.test_time_augmentation = test_time_augmentation
        self.warm_start = warm_start
        self.random_state = random_state
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.precision = precision
        self.device = device
        self.callbacks = callbacks
        self.checkpoint_dir = checkpoint_dir
        self.verbose = verbose

    @with_callbacks
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the network to images and their labels.

        With ``warm_start=True`` a fitted estimator continues from its network, and
        ``learning_rate="auto"`` is 0.0002, which suits a trained network.

        Ctrl-C ends the training and raises `KeyboardInterrupt`. If you catch it, the estimator is
        fitted with what it has learned so far; if that is nothing, it is unchanged.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels)
            Images. They are not modified.
        y : array-like of shape (n,)
            Labels: integers, strings, or any values that can be sorted.
        sample_weight : array-like of shape (n,) or None, default=None
            Non-negative weights. Only their ratios matter.
        X_val : array-like like X, or None, default=None
            Validation images, used instead of a part of X for the validation accuracy and to fit
            the temperature. They are neither trained on nor distorted.
        y_val : array-like or None, default=None
            Their labels.

        Returns
        -------
        DigitCNNClassifier
            This estimator.

        Raises
        ------
        ValueError
            If a parameter, the images, the labels or the weights are not as described; if a warm
            start has another `architecture`, `image_shape` or `pixel_range`; if the training
            diverges, so that its loss is not finite; or if the checkpoint is damaged or of another
            version.
        KeyboardInterrupt
            After Ctrl-C. Its note says how many epochs were trained.
        """
        check_parameters(self._parameters())
        goes_on = self.warm_start and hasattr(self, "_trainer")
        given: dict[str, Any] = {"X": X, "y": y, "metadata": None}
        if sample_weight is not None:
            given["metadata"] = {"sample_weight": sample_weight}
        with self._unchanged_on_error():
            parameters = self._note_parameters(goes_on, self._choose_architecture(goes_on))
            data = check_training_data(self, X, y, sample_weight, goes_on=goes_on)
            data = data._replace(validation=check_validation_data(self, X_val, y_val))
            initial, knows_all = (None, False) if goes_on else self._initial_weights()
            plan, data, checkpoint = self._plan(parameters, data, goes_on, initial)
            self._start(plan.network, goes_on, initial)
            task = FitTask(self, plan.epochs, given)
            task.begin()
            is_whole = self._train(plan, data, [self._tell_of_epochs(task)], checkpoint)
            # A class that the initial model did not know must not be drawn back to random weights.
            if initial is not None and knows_all:
                self._trainer.draw_back(initial, choose_share(len(data.rows)))
            self._has_whole_fit |= is_whole
            is_whole &= self._calibrate(data.validation)
            try:
                task.end()
            except KeyboardInterrupt:
                is_whole = False
        if self.random_state is None and is_whole and checkpoint:
            checkpoint.remove()  # the next fit is to draw again
        self._raise_if_interrupted(is_whole)
        self._warn_if_at_chance(data)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch at a constant learning rate, from the present weights.

        ``learning_rate="auto"`` is 0.0002 after a `fit` or on a model from a file, and 0.009 in
        each call otherwise. The temperature and the validation figures are reset, because they
        describe the network before the call. Changed parameters and Ctrl-C are handled as in `fit`.

        Parameters
        ----------
        X : array-like like in `fit`
            Images.
        y : array-like of shape (n,)
            Labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels of all calls. The first call uses it; None takes the labels in y.
        sample_weight : array-like of shape (n,) or None, default=None
            Non-negative weights. Only their ratios within the call matter.

        Returns
        -------
        DigitCNNClassifier
            This estimator.

        Raises
        ------
        ValueError
            As in `fit`, and if y has labels that were not among the classes of the first call.
        """
        check_parameters(self._parameters())
        goes_on = hasattr(self, "_trainer")
        with self._unchanged_on_error():
            parameters = self._note_parameters(goes_on, self._choose_architecture(goes_on))
            data = check_training_data(self, X, y, sample_weight, classes=classes, goes_on=goes_on)
            initial, _ = (None, False) if goes_on else self._initial_weights()
            # Each call fine-tunes the initial model a little further.
            self._has_whole_fit |= initial is not None
            plan, data, _ = self._plan(parameters, data, goes_on, is_part=True)
            self._start(plan.network, goes_on, initial)
            is_whole = self._train(plan, data, [], None)
            self._calibrate(None)
        self._raise_if_interrupted(is_whole)
        return self

    def _initial_weights(self) -> tuple[list[np.ndarray] | None, bool]:
        """The initial weights (None: random), and whether their model knows all classes."""
        if self.init is None:
            return None, False
        architecture = self._fit_parameters["architecture"]
        return read_initial(self.init, architecture, self.image_shape_, self.classes_)

    def _choose_architecture(self, goes_on: bool) -> Any:
        """The architecture, or what "auto" stands for."""
        if not (isinstance(self.architecture, str) and self.architecture == "auto"):
            return self.architecture
        if goes_on:
            return self._fit_parameters["architecture"]
        return DEFAULT if self.init is None else initial_architecture(self.init)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like like in `fit`
            Images of the same size and pixel range as the training data.

        Returns
        -------
        ndarray of shape (n, n_classes), float32
            Columns in the order of `classes_`.

        Raises
        ------
        ValueError
            If the images have another size, or are plainly on another scale.
        """
        check_is_fitted(self)
        probabilities = self._predict_uncalibrated(check_prediction_data(self, X, "X"))
        # For one class the network has two outputs: a softmax over one output is always 1.
        if len(self.classes_) == 1:
            return np.ones_like(probabilities[:, :1])
        return with_temperature(probabilities, self.temperature_)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the most probable label of each image.

        Parameters
        ----------
        X : array-like like in `fit`
            Images of the same size and pixel range as the training data.

        Returns
        -------
        ndarray of shape (n,)
            Labels, of the same type as in the training data.

        Raises
        ------
        ValueError
            If the images have another size, or are plainly on another scale.
        """
        best = self.predict_proba(X).argmax(axis=1)  # raises NotFittedError first
        labels: np.ndarray = self.classes_[best]
        return labels

    def confidence_threshold(self, target_error_rate: float) -> float:
        """The smallest confidence at which predictions keep a target error rate.

        It is learned from the validation data of the last fit. If k validation images reach the
        threshold and e of them are misclassified, (e + 1) / (k + 1) is at most the target.

        Parameters
        ----------
        target_error_rate : float
            The largest accepted error rate among the predictions kept, between 0 and 1.

        Returns
        -------
        float
            The threshold of `predict_proba`'s largest probability; infinity if none suffices.

        Raises
        ------
        ValueError
            If there was no validation data, or too little for the target.

        Examples
        --------
        >>> from digitcnn import DigitCNNClassifier
        >>> from digitcnn.datasets import load_sample_digits
        >>> X, y = load_sample_digits()
        >>> clf = DigitCNNClassifier(epochs=8, validation_fraction=0.3, random_state=0)
        >>> threshold = clf.fit(X[:900], y[:900]).confidence_threshold(target_error_rate=0.02)
        >>> is_answered = clf.predict_proba(X[900:]).max(axis=1) >= threshold
        """
        check_is_fitted(self)
        return confidence_threshold(self, target_error_rate)

    def save(self, path: FilePath) -> None:
        """Write the classifier to a model file, as `digitcnn.save` does.

        Parameters
        ----------
        path : str or path-like
            The file. An existing one is replaced atomically.

        Raises
        ------
        ValueError
            If the architecture is a callable: a model file holds no code.
        """
        save_estimator(self, path)

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """Read a model file of one classifier, as `digitcnn.load` does.

        Parameters
        ----------
        path : str or path-like
            The model file.

        Returns
        -------
        DigitCNNClassifier
            The fitted classifier.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is not a model file, is damaged, or holds a pipeline or an ensemble.
        """
        clf = load_estimator(cls, path)
        if not isinstance(clf, cls):
            raise ValueError(
                f"{path}: expected the model file of a classifier, got that of a "
                f"{type(clf).__name__}. Read it with digitcnn.load"
            )
        return clf

    @property
    def model_(self) -> "keras.Model":
        """The trained `keras.Model`."""
        check_is_fitted(self)
        self._trainer.network.move_to(self.device)
        return self._trainer.network.model

    @property
    def wrapper_(self) -> "NetworkClassifier":
        """The SciKeras wrapper through which the network is trained."""
        check_is_fitted(self)
        return self._make_wrapper()

    @property
    def history_(self) -> dict[str, list[float]]:
        """Loss, accuracy and other figures of each epoch."""
        return self._history().epochs

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss of each epoch."""
        return self._history().epochs["loss"]

    @property
    def batch_loss_curve_(self) -> list[float]:
        """Training loss of each batch."""
        return self._history().batch_losses

    @property
    def validation_scores_(self) -> list[float] | None:
        """Validation accuracy after each epoch."""
        return self._history().epochs.get("val_accuracy")

    @property
    def n_iter_(self) -> int:
        """Epochs trained."""
        return self._history().n_epochs

    def _history(self) -> History:
        check_is_fitted(self)
        return self._trainer.history

    def __sklearn_is_fitted__(self) -> bool:
        return "_trainer" in vars(self) and self._trainer.network.is_trained

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        # Callbacks hold the network, and may hold what cannot be pickled.
        state.pop("callbacks_", None)
        return state

    def __sklearn_tags__(self) -> "Tags":
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = self.pixel_range == "auto"
        return tags

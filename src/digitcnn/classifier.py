"""The estimator: its parameters, and the order in which the parts are called."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from digitcnn._utils.identity import as_plain, digest_arrays
from digitcnn._utils.images import (
    check_images,
    check_labels,
    check_pixel_scale,
    check_side,
    hold_out,
    refuse_single_image,
    resolve_image_shape,
    resolve_pixel_range,
    size_hint,
    with_channels,
)
from digitcnn._utils.parameters import RULES, check_parameters
from digitcnn._utils.sklearn_callbacks import (
    CALLBACK_STATE,
    CallbackSupportMixin,
    FitTask,
    with_callbacks,
)
from digitcnn.calibration import (
    confidence_threshold,
    fit_temperature,
    note_confidence,
    with_temperature,
)
from digitcnn.serialization.estimators import import_keras, load_estimator, save_estimator
from digitcnn.training.checkpoints import Checkpoint

# `epochs="auto"`: as many as make this number of batches, within these bounds. Small data is
# passed over more often, or the network would not have learned when the training ends.
_AUTO_BATCHES = 1200
_AUTO_EPOCHS = (4, 100)
# The side, in pixels, of the images that the lengths of the elastic distortion are meant for.
_ELASTIC_SIDE = 28
# `learning_rate="auto"`: of a training from scratch, and of one that goes on from a network that
# has had a whole training. There the first rate would undo what was learned; the second is the
# largest that was measured to cost nothing (benchmarks/going_on.py).
_LEARNING_RATE = 0.009
_LEARNING_RATE_GOING_ON = 0.0002
# Parameters that say nothing about the trained network: they may change after `fit`, and count as
# they stand. `predict` reads the first three.
_READ_BY_PREDICT = ("test_time_augmentation", "fill_mode", "device")
_NOT_OF_THE_FIT = (*_READ_BY_PREDICT, "callbacks", "verbose", "warm_start")


class DigitCNNClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Handwritten digits, or any small images in classes, read by a convolutional network.

    A Keras network that is a scikit-learn classifier: it stands in pipelines, cross-validation
    and searches as any other. Training images are distorted at random, batch by batch, and the
    learning rate follows a schedule; both work inside `fit`.

    Images may be given as rows of pixels, (n, height * width), or as pictures, (n, height, width)
    or (n, height, width, channels). They stay as they are (uint8 at best) until their batch.

    Parameters
    ----------
    architecture : {"compact", "elu-bn", "relu-dropout"} or callable, default="compact"
        The network: see `digitcnn.networks`. A callable is
        ``f(image_shape, n_classes, **options) -> keras.Model``, where `image_shape` is (height,
        width, channels), the output is a softmax over the classes, and the options are those of
        ``dropout``, ``seed`` and ``dtype`` that it has parameters for. It makes a new model in
        each call. Its pixels come as float32 in 0..1. The model may be compiled or not: optimizer
        and loss are this estimator's, and it is trained as `keras.Model.fit` trains it.
    epochs : int or "auto", default="auto"
        Passes over the training data. ``"auto"`` takes as many as make 1,200 batches, but at
        least 4 and at most 100.
    batch_size : int, default=256
        Images for each step. The last batch of an epoch may be smaller.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or keras.optimizers.Optimizer, default="adamw"
        A Keras optimizer is copied for each fit and brings its own learning rate and weight decay.
    learning_rate : float or "auto", default="auto"
        Where a plateau schedule starts; the peak of a one-cycle schedule. ``"auto"`` is 0.009 for a
        network that is trained from scratch, by `fit` or by calls of `partial_fit` alone, and
        0.0002 for one that goes on after a whole `fit`, or comes from a model file: the larger rate
        would undo what it has learned. A number is taken as it is in both cases.
    weight_decay : float, default=0.02
        Decoupled weight decay of the kernels, as a factor of the learning rate.
    dropout : float or None, default=None
        Part of the features dropped in training, 0 to below 1. None is the architecture's own.
    label_smoothing : float, default=0.0
        Part of the target that is spread over all classes, 0 to below 1.
    rotation_range : float, default=8.0
        Largest rotation of training images, in degrees, either way.
    zoom_range : float or pair of floats, default=0.1
        A number z draws the zoom factor of each axis from 1 - z to 1 + z; a pair gives the bounds.
        A factor under 1 enlarges.
    shift_range : float, default=0.06
        Largest shift along each axis, as a fraction of the side.
    shear_range : float, default=6.0
        Largest shear angle, in degrees, either way.
    elastic_alpha : float, default=16.0
        Strength of the elastic distortion: what a smoothed field of random numbers from -1..1 is
        multiplied by [1]_. In pixels of an image of 28x28; on larger and smaller images as much
        more or less. 0 is none.
    elastic_sigma : float, default=4.0
        Standard deviation of the Gaussian that smooths it, in the same unit.
    corruption_rate : float, default=0.2
        Part of the training images, from 0 to 1, that are made to look as bad pens, scans and
        photos do: strokes thicker or thinner, blur or fewer pixels, less contrast, uneven light,
        noise. Others are drawn in each epoch.
    fill_mode : {"nearest", "constant"}, default="nearest"
        What comes in from outside a distorted image: its nearest pixel, or the background (the
        low end of the pixel range).
    schedule : {"one_cycle", "plateau"} or None, default="one_cycle"
        ``"one_cycle"`` raises the learning rate over the first quarter of the training and lets
        it fall to nothing [2]_. ``"plateau"`` reduces it when the validation accuracy (without
        validation data the training accuracy) stops rising: `keras.callbacks.ReduceLROnPlateau`,
        new for each fit. None keeps it, or leaves it to a callback.
    plateau_factor : float, default=0.5
        What the plateau schedule multiplies the learning rate by.
    plateau_patience : int, default=3
        Epochs without a better accuracy before it does.
    min_learning_rate : float, default=1e-5
        The least that it goes to.
    validation_fraction : float or None, default=None
        Part of the training data, drawn by class, that is held out of training to watch the
        accuracy. None holds nothing out.
    early_stopping : bool, default=False
        Stop when the validation accuracy has not risen for `n_iter_no_change` epochs, and go back
        to the best weights. Wants validation data.
    n_iter_no_change : int, default=10
        Epochs that early stopping waits.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn.
    temperature : float or "auto", default="auto"
        What the logarithms of the probabilities are divided by [3]_. ``"auto"`` fits it to the
        validation data, and without any takes 1.
    test_time_augmentation : int, default=0
        Views of each image that are read when predicting, slightly turned, moved, sheared and
        zoomed; the answer is the mean of their probabilities. It costs so many times the time. 0
        and 1 read the image as it is.
    warm_start : bool, default=False
        Whether another `fit` goes on training the same network. Parameters that have changed since
        are applied; a changed `architecture`, `image_shape` or `pixel_range` is refused. With
        `validation_fraction` the same data is divided as before.
    random_state : int, RandomState instance or None, default=None
        Two fits with the same int are equal to the bit, on the same machine with the same number
        of threads. None is different each time and draws from no global generator.
    image_shape : {"auto", "pad"} or tuple of int, default="auto"
        ``"auto"`` asks for pictures, or rows of a square number of pixels. A tuple (height, width)
        or (height, width, channels) says it. ``"pad"`` fills rows of any length up with zeros to
        the next square, for tables that are not pictures.
    pixel_range : {"auto", "data"} or pair of floats, default="auto"
        The numbers of the background and of full ink. ``"auto"`` finds them in the training data:
        0..1, 0..255, 0..16 (whole numbers whose highest is 16, as in scikit-learn's digits), or
        from 0 to the highest number, with a warning where that is not plain. A pair (low, high)
        says it. Numbers outside are refused, and so are images to predict that are plainly on
        another scale. ``"data"`` learns it from the training data and refuses no finite number.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What the network computes in. Weights, softmax and loss are float32 always. ``"auto"`` is
        bfloat16 where the processor or the GPU has instructions for it; float32 for a callable
        architecture without a parameter ``dtype``.
    device : {"auto", "cpu", "gpu", "gpu:N", "all"}, default="auto"
        Where to train and predict. ``"auto"`` is the backend's choice: the GPU, where there is one.
        Of several GPUs each of joblib's workers takes one, in turn. ``"all"`` divides each batch
        among all GPUs; it wants Keras's JAX backend.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called in training. Each fit works on shallow copies: see `callbacks_`.
    checkpoint_dir : str, path-like or None, default=None
        A folder for checkpoints. After each epoch of `fit` its state is written there, and a `fit`
        of the same data with the same parameters goes on from it, to the same end, bit for bit.
        Not together with `callbacks`.
    verbose : int, default=0
        From 1 up, training shows a progress bar where standard error is a terminal.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    model_ : keras.Model
        The trained network.
    history_ : dict of str to list of float
        Of each epoch: ``loss``, ``accuracy``, ``learning_rate`` and, with validation data,
        ``val_loss`` and ``val_accuracy``. A callable architecture's model may report more.
    loss_curve_ : list of float
        Training loss of each epoch.
    batch_loss_curve_ : list of float
        Training loss of each batch.
    validation_scores_ : list of float or None
        Validation accuracy after each epoch.
    n_iter_ : int
        Epochs trained.
    image_shape_ : tuple of int (height, width, channels)
        Of one image, in pixels.
    pixel_range_ : tuple of two floats
        The numbers of the background and of full ink.
    precision_ : {"float32", "bfloat16"}
        What the network computes in.
    temperature_ : float
        The temperature of the probabilities.
    validation_confidences_ : ndarray of shape (n_validation,) or None
        The largest probability for each validation image; None without validation data.
    validation_hits_ : ndarray of shape (n_validation,) or None
        Whether it was the right class's.
    callbacks_ : list of keras.callbacks.Callback
        The copies of `callbacks` that the last fit called. Not kept by pickling.
    n_features_in_ : int
        Pixels of an image, all channels counted.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names, where the training data had them.
    wrapper_ : object
        The SciKeras wrapper that the network is trained through.

    See Also
    --------
    digitcnn.make_digit_pipeline : From a CSV, in one estimator.
    digitcnn.AbstainingClassifier : Gives no answer where it is not sure.
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

    classes_: np.ndarray
    image_shape_: tuple[int, int, int]
    pixel_range_: tuple[float, float]
    precision_: str
    history_: dict[str, list[float]]
    batch_loss_curve_: list[float]
    temperature_: float
    validation_confidences_: np.ndarray | None
    validation_hits_: np.ndarray | None
    _fit_parameters: dict[str, Any]
    _has_whole_fit: bool

    def __init__(
        self,
        architecture: str | Callable[..., Any] = "compact",
        *,
        epochs: int | str = "auto",
        batch_size: int = 256,
        optimizer: Any = "adamw",
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
        callbacks: list[Any] | None = None,
        checkpoint_dir: Any = None,
        verbose: int = 0,
    ) -> None:
        self.architecture = architecture
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
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> "DigitCNNClassifier":
        """Train on images and their labels.

        With ``warm_start=True`` a fitted estimator goes on from its network, and
        ``learning_rate="auto"`` is a rate that improves on a trained one: 0.0002.

        An interrupt (Ctrl-C) ends the training and is raised again: the program stops, unless you
        catch the `KeyboardInterrupt`. The estimator is fitted, with what it has learned so far; if
        that is nothing, it is as it was before.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, height, width, channels)
            Images. They are not written to.
        y : array-like of shape (n,)
            Labels: whole numbers, strings, or anything that sorts.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights, from 0 up. Only their ratios matter.
        X_val : array-like like X, or None, default=None
            Images to watch the accuracy on and to fit the temperature to, instead of a part of X.
            Never trained on, never distorted.
        y_val : array-like or None, default=None
            Their labels.

        Returns
        -------
        DigitCNNClassifier
            This estimator.

        Raises
        ------
        ValueError
            If a parameter, the images, the labels or the weights are not as described, if a warm
            start is to go on with another `architecture`, `image_shape` or `pixel_range`, if the
            training diverges: its loss is no finite number any more, or if the checkpoint is
            damaged or another version's.
        KeyboardInterrupt
            After Ctrl-C, with a note that says how many epochs the estimator is fitted with.
        """
        check_parameters(self._parameters())
        goes_on = self.warm_start and hasattr(self, "wrapper_")
        given = {"X": X, "y": y, "metadata": None}
        if sample_weight is not None:
            given["metadata"] = {"sample_weight": sample_weight}
        with self._unchanged_on_error():
            self._note_parameters(goes_on)
            X, codes, weights = self._check_training_data(X, y, sample_weight, None, goes_on)
            validation = self._check_validation_data(X_val, y_val)
            random_state = self._resolve_random_state()
            if goes_on:
                self._go_on()
            checkpoint = None
            if self.checkpoint_dir is not None:
                data = [X, codes, weights, *(validation or ())]
                checkpoint = self._open_checkpoint(data, random_state, goes_on)
                if self.random_state is None:
                    random_state = checkpoint.random_state
            if not goes_on:
                self._seed = _draw_seed(random_state)
            rows = np.arange(len(X))
            if validation is None and self.validation_fraction is not None:
                rows, validation = self._hold_out(X, codes)
            if self.early_stopping and validation is None:
                raise ValueError(
                    "early_stopping=True wants validation data: give validation_fraction, or "
                    "X_val and y_val to fit"
                )
            epochs = self._count_epochs(len(rows))
            schedule = self._schedule_callbacks(len(rows), epochs, validation is not None)
            if not goes_on:
                self._start_wrapper()
            task = FitTask(self, epochs, given)
            task.begin()
            schedule.append(self._tell_of_epochs(task))
            is_whole = self._train(
                X, codes, weights, rows, validation, epochs, schedule, checkpoint
            )
            self._has_whole_fit |= is_whole
            is_whole &= self._calibrate(validation)
            try:
                task.end()
            except KeyboardInterrupt:
                is_whole = False
        if self.random_state is None and is_whole and checkpoint:
            checkpoint.remove()  # the next fit is to draw anew
        self._raise_if_interrupted(is_whole)
        return self

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> "DigitCNNClassifier":
        """Train for one epoch, at a constant learning rate, going on from where the network is.

        After a `fit`, or on a network from a model file, ``learning_rate="auto"`` is 0.0002, and so
        improves on what is there; where there was no `fit`, it is 0.009 in each call. What was
        learned from validation data is forgotten: it was of another network. Parameters that have
        changed since, and Ctrl-C, are treated as in `fit`.

        Parameters
        ----------
        X : array-like like in `fit`
            Images.
        y : array-like of shape (n,)
            Labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that there will be. Used by the first call; without it they are those in y.
        sample_weight : array-like of shape (n,) or None, default=None
            Weights, from 0 up. Only their ratios within the call matter.

        Returns
        -------
        DigitCNNClassifier
            This estimator.

        Raises
        ------
        ValueError
            As in `fit`, and if there are labels that the first call did not know.
        """
        check_parameters(self._parameters())
        goes_on = hasattr(self, "wrapper_")
        with self._unchanged_on_error():
            self._note_parameters(goes_on)
            X, codes, weights = self._check_training_data(X, y, sample_weight, classes, goes_on)
            if goes_on:
                self._go_on()
            else:
                self._seed = _draw_seed(self._resolve_random_state())
                self._start_wrapper()
            is_whole = self._train(X, codes, weights, np.arange(len(X)), None, None, [])
            self._calibrate(None)
        self._raise_if_interrupted(is_whole)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes.

        Parameters
        ----------
        X : array-like like in `fit`
            Images, of the size and on the scale of the training data.

        Returns
        -------
        ndarray of shape (n, n_classes), float32
            Columns in the order of `classes_`.

        Raises
        ------
        ValueError
            If the images are of another size or plainly on another scale.
        """
        check_is_fitted(self)
        probabilities = self._look_at(self._check_images(X, "X"))
        # With one class the network has a second output, for a softmax over one says nothing.
        if len(self.classes_) == 1:
            return np.ones_like(probabilities[:, :1])
        return with_temperature(probabilities, self.temperature_)

    def predict(self, X: Any) -> np.ndarray:
        """The likeliest label of each image.

        Parameters
        ----------
        X : array-like like in `fit`
            Images, of the size and on the scale of the training data.

        Returns
        -------
        ndarray of shape (n,)
            Of the labels' own type.

        Raises
        ------
        ValueError
            If the images are of another size or plainly on another scale.
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def confidence_threshold(self, max_error: float) -> float:
        """The probability from which on answers are wrong no more often than wanted.

        It is learned from the validation data of the last fit: of the images answered there, no
        more were wrong, one more error than was seen added.

        Parameters
        ----------
        max_error : float
            The error rate wanted among the answers, between 0 and 1.

        Returns
        -------
        float
            Infinity where no probability is enough.

        Raises
        ------
        ValueError
            If there was no validation data, or too little for so small a rate.

        Examples
        --------
        >>> from digitcnn import DigitCNNClassifier
        >>> from digitcnn.datasets import load_sample_digits
        >>> X, y = load_sample_digits()
        >>> clf = DigitCNNClassifier(epochs=8, validation_fraction=0.3, random_state=0)
        >>> threshold = clf.fit(X[:900], y[:900]).confidence_threshold(max_error=0.02)
        >>> is_answered = clf.predict_proba(X[900:]).max(axis=1) >= threshold
        """
        check_is_fitted(self)
        return confidence_threshold(self, max_error)

    def save(self, path: Any) -> None:
        """Write the model file, which `digitcnn.load` reads: `digitcnn.save` of this classifier.

        Parameters
        ----------
        path : str or path-like
            A file that is there is replaced, as a whole or not at all.

        Raises
        ------
        ValueError
            If the architecture is a callable: its code cannot be kept in a file of plain data.
        """
        save_estimator(self, path)

    @property
    def model_(self) -> Any:
        """The trained `keras.Model`."""
        check_is_fitted(self)
        self.wrapper_.move_to(self.device)
        return self.wrapper_.model_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_iter_")

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Data that is refused, or a training that fails, leaves a fitted estimator as it was.

        What a training changes is assigned anew, and not written to, but for a network that the
        user holds.
        """
        before = dict(vars(self))
        restore = before["wrapper_"].remember() if "wrapper_" in before else None
        try:
            yield
        except BaseException:
            # What scikit-learn needs to take its callbacks down.
            kept = {name: vars(self)[name] for name in CALLBACK_STATE if name in vars(self)}
            self.__dict__.clear()
            self.__dict__.update({**before, **kept})
            if restore is not None:
                restore()
            raise

    def _parameters(self) -> dict[str, Any]:
        """This class's, though a subclass's constructor may not take all, and a subclass's own."""
        return {**{name: getattr(self, name) for name in RULES}, **self.get_params(deep=False)}

    def _note_parameters(self, goes_on: bool) -> None:
        """Keep what the network is trained with; `set_params` may say otherwise afterwards.

        Raises
        ------
        ValueError
            If a training that goes on is given what only a new network can have.
        """
        parameters = {
            name: copy.copy(value) if isinstance(value, dict | list) else value
            for name, value in self._parameters().items()
            if name not in _NOT_OF_THE_FIT  # callbacks may hold what no copy can have
        }
        if goes_on:
            self._check_goes_on(parameters)
        else:
            self._has_whole_fit = False
        self._fit_parameters = parameters

    def _check_goes_on(self, parameters: dict[str, Any]) -> None:
        sides = parameters["image_shape"]
        in_use = {"pixel_range": self.pixel_range_}
        if not isinstance(sides, str) and with_channels(tuple(sides)) == self.image_shape_:
            in_use["image_shape"] = sides
        for name in ("architecture", "image_shape", "pixel_range"):
            was, now = self._fit_parameters[name], parameters[name]
            if not (_are_same(was, now) or _are_same(in_use.get(name), now)):
                raise ValueError(
                    f"expected {name}={was!r}, with which the network was trained, got {now!r}: a "
                    "training that goes on cannot change it. Set it back, or fit a clone of this "
                    "estimator (sklearn.base.clone), which begins anew"
                )

    def _parameters_as_fitted(self) -> dict[str, Any]:
        """What describes the trained network: the parameters it was trained with.

        Those that have no part in it are as they stand; all are, before there is a network.
        """
        now = self._parameters()
        of_the_fit = vars(self).get("_fit_parameters", {})
        return {**now, **of_the_fit}

    def _check_training_data(
        self, X: Any, y: Any, sample_weight: Any, classes: Any, goes_on: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Images of shape (n, height, width, channels), labels as numbers, and weights."""
        rows, side = check_images(X)
        refuse_single_image(rows, y)
        with self._explained(rows) if goes_on else nullcontext():
            rows, y = validate_data(self, rows, y, reset=not goes_on, dtype="numeric")
        check_labels(y)
        if goes_on:
            self._check_side(side)
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"classes={classes!r} is not what the first call had: {self.classes_!r}"
                )
        else:
            shape = resolve_image_shape(self.image_shape, rows.shape[1], side)
            height, width, channels = map(int, shape)  # they may be NumPy's
            self.image_shape_ = height, width, channels
            self.pixel_range_ = resolve_pixel_range(self.pixel_range, rows)
            self.classes_ = np.unique(y if classes is None else column_or_1d(classes))
        pixel_range = self._fit_parameters["pixel_range"] if goes_on else self.pixel_range
        rows = check_pixel_scale(rows, self.pixel_range_, pixel_range, "X")
        codes = self._encode(y, "y")
        weights = self._check_weights(sample_weight, rows, y)
        if weights is not None and not weights.all():
            kept = weights > 0
            rows, codes, weights = rows[kept], codes[kept], weights[kept]
        import_keras()  # the data is right; what follows is trained by it
        return self._to_images(rows), codes, weights

    def _check_validation_data(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray] | None:
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise ValueError("X_val and y_val go together: give both or neither")
        images = self._check_images(X, "X_val")
        y = column_or_1d(y)
        if len(images) != len(y):
            raise ValueError(f"X_val has {len(images)} images, but y_val has {len(y)} labels")
        return images, self._encode(y, "y_val")

    def _check_images(self, X: Any, name: str) -> np.ndarray:
        """Images of the size and on the scale that the network is trained on."""
        rows, side = check_images(X)
        self._check_side(side)
        # In bytes of the right shape, where no names are wanted, scikit-learn would find nothing
        # wrong; but looking takes a tenth of the time of reading one image.
        is_plain = (
            type(rows) is np.ndarray
            and rows.dtype == np.uint8
            and rows.shape[1:] == (self.n_features_in_,)
            and len(rows) > 0
            and not hasattr(self, "feature_names_in_")
        )
        if not is_plain:
            with self._explained(rows):
                rows = validate_data(self, rows, reset=False, dtype="numeric")
        rows = check_pixel_scale(rows, self.pixel_range_, self._fit_parameters["pixel_range"], name)
        return self._to_images(rows)

    def _check_side(self, side: tuple[int, ...] | None) -> None:
        if side is not None and self._fit_parameters["image_shape"] != "pad":
            check_side(side, self.image_shape_, "the network was trained on images of shape")

    @contextmanager
    def _explained(self, rows: Any) -> Iterator[None]:
        """Say more than scikit-learn does of rows that are not as those of the fit."""
        try:
            yield
        except ValueError as error:
            if "feature names" in str(error):
                # Whoever has loaded a model was not there when it was fitted.
                raise ValueError(
                    f"{str(error).rstrip()}\nThe columns are those of clf.feature_names_in_: give "
                    "X[clf.feature_names_in_]"
                ) from None
            shape: tuple[int, ...] = getattr(rows, "shape", ())
            is_padded = self._fit_parameters["image_shape"] == "pad"
            if is_padded or len(shape) != 2 or shape[1] == self.n_features_in_:
                raise
            raise ValueError(f"{error} {size_hint(shape, self.image_shape_)}") from error

    def _check_weights(self, sample_weight: Any, rows: np.ndarray, y: Any) -> np.ndarray | None:
        """Weights of mean 1, or None where all weigh the same."""
        if sample_weight is None and self.class_weight is None:
            return None
        weights = _check_sample_weight(
            sample_weight, rows, dtype=np.float64, ensure_non_negative=True
        )
        weights = weights * compute_sample_weight(self.class_weight, y)
        if not weights.any():
            raise ValueError("all sample weights are zero; wanted is at least one above zero")
        weights /= weights[weights > 0].mean()
        return weights.astype(np.float32)

    def _encode(self, y: np.ndarray, name: str) -> np.ndarray:
        """Labels as their places in `classes_`."""
        labels, places = np.unique(y, return_inverse=True)
        unknown = labels[~np.isin(labels, self.classes_)]
        if len(unknown):
            raise ValueError(
                f"{name} holds labels that are not among the {len(self.classes_)} classes "
                f"trained on: {unknown[:5].tolist()}"
            )
        return np.searchsorted(self.classes_, labels).astype(np.int32)[places]

    def _to_images(self, rows: np.ndarray) -> np.ndarray:
        missing = int(np.prod(self.image_shape_)) - rows.shape[1]
        if missing:
            rows = np.pad(rows, ((0, 0), (0, missing)))
        return rows.reshape(-1, *self.image_shape_)

    def _hold_out(
        self, X: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Divide the training data, by class: the rows to train on, and the part to watch.

        By the network's own seed. So a training that goes on with the same data never holds out
        what the network was trained on.
        """
        assert self.validation_fraction is not None
        kept, held = hold_out(codes, self.validation_fraction, self._seed)
        return kept, (X[held], codes[held])

    def _start_wrapper(self) -> None:
        """A new network, not yet built."""
        from digitcnn.training.scikeras import NetworkClassifier

        self.wrapper_ = NetworkClassifier(**self._describe_network(), pixel_range=self.pixel_range_)
        self.batch_loss_curve_ = []

    def _go_on(self) -> None:
        """A copy of the trained network, with the parameters as they are now."""
        self.wrapper_ = self.wrapper_.going_on(**self._describe_network())

    def _resolve_precision(self) -> str:
        from digitcnn.backend.devices import resolve_precision

        return resolve_precision(self.precision, self.architecture, self.device)

    def _describe_network(self) -> dict[str, Any]:
        """The network, and how it is trained, as `NetworkClassifier` takes it."""
        from digitcnn.backend.devices import POLICIES
        from digitcnn.backend.optimizers import describe_optimizer

        self.precision_ = self._resolve_precision()
        optimizer = self.optimizer
        if not isinstance(optimizer, str):
            optimizer = describe_optimizer(optimizer)
        return {
            "network": {
                "architecture": self.architecture,
                "image_shape": self.image_shape_,
                "n_classes": max(len(self.classes_), 2),
                "dropout": self.dropout,
                "seed": self._seed,
                "dtype": POLICIES[self.precision_],
            },
            "optimizer": {
                "optimizer": optimizer,
                "learning_rate": self._named_learning_rate(),
                "weight_decay": float(self.weight_decay),
            },
            "label_smoothing": float(self.label_smoothing),
            "device": self.device,
        }

    def _resolve_random_state(self) -> int | np.random.RandomState:
        """Where a fit's random numbers come from."""
        if self.random_state is None:
            # From the operating system, not from NumPy's global generator.
            return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
        return self.random_state

    def _open_checkpoint(
        self,
        data: list[np.ndarray | None],
        random_state: int | np.random.RandomState,
        goes_on: bool,
    ) -> Checkpoint:
        """The checkpoint of a fit, with how far it has come.

        It is known by all that the weights hang on; what is done with them later has no part in it.
        """
        if self.callbacks:
            raise ValueError(
                "checkpoint_dir and callbacks do not go together: what a callback remembers is not "
                "in the checkpoint, and a training that goes on would not be the same"
            )
        later = {"callbacks", "checkpoint_dir", "temperature", "test_time_augmentation"}
        identity = {
            name: _identify(name, value)
            for name, value in self._parameters().items()
            if name not in {*later, "verbose", "warm_start"}
        }
        identity.update(
            precision=self.precision_ if goes_on else self._resolve_precision(),
            classes=as_plain(self.classes_),
            image_shape=list(self.image_shape_),
            pixel_range=list(self.pixel_range_),
            data=digest_arrays(data),
            start=digest_arrays(self.wrapper_.get_state()) if goes_on else None,
            start_seed=self._seed if goes_on else None,
            start_learning_rate=self._start_learning_rate(),
        )
        drawn = random_state if isinstance(random_state, Integral) else 0
        return Checkpoint(self.checkpoint_dir, identity, int(drawn))

    def _count_epochs(self, n_images: int) -> int:
        if self.epochs != "auto":
            return int(self.epochs)
        low, high = _AUTO_EPOCHS
        return int(np.clip(_AUTO_BATCHES // self._count_batches(n_images), low, high))

    def _count_batches(self, n_images: int) -> int:
        """Batches in an epoch."""
        return -(-n_images // self.batch_size)

    def _named_learning_rate(self) -> float:
        """Of an optimizer that has a name here."""
        if self.learning_rate != "auto":
            return float(self.learning_rate)
        return _LEARNING_RATE_GOING_ON if self._has_whole_fit else _LEARNING_RATE

    def _start_learning_rate(self) -> float | None:
        """Where each training starts; None where a Keras optimizer has a schedule of its own."""
        if isinstance(self.optimizer, str):
            return self._named_learning_rate()
        config = self.optimizer.get_config()
        while "inner_optimizer" in config:  # of one that scales the loss
            config = config["inner_optimizer"]["config"]
        rate = config["learning_rate"]
        if isinstance(rate, int | float):
            return float(rate)
        if self.schedule is not None:
            raise ValueError(
                f"the optimizer has a learning rate schedule of its own, and schedule="
                f"{self.schedule!r}; wanted is one of the two: give schedule=None"
            )
        return None

    def _schedule_callbacks(self, n_images: int, epochs: int, has_validation: bool) -> list[Any]:
        from digitcnn.training import schedules

        made: list[Any] = []
        peak = self._start_learning_rate()
        if self.schedule is not None:
            schedules.check_one_schedule(self.schedule, self.callbacks)
        if self.schedule == "one_cycle" and peak is not None:
            made.append(schedules.OneCycle(peak, epochs * self._count_batches(n_images)))
        elif self.schedule == "plateau":
            made.append(
                schedules.plateau(
                    factor=self.plateau_factor,
                    patience=self.plateau_patience,
                    min_learning_rate=self.min_learning_rate,
                    has_validation=has_validation,
                )
            )
        if self.early_stopping:
            made.append(schedules.early_stopping(n_iter_no_change=self.n_iter_no_change))
        return made

    def _train(
        self,
        X: np.ndarray,
        codes: np.ndarray,
        weights: np.ndarray | None,
        rows: np.ndarray,
        validation: tuple[np.ndarray, np.ndarray] | None,
        epochs: int | None,
        schedule: list[Any],
        checkpoint: Checkpoint | None = None,
    ) -> bool:
        """Train on rows of X for so many epochs, or, where that is None, for one more.

        Returns
        -------
        bool
            False where Ctrl-C has cut the training short.
        """
        # Copies: what a callback notes of a fit is not the estimator's parameter.
        self.callbacks_ = [copy.copy(callback) for callback in self.callbacks or []]
        callbacks = [*schedule, *self.callbacks_]
        if self.verbose:
            from digitcnn.training.progress import TrainingProgress

            n_batches, first_epoch = self._count_batches(len(rows)), self.wrapper_.current_epoch
            callbacks.append(TrainingProgress(epochs or 1, n_batches, first_epoch))
        arguments: dict[str, Any] = {
            "batches": {
                "batch_size": self.batch_size,
                "distortion": self._distortion(),
                "corruption_rate": self.corruption_rate,
                "rows": rows,
                "shuffle": True,
                "seed": self._seed,
            },
            "validation": validation,
            "learning_rate": self._start_learning_rate(),
            "callbacks": callbacks,
            "checkpoint": checkpoint,
            # A user's callback is given the network, and may keep it.
            "own_model": bool(self.callbacks_),
        }
        self.wrapper_.train(X, codes, weights, epochs=epochs, **arguments)
        self.batch_loss_curve_ = self.batch_loss_curve_ + self.wrapper_.batch_losses_
        self._note_history()
        return not self.wrapper_.is_interrupted_

    def _look_at(self, images: np.ndarray) -> np.ndarray:
        """Probabilities before the temperature."""
        check_parameters({name: getattr(self, name) for name in _READ_BY_PREDICT})
        self.wrapper_.move_to(self.device)
        if self.test_time_augmentation < 2:
            return self.wrapper_.predict_proba(images)
        from digitcnn.augmentation.distortion import draw_views

        views = draw_views(self.test_time_augmentation, self.image_shape_[:2])
        return self.wrapper_.predict_proba(images, views, self.fill_mode)

    def _calibrate(self, validation: tuple[np.ndarray, np.ndarray] | None) -> bool:
        """Learn what the probabilities are worth.

        Returns
        -------
        bool
            False where Ctrl-C came in between. Then nothing is known of them, as without
            validation data; the training is not lost.
        """
        self.temperature_ = temperature = self._given_temperature()
        self.validation_confidences_ = self.validation_hits_ = None
        if validation is None:
            return True
        images, codes = validation
        try:
            probabilities = self._look_at(images)
            if self.temperature == "auto":
                temperature = fit_temperature(probabilities, codes)
            noted = note_confidence(with_temperature(probabilities, temperature), codes)
        except KeyboardInterrupt:
            return False
        self.temperature_ = temperature
        self.validation_confidences_, self.validation_hits_ = noted
        return True

    def _given_temperature(self) -> float:
        return 1.0 if self.temperature == "auto" else float(self.temperature)

    def _tell_of_epochs(self, task: FitTask) -> Any:
        from digitcnn.training.schedules import EpochTasks

        temperature = self._given_temperature()

        def fitted(n_epochs: int) -> dict[str, Any]:
            """The attributes that make a copy of this estimator a fitted one."""
            wrapper = self.wrapper_.snapshot()
            return {"wrapper_": wrapper, "temperature_": temperature, "n_iter_": n_epochs}

        return EpochTasks(task, fitted)

    def _raise_if_interrupted(self, is_whole: bool) -> None:
        """Pass Ctrl-C on: who has called `fit` must not take what it was cut to for the whole."""
        if is_whole:
            return
        interrupt = KeyboardInterrupt()
        interrupt.add_note(
            f"{type(self).__name__} is fitted with what it learned up to epoch {self.n_iter_}."
        )
        raise interrupt

    def _note_history(self) -> None:
        self.history_ = {name: list(values) for name, values in self.wrapper_.history_.items()}
        self.loss_curve_ = self.history_["loss"]
        self.validation_scores_ = self.history_.get("val_accuracy")
        self.n_iter_ = len(self.loss_curve_)

    def _distortion(self) -> Any:
        from digitcnn.augmentation.distortion import Distortion

        zoom = self.zoom_range
        low, high = zoom if isinstance(zoom, tuple | list) else (1 - zoom, 1 + zoom)
        scale = min(self.image_shape_[:2]) / _ELASTIC_SIDE
        return Distortion(
            rotation_range=self.rotation_range,
            zoom_range=(float(low), float(high)),
            shift_range=self.shift_range,
            shear_range=self.shear_range,
            elastic_alpha=self.elastic_alpha * scale,
            elastic_sigma=self.elastic_sigma * scale,
            fill_mode=self.fill_mode,
        )

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        # They hold the network, and whatever else their authors put in them.
        state.pop("callbacks_", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = self.pixel_range == "auto"
        return tags


def _identify(name: str, value: Any) -> Any:
    """What a checkpoint knows a parameter by."""
    try:
        return as_plain(value)
    except ValueError as error:
        raise ValueError(
            f"{name}: {error}, and a checkpoint must tell two trainings apart. Give a function of "
            "plain values, or leave checkpoint_dir out"
        ) from None


def _are_same(one: Any, other: Any) -> bool:
    """Whether two values of a parameter say the same."""
    if one is other:
        return True
    try:
        return bool(as_plain(one) == as_plain(other))
    except ValueError:  # a function of which nobody can say what it does
        return False


def _draw_seed(random_state: int | np.random.RandomState) -> int:
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(np.random.SeedSequence(random_state).generate_state(1)[0] >> 1)


def save(clf: Any, path: Any) -> None:
    """Write a fitted classifier, or an ensemble of them, to a model file.

    Parameters
    ----------
    clf : DigitCNNClassifier or sklearn.ensemble.VotingClassifier
        The latter of `DigitCNNClassifier` alone, with ``voting="soft"`` and without weights.
    path : str or path-like
        A file that is there is replaced, as a whole or not at all.

    Raises
    ------
    ValueError
        If it is another estimator, or if an architecture is a callable: its code cannot be kept in
        a file of plain data.

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

    Nothing in the file is executed: it holds parameters as JSON and weights as arrays. The network
    is built by this package, for this machine: with ``precision="auto"`` the precision is chosen
    anew, and ``device`` is ``"auto"``, whatever it was.

    Parameters
    ----------
    path : str or path-like
        The model file.

    Returns
    -------
    DigitCNNClassifier or sklearn.ensemble.VotingClassifier
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

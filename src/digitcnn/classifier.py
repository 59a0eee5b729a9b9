"""The estimator: its parameters, and the order in which the parts are called."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from digitcnn._utils.parameters import check_parameters
from digitcnn._utils.sklearn_callbacks import CallbackSupportMixin, FitTask, with_callbacks
from digitcnn.calibration import confidence_threshold, with_temperature
from digitcnn.serialization.estimators import load_estimator, save_estimator
from digitcnn.serialization.initial import read_initial
from digitcnn.training.base import BaseNetworkClassifier
from digitcnn.training.data import (
    check_prediction_data,
    check_training_data,
    check_validation_data,
)
from digitcnn.training.defaults import choose_share
from digitcnn.training.history import History


class DigitCNNClassifier(CallbackSupportMixin, ClassifierMixin, BaseNetworkClassifier):
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
        each call, which is not the caller's any more. Its pixels come as float32 in 0..1. The model
        may be compiled or not: optimizer and loss are this estimator's, and it is trained as
        `keras.Model.fit` trains it.
    init : "pretrained", str, path-like or None, default=None
        What the training starts from: the model that comes with the package (28x28 pixels,
        architecture ``"compact"``), a model file, or None, random weights. The digits of a new
        hand or source are then learned from few images, see `learning_rate` and the guide.
        Classes that the model knows keep what it knows of them; others are learned anew.
    epochs : int or "auto", default="auto"
        Passes over the training data. ``"auto"`` takes as many as make 1,200 batches, of less than
        3,072 images 800, but at least 4 and at most 100.
    batch_size : int or "auto", default="auto"
        Images for each step. The last batch of an epoch may be smaller. ``"auto"`` is 256, and less
        of small data and in few epochs: the largest power of two, from 16 up, that makes 12 batches
        an epoch and, where `epochs` is given, 150 in all.
    optimizer : {"adamw", "adam", "rmsprop", "sgd"} or keras.optimizers.Optimizer, default="adamw"
        A Keras optimizer is copied for each fit and brings its own learning rate and weight decay.
    learning_rate : float or "auto", default="auto"
        Where a plateau schedule starts; the peak of a one-cycle schedule. ``"auto"`` is 0.009 for a
        network that is trained from scratch, by `fit` or by calls of `partial_fit` alone, and
        0.0002 for one that goes on after a whole `fit`, or comes from a model file: the larger rate
        would undo what it has learned. Batches of less than 256 images have less, by the square
        root of their size. A number is taken as it is.
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
        0..1, 0..255, 0..16 (whole numbers whose highest is 16, as in scikit-learn's digits),
        0..65535 (whole numbers whose highest is at least half of it), or from 0 to the highest
        number, with a warning where that is not plain. A pair (low, high)
        says it. Numbers outside are refused, and so are images to predict that are plainly on
        another scale. ``"data"`` learns it from the training data and refuses no finite number.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What the network computes in. Weights, softmax and loss are float32 always. ``"auto"`` is
        bfloat16 where the processor or the GPU has instructions for it; float32 for a callable
        architecture without a parameter ``dtype``.
    device : {"auto", "cpu", "gpu", "gpu:N", "all"}, default="auto"
        Where to train and predict. ``"auto"`` is the backend's choice: the GPU, where there is one;
        a loaded network answers on the processor, unless this names a GPU: see `digitcnn.load`.
        Of several GPUs joblib's workers take one each. ``"all"`` divides each batch among all GPUs,
        under Keras's JAX backend.
    callbacks : list of keras.callbacks.Callback or None, default=None
        Called in training. Each fit works on shallow copies: see `callbacks_`.
    checkpoint_dir : str, path-like or None, default=None
        A folder for checkpoints. After each epoch of `fit` its state is written there, and a `fit`
        of the same data with the same parameters goes on from it, to the same end, bit for bit.
        Not together with `callbacks`.
    verbose : int, default=0
        From 1 up, training shows its progress: a bar where standard error is a terminal, a line
        below a notebook's cell, and elsewhere a line on standard error for each epoch.

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
    validation_correct_ : ndarray of shape (n_validation,) or None
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

    def __init__(
        self,
        architecture: str | Callable[..., Any] = "compact",
        *,
        init: Any = None,
        epochs: int | str = "auto",
        batch_size: int | str = "auto",
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
        goes_on = self.warm_start and hasattr(self, "_trainer")
        given = {"X": X, "y": y, "metadata": None}
        if sample_weight is not None:
            given["metadata"] = {"sample_weight": sample_weight}
        with self._unchanged_on_error():
            parameters = self._note_parameters(goes_on)
            data = check_training_data(self, X, y, sample_weight, goes_on=goes_on)
            data = data._replace(validation=check_validation_data(self, X_val, y_val))
            initial, knows_all = (None, False) if goes_on else self._initial_weights()
            plan, data, checkpoint = self._plan(parameters, data, goes_on, initial)
            self._start(plan.network, goes_on, initial)
            task = FitTask(self, plan.epochs, given)
            task.begin()
            is_whole = self._train(plan, data, [self._tell_of_epochs(task)], checkpoint)
            # An output that had to be learned from nothing must not go back there.
            if initial is not None and knows_all:
                self._trainer.draw_back(initial, choose_share(len(data.rows)))
            self._has_whole_fit |= is_whole
            is_whole &= self._calibrate(data.validation)
            try:
                task.end()
            except KeyboardInterrupt:
                is_whole = False
        if self.random_state is None and is_whole and checkpoint:
            checkpoint.remove()  # the next fit is to draw anew
        self._raise_if_interrupted(is_whole)
        self._warn_if_at_chance(data)
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
        goes_on = hasattr(self, "_trainer")
        with self._unchanged_on_error():
            parameters = self._note_parameters(goes_on)
            data = check_training_data(self, X, y, sample_weight, classes=classes, goes_on=goes_on)
            initial, _ = (None, False) if goes_on else self._initial_weights()
            # Each call goes a little on from there.
            self._has_whole_fit |= initial is not None
            plan, data, _ = self._plan(parameters, data, goes_on, is_part=True)
            self._start(plan.network, goes_on, initial)
            is_whole = self._train(plan, data, [], None)
            self._calibrate(None)
        self._raise_if_interrupted(is_whole)
        return self

    def _initial_weights(self) -> tuple[list[np.ndarray] | None, bool]:
        """What a training starts from, None at random, and whether that knows all classes."""
        if self.init is None:
            return None, False
        return read_initial(self.init, self.architecture, self.image_shape_, self.classes_)

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
        probabilities = self._predict_uncalibrated(check_prediction_data(self, X, "X"))
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

    def confidence_threshold(self, target_error_rate: float) -> float:
        """The probability from which on answers are wrong no more often than that rate.

        It is learned from the validation data of the last fit: of the images answered there, no
        more were wrong, one more error than was seen added.

        Parameters
        ----------
        target_error_rate : float
            The largest share of wrong ones among the answers that you accept, between 0 and 1.

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
        >>> threshold = clf.fit(X[:900], y[:900]).confidence_threshold(target_error_rate=0.02)
        >>> is_answered = clf.predict_proba(X[900:]).max(axis=1) >= threshold
        """
        check_is_fitted(self)
        return confidence_threshold(self, target_error_rate)

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

    @classmethod
    def load(cls, path: Any) -> Self:
        """Read a model file that `save` wrote: `digitcnn.load` of a classifier alone.

        Parameters
        ----------
        path : str or path-like
            The model file.

        Returns
        -------
        DigitCNNClassifier
            Fitted, as it was saved.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If it is not a model file, is damaged, or holds a pipeline or an ensemble.
        """
        clf = load_estimator(cls, path)
        if not isinstance(clf, cls):
            raise ValueError(
                f"{path}: expected the model file of a classifier, got that of a "
                f"{type(clf).__name__}. Read it with digitcnn.load"
            )
        return clf

    @property
    def model_(self) -> Any:
        """The trained `keras.Model`."""
        check_is_fitted(self)
        self._trainer.network.move_to(self.device)
        return self._trainer.network.model

    @property
    def wrapper_(self) -> Any:
        """The SciKeras wrapper that the network is trained through."""
        check_is_fitted(self)
        return self._make_wrapper()

    @property
    def history_(self) -> dict[str, list[float]]:
        """The figures of each epoch."""
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
        state = super().__getstate__()
        # They hold the network, and whatever else their authors put in them.
        state.pop("callbacks_", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = self.pixel_range == "auto"
        return tags

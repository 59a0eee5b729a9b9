"""The one file that knows SciKeras: its `KerasClassifier`, held by `DigitCNNClassifier`.

SciKeras brings the order of things: build, compile, fit for so many epochs or for one more. What it
gets wrong is mended here, each place with a comment that says what; what it does slowly, the
training itself, is done by `digitcnn.training.loop`.
"""

import copy
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import RLock
from typing import Any

import keras
import numpy as np
from sklearn.preprocessing import FunctionTransformer

from digitcnn.architectures import choose_dropout
from digitcnn.augmentation.batches import DigitBatches, scale
from digitcnn.augmentation.distortion import look_again
from digitcnn.backend.build import build
from digitcnn.backend.cache import (
    CompiledNetwork,
    borrow,
    give_back,
    put_in,
    share,
    state_variables,
    take_out,
)
from digitcnn.backend.devices import device_scope, on_processor, settle
from digitcnn.backend.optimizers import compile_model, floats_of_32_bits, kind_of, make_optimizer
from digitcnn.backend.own_models import answers_in_logits
from digitcnn.backend.steps import Regularization, has_jax_steps, has_processor_steps
from digitcnn.training.checkpoints import Checkpoint
from digitcnn.training.loop import train


def _import_scikeras_classifier() -> type:
    """SciKeras's classifier, with what its import does to Keras undone.

    Mended: the import replaces ``__reduce__`` and ``__deepcopy__`` of Keras's own classes, for
    everybody in the process. Keras 3 pickles its objects by itself. And it imports TensorFlow
    wherever that is installed, whatever the backend. Where somebody imported SciKeras before, it is
    left as they have it.
    """
    if "scikeras" in sys.modules:
        from scikeras.wrappers import KerasClassifier

        return KerasClassifier
    patched = [
        (keras.Model, "__reduce__"),
        (keras.Model, "__deepcopy__"),
        (keras.losses.Loss, "__reduce__"),
        (keras.metrics.Metric, "__reduce__"),
        (keras.optimizers.Optimizer, "__reduce__"),
    ]
    before = [cls.__dict__.get(name) for cls, name in patched]
    hides_tensorflow = keras.backend.backend() != "tensorflow" and "tensorflow" not in sys.modules
    if hides_tensorflow:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        from scikeras.wrappers import KerasClassifier
    finally:
        if hides_tensorflow:
            del sys.modules["tensorflow"]

    for (cls, name), method in zip(patched, before, strict=True):
        if method is None:
            delattr(cls, name)
        else:
            setattr(cls, name, method)
    return KerasClassifier


# Images of up to _CHUNK_PIXELS pixels that go through the network in one call. An accelerator is
# waited for after each.
_CHUNK = 512
_CHUNK_ON_ACCELERATOR = 4096
_CHUNK_PIXELS = 784

# Attributes that a copy has none of: a compiled network, and what it is found by.
_OF_THIS_PROCESS = ("_network", "_state_key", "_cache_key")
# Held while an estimator's own network is made.
_building = RLock()
_KerasClassifier: Any = _import_scikeras_classifier()


class NetworkClassifier(_KerasClassifier):
    """A network with its optimizer, trained on generated batches.

    It is given arrays that are checked already: images of shape (n, height, width, channels) and
    labels as numbers from 0 up.

    Parameters
    ----------
    network : dict
        Keyword arguments of `digitcnn.backend.build.build`.
    optimizer : dict
        Keyword arguments of `digitcnn.backend.optimizers.make_optimizer`.
    label_smoothing : float
        Part of the target that is spread over all classes.
    pixel_range : tuple of two floats
        What becomes 0 and 1.
    device : str
        What `digitcnn.backend.devices.device_scope` takes.
    """

    def __init__(
        self,
        network: dict[str, Any],
        optimizer: dict[str, Any],
        label_smoothing: float,
        pixel_range: tuple[float, float],
        device: str,
    ) -> None:
        super().__init__(model=None, optimizer=optimizer, verbose=0)
        self.network = network
        self.label_smoothing = label_smoothing
        self.pixel_range = pixel_range
        self.device = device

    @property
    def model_(self) -> keras.Model:
        """The network, the estimator's own from the first time that it is asked for.

        What is then done to it, the estimator does as well.
        """
        if "_network" not in vars(self):
            if not self.initialized_:
                raise AttributeError("model_")
            with _building:
                if "_network" not in vars(self):  # no other thread was first
                    with device_scope(self.device):
                        network = self._make_compiled()
                        network.steps.regularize(self._regularization())
                    self._fill(network)
                    self._network = network
        return self._network.model

    @model_.setter
    def model_(self, model: keras.Model) -> None:
        # SciKeras's word for what `_training` has put there.
        assert model is self._network.model

    @property
    def initialized_(self) -> bool:
        return "_state" in vars(self) or "_weights" in vars(self)

    def train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        *,
        epochs: int | None,
        own_model: bool = False,
        **arguments: Any,
    ) -> None:
        """Train for so many epochs, going on from the present state if there is one.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels)
        y : ndarray of shape (n,)
            Labels as numbers.
        sample_weight : ndarray of shape (n,) or None
        epochs : int or None
            None is one more, as SciKeras's `partial_fit` trains.
        own_model : bool, default=False
            Whether the network may be held on to by others, and so is nobody else's afterwards.
        **arguments
            What `_fit_keras_model` takes.
        """
        arguments["is_watched"] = own_model
        with self._training(own_model):
            if epochs is None:
                self.partial_fit(X, y, sample_weight=sample_weight, **arguments)
            else:
                start = self.current_epoch
                self.fit(
                    X,
                    y,
                    sample_weight=sample_weight,
                    epochs=epochs,
                    initial_epoch=start,
                    **arguments,
                )

    def predict_proba(
        self, X: np.ndarray, views: np.ndarray | None = None, fill_mode: str = "nearest"
    ) -> np.ndarray:
        """Probabilities of shape (n, n_classes), float32, of images of any number.

        No more than a part of the images is ever held as float32. How they are cut into parts
        makes no difference to the results, but for float32's last bits on some processors.

        Mended: SciKeras squeezes the probabilities of a single image to one dimension.

        Parameters
        ----------
        X : ndarray of shape (n, height, width, channels)
        views : ndarray of shape (v, 2, 3) or None, default=None
            From `digitcnn.augmentation.distortion.draw_views`: the answer is the mean over them.
        fill_mode : {"nearest", "constant"}, default="nearest"
            What comes in from outside of a view.

        Raises
        ------
        ValueError
            If an answer is no finite number.
        """
        probabilities = np.empty((len(X), self.network["n_classes"]), dtype=np.float32)
        fill = {"fill_mode": fill_mode, "fill_value": self.pixel_range[0]}
        at_once = self._images_at_once(X)
        with self._predicting() as network:
            for start in range(0, len(X), at_once):
                images = np.asarray(X[start : start + at_once])
                if views is None:
                    answers = self._answer(network, images)
                else:
                    seen = (look_again(images, view, **fill) for view in views)
                    answers = np.mean([self._answer(network, one) for one in seen], axis=0)
                probabilities[start : start + len(images)] = answers
        if not np.isfinite(probabilities).all():
            raise ValueError(
                "the network's answers are no numbers: its weights are so large that its sums "
                "overflow. Train it again, with a smaller learning_rate or a larger batch_size"
            )
        return probabilities

    def _images_at_once(self, X: np.ndarray) -> int:
        """How many images go through the network in one call: fewer the larger they are."""
        most = _CHUNK if on_processor(self.device) else _CHUNK_ON_ACCELERATOR
        pixels = int(np.prod(X.shape[1:]))
        return min(most, max(1, most * _CHUNK_PIXELS // max(1, pixels)))

    def _answer(self, network: CompiledNetwork, images: np.ndarray) -> np.ndarray:
        part, n = scale(images, self.pixel_range), len(images)
        if n == 1:
            # A product of a matrix and one vector rounds otherwise than that of two matrices,
            # which all other numbers of images are.
            part = np.repeat(part, 2, axis=0)
        return network.steps.predict(part)[:n]

    def snapshot(self) -> "NetworkClassifier":
        """In the midst of a training: another wrapper, which has learned what this one has."""
        other = copy.copy(self)
        other._keep(self.get_state())
        return other

    def going_on(
        self,
        network: dict[str, Any],
        optimizer: dict[str, Any],
        label_smoothing: float,
        device: str,
    ) -> "NetworkClassifier":
        """Another wrapper, to be trained from this one's state on, with other settings.

        Where they are the same, it has this one's network, if that is the estimator's own. Else
        the weights go over, and the optimizer's moments where it is of the same kind.

        Raises
        ------
        ValueError
            If the weights do not fit the network that the settings describe.
        """
        other = copy.copy(self)
        other.history_ = {name: list(values) for name, values in self.history_.items()}
        other.network, other.optimizer = network, optimizer
        other.label_smoothing, other.device = label_smoothing, device
        if other._settings() == self._settings():
            if "_network" in vars(self):
                other._network = self._network
            return other
        is_same_kind = optimizer["optimizer"] == self.optimizer["optimizer"]
        # What can be put into one compiled network has the same state.
        is_alike = other._cache_key is not None and other._cache_key == self._cache_key
        if not is_same_kind or not (is_alike or network == self.network):
            other._take_over(self, with_moments=is_same_kind)
        return other

    def _settings(self) -> tuple[Any, ...]:
        """All that a network is compiled for and regularised by; its learning rate is neither."""
        optimizer = {**self.optimizer, "learning_rate": None}
        return self.network, optimizer, self.label_smoothing, self.device

    def _take_over(self, other: "NetworkClassifier", with_moments: bool) -> None:
        """Become what another wrapper's weights make of this one's network."""
        with other._predicting() as network:
            weights = network.model.get_weights()
            n_moments = len(network.model.optimizer.variables)
        with device_scope(self.device):
            made = self._make_compiled()
            try:
                made.model.set_weights(weights)
            except ValueError as error:
                raise ValueError(
                    "expected a network with the weights of the one that is to go on, got another "
                    f"with these parameters: {error}. Set architecture, dropout and precision "
                    "back, or fit a clone of the estimator, which begins anew"
                ) from None
            variables = state_variables(made.model)
            state = take_out(variables)
            if with_moments and n_moments:
                state[-n_moments:] = other.get_state()[-n_moments:]
            self._keep(state)
            if self._cache_key is None:  # it is nobody else's, and need not be made again
                put_in(variables, self._state)
                made.steps.regularize(self._regularization())
                self._network = made

    def move_to(self, device: str) -> None:
        """Compute on another device from now on, with the same weights."""
        if device == self.device:
            return
        with _building:
            if device == self.device:  # another thread was first
                return
            self._keep(self.get_state())
            for name in _OF_THIS_PROCESS:
                self.__dict__.pop(name, None)
            self.device = device  # last: who finds it set goes on at once

    def remember(self) -> Callable[[], None]:
        """What brings this wrapper's state back, whatever is done to a network that is its own."""
        if "_network" not in vars(self):
            return lambda: None
        variables = state_variables(self._network.model)
        before = take_out(variables)
        return lambda: put_in(variables, before)

    def get_state(self) -> list[np.ndarray]:
        """All that a training goes on from: weights, dropout's seeds, the optimizer's moments."""
        if "_network" in vars(self):
            return take_out(state_variables(self._network.model))
        if "_state" not in vars(self):
            with self._predicting() as network:
                self._keep(take_out(state_variables(network.model)))
        return self._state

    def _keep(self, state: list[np.ndarray]) -> None:
        self._state = state
        self.__dict__.pop("_weights", None)

    def get_weights(self) -> list[np.ndarray]:
        """The network's weights, in Keras's order."""
        if "_weights" in vars(self) and "_network" not in vars(self):
            return list(self._weights)
        with self._predicting() as network:
            return network.model.get_weights()

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Have these weights, and otherwise the state of a new network.

        The network itself is made when it is first needed. So a model can be loaded before a
        process forks, and asked after it.
        """
        # They hold the weights of before.
        for name in ("_network", "_state_key", "_state"):
            self.__dict__.pop(name, None)
        self._weights = weights
        # What SciKeras would have made when it started a training, for one that goes on.
        self.feature_encoder_ = self.target_encoder_ = FunctionTransformer()

    @contextmanager
    def _training(self, own_model: bool) -> Iterator[None]:
        """Have a compiled network in `_network`; afterwards keep its state.

        A training that fails leaves the state as it was, but for that of a network that is the
        estimator's own: see `remember`.
        """
        key = self._cache_key
        with device_scope(self.device):
            if "_network" in vars(self):  # the estimator's own
                yield
                return
            network = self._network = borrow(key, self._make_compiled)
            if network.is_logits and not self.initialized_:
                warnings.warn(
                    f"architecture={self.network['architecture']!r} does not end in a softmax: its "
                    "answers are taken for logits, and their softmax for the probabilities. End it "
                    "in a softmax to say so yourself",
                    stacklevel=6,
                )
            network.steps.regularize(self._regularization())
            if self.initialized_:
                self._fill(network)
            elif network.is_used:
                network.restart(self.network["seed"])
            try:
                yield
            except BaseException:
                del self._network
                if key is not None and not own_model:
                    network.holds = None
                    give_back(key, network)
                raise
            self._keep(take_out(state_variables(network.model)))
            network.holds = self._state_key = object()
            if key is not None and not own_model:
                del self._network
                give_back(key, network)

    @contextmanager
    def _predicting(self) -> Iterator[CompiledNetwork]:
        """A compiled network with this estimator's weights in it."""
        key = self._cache_key
        with device_scope(self.device):
            if key is None or "_network" in vars(self):
                _ = self.model_  # builds the estimator's own, where there is none
                yield self._network
                return
            # Of several threads that come here at once all get the same object.
            holds = self.__dict__.setdefault("_state_key", object())
            with share(key, holds, self._make_compiled, self._fill) as network:
                yield network

    def _fill(self, network: CompiledNetwork) -> None:
        if "_state" in vars(self):
            put_in(state_variables(network.model), self._state)
            return
        if network.is_used:
            network.restart(self.network["seed"])
        network.model.set_weights(self._weights)

    def _regularization(self) -> Regularization:
        architecture = self.network["architecture"]
        dropout = choose_dropout(architecture, self.network["dropout"])
        named_optimizer = isinstance(self.optimizer["optimizer"], str)
        return Regularization(
            # Of a user's network each layer keeps its own.
            dropout=(dropout or None) if isinstance(architecture, str) else None,
            # Of a user's optimizer too.
            weight_decay=self.optimizer["weight_decay"] if named_optimizer else None,
            label_smoothing=self.label_smoothing,
        )

    @cached_property
    def _cache_key(self) -> str | None:
        """What compiled networks are told apart by: all but what can be put in."""
        if not isinstance(self.network["architecture"], str):
            return None  # a user's callable may give another network each time
        regularization = self._regularization()._asdict()
        if has_processor_steps(self.device):
            regularization = {k: value is not None for k, value in regularization.items()}
        elif has_jax_steps(self.device, kind_of(self.optimizer["optimizer"])):
            # The dropout alone is compiled in.
            regularization.update(
                weight_decay=regularization["weight_decay"] is not None, label_smoothing=True
            )
        put_in = ("seed", "dropout", "learning_rate", "weight_decay")
        described = {k: v for k, v in {**self.network, **self.optimizer}.items() if k not in put_in}
        return repr((sorted(described.items()), regularization, self.device))

    def _make_compiled(self) -> CompiledNetwork:
        settle()
        is_own = not isinstance(self.network["architecture"], str)
        model = self._keras_build_fn()
        is_logits = is_own and answers_in_logits(model, self.network["image_shape"])
        with floats_of_32_bits():
            optimizer = make_optimizer(**self.optimizer)
            # What a named network's float16 needs, the user's policy does not decide. Of a model of
            # the user's it does when the training begins, and not for whoever makes it again.
            if "_scales_loss" not in vars(self):
                self._scales_loss = is_own and model.dtype_policy.name == "mixed_float16"
            if self._scales_loss and not hasattr(optimizer, "inner_optimizer"):
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            compile_model(
                model,
                optimizer,
                label_smoothing=self.label_smoothing,
                is_logits=is_logits,
                # XLA makes convolutions on the processor several times slower than TensorFlow's
                # own.
                jit_compile=False if has_processor_steps(self.device) else "auto",
                auto_scale_loss=False,
            )
            return CompiledNetwork(model, self.device, is_own=is_own, is_logits=is_logits)

    # What SciKeras asks its subclasses for

    @property
    def target_encoder(self) -> FunctionTransformer:
        return FunctionTransformer()  # the labels are numbers already

    def _keras_build_fn(self) -> keras.Model:
        return build(**self.network)

    def _build_keras_model(self) -> keras.Model:
        return self._network.model  # `_training` has made it ready

    # What is mended

    def _ensure_compiled_model(self) -> None:
        pass  # it is

    def _validate_data(
        self, X: Any = None, y: Any = None, reset: bool = False, y_numeric: bool = False
    ) -> tuple[Any, Any]:
        # Mended: SciKeras's checks accept sparse matrices, refuse dtypes that they could cast,
        # and take the first side of an image for its number of features.
        return X, y

    @staticmethod
    def _validate_sample_weight(
        X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Mended: SciKeras copies all of X to leave out what has no weight, which is left out
        # already, and gives the weights the type that the user has set for Keras.
        return X, y, sample_weight

    def _fit_keras_model(
        self,
        X: np.ndarray,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        warm_start: bool,
        epochs: int,
        initial_epoch: int,
        *,
        batches: dict[str, Any],
        learning_rate: float | None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        callbacks: list[Any] | None = None,
        checkpoint: Checkpoint | None = None,
        is_watched: bool = False,
    ) -> None:
        # Mended: SciKeras's own replaces the callbacks that it is given, and a random_state makes
        # it set the global seeds and switch TensorFlow's op determinism on for the process. Here
        # the seeds are the network's and the batches', and nothing global is touched.
        if learning_rate is not None:
            # A training before this one may have left it anywhere.
            self.model_.optimizer.learning_rate = learning_rate
        done = 0
        if checkpoint is not None and checkpoint.progress is not None:
            done = len(checkpoint.progress.history["loss"])
        training_data = DigitBatches(
            X,
            y,
            sample_weight,
            pixel_range=self.pixel_range,
            first_epoch=initial_epoch + done,
            ahead_on=None if on_processor(self.device) else self.device,
            **batches,
        )
        validation_data = None
        if validation is not None:
            validation_data = DigitBatches(
                *validation, None, pixel_range=self.pixel_range, batch_size=self._images_at_once(X)
            )
        history, self.batch_losses_, self.is_interrupted_ = train(
            self._network,
            training_data,
            validation_data,
            first_epoch=initial_epoch,
            epochs=epochs,
            callbacks=callbacks,
            label_smoothing=self.label_smoothing,
            checkpoint=checkpoint,
            is_watched=is_watched,
        )
        if initial_epoch == 0:
            self.history_: dict[str, list[float]] = {}
        for name, values in history.items():
            self.history_.setdefault(name, []).extend(values)

    def __getstate__(self) -> dict[str, Any]:
        # Mended: SciKeras pickles a network through a private module of Keras. Here its state is
        # arrays, and its layers come from the package's own code.
        state = {name: value for name, value in vars(self).items() if name not in _OF_THIS_PROCESS}
        if "_network" in vars(self):
            state["_state"] = self.get_state()
            state.pop("_weights", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

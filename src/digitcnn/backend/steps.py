"""One step of training and one of prediction, compiled for the active backend and device."""

from collections.abc import Iterator
from functools import cached_property
from math import prod
from threading import Lock
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from digitcnn.backend.devices import on_processor
from digitcnn.backend.optimizers import OPTIMIZERS


class Regularization(NamedTuple):
    """What keeps a network from learning its examples by heart.

    Parameters
    ----------
    dropout : float or None
        Rate of every dropout layer; None is each layer's own.
    weight_decay : float or None
        The optimizer's; None is what the optimizer came with.
    label_smoothing : float
        Part of the target that is spread over all classes.
    """

    dropout: float | None
    weight_decay: float | None
    label_smoothing: float


def has_processor_steps(device: str) -> bool:
    """Whether steps for this device are `ProcessorSteps`: TensorFlow's, without a GPU."""
    return keras.backend.backend() == "tensorflow" and on_processor(device)


def has_jax_steps(device: str, optimizer: type) -> bool:
    """Whether a named network's steps are `JaxSteps`: JAX's, on one device.

    An optimizer of another kind may do what Keras's own step alone allows for.
    """
    is_known = optimizer in OPTIMIZERS.values()
    return keras.backend.backend() == "jax" and device != "all" and is_known


class KerasSteps:
    """Keras's own steps, for named networks on accelerators and with other backends.

    How they regularise is compiled in.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    n_devices : int, default=1
        Among which each batch is divided. One that they do not divide evenly is filled up with
        images of its own.
    """

    def __init__(self, model: keras.Model, n_devices: int = 1) -> None:
        self.model = model
        self.n_devices = n_devices
        # Keras says of no backend that several threads may predict with one model.
        self._lock = Lock()

    def train(
        self, images: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """Train on one batch.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        codes : ndarray of shape (n,), int32
            Labels as numbers.
        weights : ndarray of shape (n,), float32, or None
            None is 1 for each.

        Returns
        -------
        dict of str to float
            Sums over the images: of ``loss``, and of ``accuracy``, which is the number of images
            with the right answer. Of a user's model, of its other figures too.
        """
        rows = self._rows(len(images))
        logs = self.model.train_on_batch(
            images[rows],
            codes[rows],
            sample_weight=None if weights is None else weights[rows],
            return_dict=True,
        )
        # Keras takes an interrupt that comes while it waits for a figure for one that is no number,
        # and leaves the figure as it was. With JAX that is nearly all of the time.
        if any(ops.is_tensor(value) and prod(value.shape) == 1 for value in logs.values()):
            raise KeyboardInterrupt
        figures = self._figures(logs, "train_step")
        return {name: value * len(images) for name, value in figures.items()}

    def evaluate(
        self, images: np.ndarray, codes: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """Figures on images that are not trained on, as sums over them.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        codes : ndarray of shape (n,), int32
        label_smoothing : float
            As the training's.
        """
        return score(self.predict(images), codes, label_smoothing)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The network's probabilities, of shape (n, n_classes), for a batch of any size.

        Several threads may ask at once.
        """
        n = len(images)
        with self._lock:
            answers = self.model.predict_on_batch(images[self._rows(n)])
        return self._one_output(answers)[:n]

    def _one_output(self, answers: Any) -> Any:
        if not hasattr(answers, "shape"):
            raise ValueError(
                f"expected predict_step of {type(self.model).__name__} to return an array of "
                f"probabilities, got a {type(answers).__name__}"
            )
        return answers

    def _rows(self, n: int) -> Any:
        """The rows of a batch that the devices divide evenly."""
        missing = -n % self.n_devices
        return np.resize(np.arange(n), n + missing) if missing else slice(None)

    def settle(self) -> None:
        """Give the network's variables what was learned. They hold it already."""

    def _figures(self, logs: Any, step: str) -> dict[str, float]:
        figures = dict(_numbers(logs or {}))
        if "loss" not in figures:
            raise ValueError(
                f"expected {step} of {type(self.model).__name__} to return a dict with the number "
                f"'loss', got {logs!r}. Add it"
            )
        return figures

    def regularize(self, values: Regularization) -> None:
        """Nothing: it is compiled in."""


class OwnModelSteps(KerasSteps):
    """A user's model, run as `keras.Model.fit`, `evaluate` and `predict` run it.

    Whatever it overrides of ``call``, ``compute_loss``, ``compute_metrics``, ``train_step``,
    ``test_step`` and ``predict_step`` counts. With TensorFlow each step is compiled once, for
    batches of any size.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    n_devices : int, default=1
        As in `KerasSteps`.
    is_logits : bool, default=False
        Whether the model's answers are logits.
    """

    def __init__(self, model: keras.Model, n_devices: int = 1, is_logits: bool = False) -> None:
        super().__init__(model, n_devices)
        self.is_logits = is_logits
        overrides = (
            getattr(type(model), name) is not getattr(keras.Model, name)
            for name in ("make_train_function", "make_test_function", "make_predict_function")
        )
        self._is_compiled_here = keras.backend.backend() == "tensorflow" and not any(overrides)
        self._functions: dict[tuple[str, int, bool], Any] = {}
        self._kerass_function: Any = None
        # They may be probabilities though the model's are logits, or the other way round.
        self._has_own_answers = type(model).predict_step is not keras.Model.predict_step

    def train(
        self, images: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        if not self._is_compiled_here:
            return super().train(images, codes, weights)
        figures = self._run("train", images, codes, *([] if weights is None else [weights]))
        return {name: value * len(images) for name, value in figures.items()}

    def evaluate(
        self, images: np.ndarray, codes: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """As in `KerasSteps`, by the model's own ``test_step``."""
        if self._is_compiled_here:
            figures = self._run("test", images, codes)
        else:
            rows = self._rows(len(images))
            logs = self.model.test_on_batch(images[rows], codes[rows], return_dict=True)
            figures = self._figures(logs, "test_step")
        if "accuracy" not in figures:
            figures["accuracy"] = float(np.mean(self.predict(images).argmax(axis=1) == codes))
        return {name: value * len(images) for name, value in figures.items()}

    def predict(self, images: np.ndarray) -> np.ndarray:
        """As in `KerasSteps`."""
        if self._is_compiled_here:
            with self._lock:
                answers = self._one_output(self._function("predict", images)(images)).numpy()
        else:
            answers = super().predict(images)
        answers = answers.astype(np.float32, copy=False)
        is_logits = self.is_logits
        if self._has_own_answers:
            is_logits = self._are_logits(answers, len(images))
        if is_logits:
            answers = np.exp(answers - answers.max(axis=1, keepdims=True), dtype=np.float64)
            answers = (answers / answers.sum(axis=1, keepdims=True)).astype(np.float32)
        return answers

    def _are_logits(self, answers: np.ndarray, n: int) -> bool:
        """Whether answers of a `predict_step` of the model's own are logits."""
        is_table = answers.ndim == 2 and len(answers) == n
        if is_table and (answers >= 0).all() and np.allclose(answers.sum(axis=1), 1.0, atol=0.02):
            return False
        if is_table and (self.is_logits or not np.isfinite(answers).all()):
            return self.is_logits
        raise ValueError(
            f"expected predict_step of {type(self.model).__name__} to return probabilities of "
            f"shape ({n}, n_classes), got numbers from {answers.min():g} to {answers.max():g} of "
            f"shape {answers.shape}"
        )

    def _run(self, step: str, *batch: np.ndarray) -> dict[str, float]:
        # Without this the figures would be those of all batches so far.
        self.model.reset_metrics()
        return self._figures(self._function(step, *batch)(*batch), f"{step}_step")

    def _function(self, step: str, *batch: np.ndarray) -> Any:
        """A step of the model's as a compiled function of a batch.

        Keras compiles another one for the last, smaller batch of arrays that are given batch by
        batch.
        """
        import tensorflow as tf

        model = self.model
        # What a user compiles anew loses Keras's function, and has to lose this one.
        model.make_train_function()
        if model.train_function is not self._kerass_function:
            self._kerass_function = model.train_function
            self._functions.clear()
        is_eager = model.run_eagerly or tf.config.functions_run_eagerly()
        key = step, len(batch), is_eager
        if key not in self._functions:

            def run(*data: Any) -> Any:
                return getattr(model, f"{step}_step")(data if len(data) > 1 else data[0])

            if is_eager:
                self._functions[key] = lambda *arrays: run(*map(tf.constant, arrays))
            else:
                compiled = tf.function(run, autograph=False, jit_compile=model.jit_compile)
                # Traced for good: TensorFlow takes the networks of a search for one function that
                # it traces again and again, and warns of it.
                traced = compiled.get_concrete_function(
                    *(tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in batch)
                )
                self._functions[key] = lambda *arrays: traced(*map(tf.constant, arrays))
        return self._functions[key]


def _numbers(logs: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """What is a number in a model's logs. There may be vectors and texts beside."""
    for name, value in logs.items():
        if isinstance(value, dict):
            yield from _numbers(value)
        else:
            array = np.asarray(ops.convert_to_numpy(value))
            if array.size == 1 and array.dtype.kind not in "OSU":
                yield name, float(array.reshape(()))


def score(probabilities: np.ndarray, codes: np.ndarray, label_smoothing: float) -> dict[str, float]:
    """Loss and accuracy of answers, as sums over the images."""
    logarithms = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
    own = logarithms[np.arange(len(codes)), codes]
    losses = (label_smoothing - 1.0) * own - label_smoothing * logarithms.mean(axis=1)
    return {"loss": losses.sum(), "accuracy": (probabilities.argmax(axis=1) == codes).sum()}


class ProcessorSteps:
    """Steps of a named network that run on the processor as fast as TensorFlow's kernels.

    They take any number of images without compiling anew, and any regularisation: what
    regularises is read from variables.

    Parameters
    ----------
    model : keras.Model
        Of a key of `digitcnn.networks.ARCHITECTURES`, compiled, with its optimizer built.
    """

    def __init__(self, model: keras.Model) -> None:
        import tensorflow as tf

        self.model = model
        self._values = {
            name: tf.Variable(0.0, trainable=False, name=name) for name in Regularization._fields
        }
        # Of what there is a value. Having none is part of what is compiled.
        self._has: dict[str, bool] = {}
        images = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
        codes = tf.TensorSpec([None], tf.int32)
        weights = tf.TensorSpec([None], tf.float32)
        # XLA makes one loop of an optimizer's many small operations. An optimizer of a user's own
        # may have some that XLA does not know.
        is_known = type(model.optimizer) in OPTIMIZERS.values()
        self._update = tf.function(self._update_eagerly, autograph=False, jit_compile=is_known)
        self._train = tf.function(
            self._train_eagerly, input_signature=[images, codes, weights], autograph=False
        )
        self._predict = tf.function(
            self._predict_eagerly, input_signature=[images], autograph=False
        )

    # Traced for good: what a tf.function looks at in each call takes a sixth of the time of reading
    # one image, and where a user has functions run eagerly, it would not be a function any more.
    @cached_property
    def _traced_train(self) -> Any:
        return self._train.get_concrete_function()

    @cached_property
    def _traced_predict(self) -> Any:
        return self._predict.get_concrete_function()

    def train(
        self, images: np.ndarray, codes: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        import tensorflow as tf

        if weights is None:
            weights = np.ones(len(codes), np.float32)
        loss, n_correct = self._traced_train(
            tf.constant(images, tf.float32),
            tf.constant(codes, tf.int32),
            tf.constant(weights, tf.float32),
        ).numpy()
        return {"loss": float(loss) * len(images), "accuracy": float(n_correct)}

    def evaluate(
        self, images: np.ndarray, codes: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        return score(self.predict(images), codes, label_smoothing)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """As in `KerasSteps`."""
        import tensorflow as tf

        return self._traced_predict(tf.constant(images, tf.float32)).numpy()

    def settle(self) -> None:
        """As in `KerasSteps`."""

    def regularize(self, values: Regularization) -> None:
        """Set what the next training steps are regularised by.

        Parameters
        ----------
        values : Regularization
            With a dropout, and with a weight decay, if and only if the first ones had it.
        """
        # In the layers and in the optimizer as well, for whoever comes to own the model.
        if values.dropout is not None:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.Dropout):
                    layer.rate = values.dropout
        if values.weight_decay is not None:
            self.model.optimizer.weight_decay = values.weight_decay
        self._has = {name: value is not None for name, value in values._asdict().items()}
        for name, value in values._asdict().items():
            self._values[name].assign(value or 0.0)

    def _train_eagerly(self, images: Any, codes: Any, weights: Any) -> Any:
        import tensorflow as tf

        from digitcnn.backend.tensorflow import forward

        dropout = self._values["dropout"] if self._has["dropout"] else None
        smoothing = self._values["label_smoothing"]
        with tf.GradientTape() as tape:
            probabilities = forward(self.model, images, training=True, dropout=dropout)
            n_classes = probabilities.shape[-1]
            targets = tf.one_hot(codes, n_classes) * (1.0 - smoothing) + smoothing / n_classes
            losses = ops.categorical_crossentropy(targets, probabilities)
            loss = tf.add_n([tf.reduce_mean(losses * weights), *self.model.losses])
            scaled = self.model.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        update = self._update.get_concrete_function(
            [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
        )
        update(tape.gradient(scaled, variables))
        is_correct = tf.equal(tf.argmax(probabilities, axis=-1, output_type=tf.int32), codes)
        return tf.stack([loss, tf.reduce_sum(tf.cast(is_correct, tf.float32))])

    def _update_eagerly(self, gradients: list[Any]) -> None:
        optimizer = self.model.optimizer
        own = optimizer.weight_decay
        if self._has["weight_decay"]:
            optimizer.weight_decay = self._values["weight_decay"]  # while this is traced
        try:
            optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        finally:
            optimizer.weight_decay = own

    def _predict_eagerly(self, images: Any) -> Any:
        from digitcnn.backend.tensorflow import forward

        return forward(self.model, images, training=False)

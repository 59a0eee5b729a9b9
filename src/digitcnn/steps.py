"""One step of training and one of prediction, compiled for the active backend and device."""

from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from digitcnn.devices import count_devices, on_processor
from digitcnn.optimizers import OPTIMIZERS


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


def has_jax_steps(device: str) -> bool:
    """Whether steps for this device are `JaxSteps`: JAX's, on one device."""
    return keras.backend.backend() == "jax" and device != "all"


class KerasSteps:
    """Keras's own steps: for other backends, for accelerators, for models that train themselves.

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
        self, images: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> tuple[float, float]:
        """Train on one batch.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        codes : ndarray of shape (n,), int32
            Labels as numbers.
        weights : ndarray of shape (n,), float32

        Returns
        -------
        loss : float
            The mean over the batch.
        correct : float
            The number of images that were read rightly.
        """
        # Without this the figures would be those of all batches so far.
        self.model.reset_metrics()
        X, y, sample_weight = (one[self._rows(len(images))] for one in (images, codes, weights))
        logs = self.model.train_on_batch(X, y, sample_weight=sample_weight, return_dict=True)
        # Keras takes an interrupt that comes while it waits for a figure for one that is no number,
        # and leaves the figure as it was. With JAX that is nearly all of the time.
        if not all(isinstance(value, float) for value in logs.values()):
            raise KeyboardInterrupt
        return float(logs["loss"]), float(logs.get("accuracy", np.nan)) * len(images)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """The network's answers, of shape (n, n_classes), to a batch of any number of images.

        Several threads may ask at once.
        """
        n = len(images)
        with self._lock:
            return self.model.predict_on_batch(images[self._rows(n)])[:n]

    def _rows(self, n: int) -> Any:
        """The rows of a batch that the devices divide evenly."""
        missing = -n % self.n_devices
        return np.resize(np.arange(n), n + missing) if missing else slice(None)

    def settle(self) -> None:
        """Give the network's variables what was learned. They hold it already."""

    def regularize(self, values: Regularization) -> None:
        """Nothing: it is compiled in."""


class ProcessorSteps:
    """Steps that run on the processor as fast as TensorFlow's kernels.

    They take any number of images without compiling anew, and any regularisation: what
    regularises is read from variables.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer built.
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

    @cached_property
    def _traced_predict(self) -> Any:
        # Without what a tf.function looks at in each call, a sixth of what one image takes.
        return self._predict.get_concrete_function()

    def train(
        self, images: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> tuple[float, float]:
        """As in `KerasSteps`."""
        loss, correct = self._train(images, codes, weights).numpy()
        return float(loss), float(correct)

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

        from digitcnn.fused import forward

        dropout = self._values["dropout"] if self._has["dropout"] else None
        smoothing = self._values["label_smoothing"]
        with tf.GradientTape() as tape:
            probabilities = forward(self.model, images, training=True, dropout=dropout)
            n_classes = probabilities.shape[-1]
            targets = tf.one_hot(codes, n_classes) * (1.0 - smoothing) + smoothing / n_classes
            losses = ops.categorical_crossentropy(targets, probabilities)
            loss = tf.add_n([tf.reduce_mean(losses * weights), *self.model.losses])
            scaled = self.model.optimizer.scale_loss(loss)
        self._update(tape.gradient(scaled, self.model.trainable_variables))
        is_correct = tf.equal(tf.argmax(probabilities, axis=-1, output_type=tf.int32), codes)
        return tf.stack([loss, tf.reduce_sum(tf.cast(is_correct, tf.float32))])

    def _update_eagerly(self, gradients: list[Any]) -> None:
        optimizer = self.model.optimizer
        own = optimizer.weight_decay
        if self._has["weight_decay"]:
            optimizer.weight_decay = self._values["weight_decay"]  # while this is traced
        try:
            optimizer.apply(gradients, self.model.trainable_variables)
        finally:
            optimizer.weight_decay = own

    def _predict_eagerly(self, images: Any) -> Any:
        from digitcnn.fused import forward

        return forward(self.model, images, training=False)


def make_steps(model: keras.Model, device: str) -> Any:
    """The fastest steps for a model on a device.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer built.
    device : str
        What `digitcnn.devices.device_scope` takes.
    """
    trains_itself = type(model).train_step is not keras.Sequential.train_step
    if not trains_itself and has_processor_steps(device):
        return ProcessorSteps(model)
    is_known = type(model) is keras.Sequential and type(model.optimizer) in OPTIMIZERS.values()
    if is_known and has_jax_steps(device):
        from digitcnn.jax_steps import JaxSteps

        return JaxSteps(model)
    return KerasSteps(model, count_devices(device))

"""Steps of named networks on the CPU, with TensorFlow's fused kernels.

Keras implements some layers by many small operations, each of which reads and writes the whole
batch. Three of them have faster equivalents:

- batch normalisation, for which TensorFlow has one kernel in each direction;
- a convolution followed by maximum pooling: a rising activation may as well come after the
  pooling, on a quarter of the numbers;
- dropout, whose mask needs no more than 16 random bits for a number.

A convolution on small maps has a faster gradient: see `digitcnn.backend.convolution`.

The network's description tells which layers these are. The layers remain Keras's own, with their
variables: only the order of the arithmetic changes. A description cannot express what a user's
model may override, so these steps are for named networks only.
"""

from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from digitcnn.backend.build import describe
from digitcnn.backend.convolution import convolve, is_faster_side_by_side
from digitcnn.backend.losses import score, smoothed_crossentropy
from digitcnn.backend.optimizers import OPTIMIZERS, floats_of_32_bits
from digitcnn.backend.steps import Regularization
from digitcnn.layers import BatchNormalization, Conv2D, Dense, Dropout, MaxPooling2D


class ProcessorSteps:
    """Steps of a named network on the CPU, at the speed of TensorFlow's kernels.

    They take any number of images and any regularisation without compiling again: the
    regularisation is read from variables.

    Parameters
    ----------
    model : keras.Model
        A network named in `digitcnn.architectures.ARCHITECTURES`, compiled, with its optimizer
        built.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self._values = {
            name: tf.Variable(0.0, trainable=False, name=name) for name in Regularization._fields
        }
        # Only settings that have a value. The absence of one is compiled in.
        self._has: dict[str, bool] = {}
        images = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)
        y_encoded = tf.TensorSpec([None], tf.int32)
        weights = tf.TensorSpec([None], tf.float32)
        # XLA fuses the many small operations of an optimizer. A user's optimizer may have
        # operations that XLA does not support.
        is_known = type(model.optimizer) in OPTIMIZERS.values()
        self._update = tf.function(self._update_eagerly, autograph=False, jit_compile=is_known)
        self._train = tf.function(
            self._train_eagerly, input_signature=[images, y_encoded, weights], autograph=False
        )
        self._predict = tf.function(
            self._predict_eagerly, input_signature=[images], autograph=False
        )

    # A concrete function: the checks of a tf.function take a sixth of the time of predicting one
    # image, and a user may have set functions to run eagerly.
    @cached_property
    def _traced_train(self) -> Any:
        return self._train.get_concrete_function()

    @cached_property
    def _traced_predict(self) -> Any:
        return self._predict.get_concrete_function()

    def train(
        self, images: np.ndarray, y_encoded: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        if weights is None:
            weights = np.ones(len(y_encoded), np.float32)
        loss, n_correct = self._traced_train(
            tf.constant(images, tf.float32),
            tf.constant(y_encoded, tf.int32),
            tf.constant(weights, tf.float32),
        ).numpy()
        return {"loss": float(loss) * len(images), "accuracy": float(n_correct)}

    def evaluate(
        self, images: np.ndarray, y_encoded: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        return score(self.predict(images), y_encoded, label_smoothing)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """As in `KerasSteps`."""
        probabilities: np.ndarray = self._traced_predict(tf.constant(images, tf.float32)).numpy()
        return probabilities

    def sync_variables(self) -> None:
        """As in `KerasSteps`."""

    def build_metrics(self) -> None:
        """Build the model's metrics, which these steps do not use, for Keras's callbacks.

        A callback looks there for whether a figure such as ``val_accuracy`` should rise or fall.
        """
        answers = np.full((1, self.model.output_shape[-1]), 0.5, np.float32)
        with floats_of_32_bits():
            self.model.compute_metrics(None, np.zeros(1, np.int32), answers)
        self.model.reset_metrics()

    def regularize(self, values: Regularization) -> None:
        """Set the regularisation of the next training steps.

        Parameters
        ----------
        values : Regularization
            With a dropout, and with a weight decay, if and only if the first ones had it.
        """
        # In the layers and the optimizer as well, in case the model is handed to the user.
        if values.dropout is not None:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.Dropout):
                    layer.rate = values.dropout
        if values.weight_decay is not None:
            self.model.optimizer.weight_decay = values.weight_decay
        self._has = {name: value is not None for name, value in values._asdict().items()}
        for name, value in values._asdict().items():
            self._values[name].assign(value or 0.0)

    def _train_eagerly(self, images: Any, y_encoded: Any, weights: Any) -> Any:
        dropout = self._values["dropout"] if self._has["dropout"] else None
        smoothing = self._values["label_smoothing"]
        with tf.GradientTape() as tape:
            probabilities = forward(self.model, images, training=True, dropout=dropout)
            losses = smoothed_crossentropy(y_encoded, probabilities, smoothing)
            loss = tf.add_n([tf.reduce_mean(losses * weights), *self.model.losses])
            scaled = self.model.optimizer.scale_loss(loss)
        variables = self.model.trainable_variables
        update = self._update.get_concrete_function(
            [tf.TensorSpec(variable.shape, variable.dtype) for variable in variables]
        )
        update(tape.gradient(scaled, variables))
        is_correct = tf.equal(tf.argmax(probabilities, axis=-1, output_type=tf.int32), y_encoded)
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
        return forward(self.model, images, training=False)


def forward(
    model: keras.Model, images: tf.Tensor, *, training: bool, dropout: tf.Variable | None = None
) -> tf.Tensor:
    """Apply the network to a batch of images.

    To be traced by a `tf.function`.

    Parameters
    ----------
    model : keras.Model
        One that `digitcnn.backend.build.describe` knows.
    images : tensor of shape (n, height, width, channels), float32
    training : bool
    dropout : variable or None, default=None
        The rate of every dropout layer; None is each layer's own.

    Returns
    -------
    tensor of shape (n, n_classes), float32
    """
    x, activate_late = images, None
    stack = describe(model)
    for described, layer, following in zip(stack, model.layers, [*stack[1:], None], strict=True):
        match described:
            case Conv2D(activation="elu" | "relu") if isinstance(following, MaxPooling2D):
                # f(max(a, b)) = max(f(a), f(b)) for these.
                x, activate_late = _convolve(layer, x), layer.activation
            case Conv2D(activation=None, use_bias=False) if training and is_faster_side_by_side(
                described, layer, x
            ):
                x = convolve(layer, x)
            case MaxPooling2D() if activate_late is not None:
                x, activate_late = activate_late(layer(x)), None
            case BatchNormalization(axis=-1 | 3, scale=True, center=True) if _has_kernel(layer, x):
                x = _normalize(layer, x, training and layer.trainable)
            case BatchNormalization():
                x = layer(x, training=training)
            case Dropout():
                x = _drop(layer, x, dropout) if training else x
            case Dense(activation="softmax", use_bias=True) if x.shape.rank == 2 and not training:
                x = _softmax(layer, x)
            case _:
                x = layer(x)
    return x


def _convolve(convolution: keras.layers.Conv2D, x: tf.Tensor) -> tf.Tensor:
    """A convolution without its activation."""
    dtype = convolution.compute_dtype
    x = convolution.convolution_op(tf.cast(x, dtype), tf.cast(convolution.kernel, dtype))
    if convolution.use_bias:
        x = tf.nn.bias_add(x, tf.cast(convolution.bias, dtype))
    return x


def _has_kernel(layer: keras.layers.BatchNormalization, x: tf.Tensor) -> bool:
    return bool(x.shape.rank == 4) and layer.variable_dtype == "float32"


def _normalize(layer: keras.layers.BatchNormalization, x: tf.Tensor, training: bool) -> tf.Tensor:
    # The kernel computes mean and variance in float32 for any precision of x.
    x = tf.cast(x, layer.compute_dtype)
    moving_mean, moving_variance = layer.moving_mean.value, layer.moving_variance.value
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=layer.gamma.value,
        offset=layer.beta.value,
        mean=[] if training else moving_mean,
        variance=[] if training else moving_variance,
        epsilon=layer.epsilon,
        is_training=training,
    )
    if training:
        # The kernel returns the unbiased estimate of the variance, Keras uses the variance of the
        # sample.
        n = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        variance *= (n - 1.0) / n
        kept = layer.momentum
        layer.moving_mean.assign(moving_mean * kept + mean * (1.0 - kept))
        layer.moving_variance.assign(moving_variance * kept + variance * (1.0 - kept))
    return y


def _softmax(layer: keras.layers.Dense, x: tf.Tensor) -> tf.Tensor:
    # In float64, because float32 kernels round differently at the end of a block or of a thread's
    # share, and a probability would depend on the other images of the batch.
    x, kernel, bias = (tf.cast(one, tf.float64) for one in (x, layer.kernel, layer.bias))
    logits = tf.matmul(x, kernel) + bias
    return tf.cast(tf.nn.softmax(logits), layer.compute_dtype)


def _drop(layer: keras.layers.Dropout, x: tf.Tensor, dropout: tf.Variable | None) -> tf.Tensor:
    x = tf.cast(x, layer.compute_dtype)
    rate = tf.cast(layer.rate if dropout is None else dropout, tf.float32)
    seed = tf.cast(layer.seed_generator.next(), tf.int32)
    n = tf.size(x)
    words = tf.random.stateless_uniform(
        [(n + 1) // 2], seed, minval=None, maxval=None, dtype=tf.uint32
    )
    halves = tf.reshape(tf.bitcast(words, tf.int16), [-1])
    if not x.shape[1:].is_fully_defined() or x.shape[1:].num_elements() % 2:
        halves = halves[:n]
    least = tf.cast(tf.minimum(tf.round(rate * 65536.0), 65535.0) - 32768.0, tf.int16)
    kept = tf.cast(tf.reshape(halves, tf.shape(x)) >= least, x.dtype)
    return x * (kept * tf.cast(1.0 / (1.0 - rate), x.dtype))

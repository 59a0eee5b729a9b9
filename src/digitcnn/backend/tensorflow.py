"""A named network's pass through TensorFlow's fused kernels, on the processor.

Keras spells some layers out in many small operations, each of which reads and writes the whole
batch. Three of them have cheaper forms that compute the same function:

- batch normalisation, for which TensorFlow has one kernel in each direction;
- a convolution followed by maximum pooling: a rising activation may as well come after the
  pooling, on a quarter of the numbers;
- dropout, whose mask needs no more than 16 random bits for a number.

The layers stay Keras's own, with their variables: only the order of the arithmetic is changed. What
is done here is right for layers as `digitcnn.backend.build` makes them, not for every setting that
Keras's layers have: a user's model is never sent this way.
"""

import keras
import tensorflow as tf
from keras import layers

# f(max(a, b)) = max(f(a), f(b)) for these.
_RISING = (keras.activations.elu, keras.activations.relu)


def forward(
    model: keras.Model, images: tf.Tensor, *, training: bool, dropout: tf.Variable | None = None
) -> tf.Tensor:
    """What `model` answers to a batch of images.

    To be traced by a `tf.function`.

    Parameters
    ----------
    model : keras.Model
        Of a key of `digitcnn.architectures.ARCHITECTURES`.
    images : tensor of shape (n, height, width, channels), float32
    training : bool
    dropout : variable or None, default=None
        The rate of every dropout layer; None is each layer's own.

    Returns
    -------
    tensor of shape (n, n_classes), float32
    """
    x = images
    stack = [*model.layers, None]
    position = 0
    while (layer := stack[position]) is not None:
        following = stack[position + 1]
        position += 1
        if type(layer) is layers.BatchNormalization and _has_kernel(layer, x):
            x = _normalize(layer, x, training and layer.trainable)
        elif type(layer) is layers.Dropout:
            x = _drop(layer, x, dropout) if training else x
        elif type(layer) is layers.Conv2D and type(following) is layers.MaxPooling2D:
            x = _convolve_and_pool(layer, following, x)
            position += 1
        elif _is_softmax(layer, x) and not training:
            x = _softmax(layer, x)
        elif type(layer) is layers.BatchNormalization:
            x = layer(x, training=training)
        else:
            x = layer(x)
    return x


def _has_kernel(layer: layers.BatchNormalization, x: tf.Tensor) -> bool:
    is_usual = layer.axis in (-1, 3) and layer.scale and layer.center
    return x.shape.rank == 4 and is_usual and layer.variable_dtype == "float32"


def _normalize(layer: layers.BatchNormalization, x: tf.Tensor, training: bool) -> tf.Tensor:
    # The kernel computes mean and variance in float32 whatever the precision of x.
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
        # The kernel's variance is that of the population as estimated from a sample, Keras's that
        # of the sample.
        n = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        variance *= (n - 1.0) / n
        kept = layer.momentum
        layer.moving_mean.assign(moving_mean * kept + mean * (1.0 - kept))
        layer.moving_variance.assign(moving_variance * kept + variance * (1.0 - kept))
    return y


def _is_softmax(layer: keras.Layer, x: tf.Tensor) -> bool:
    is_dense = type(layer) is layers.Dense and x.shape.rank == 2
    return is_dense and layer.activation is keras.activations.softmax and layer.use_bias


def _softmax(layer: layers.Dense, x: tf.Tensor) -> tf.Tensor:
    # In float64: kernels for float32 round a number otherwise where it stands at the end of a block
    # or of a thread's share, so that an answer would depend on the images beside it.
    x, kernel, bias = (tf.cast(one, tf.float64) for one in (x, layer.kernel, layer.bias))
    logits = tf.matmul(x, kernel) + bias
    return tf.cast(tf.nn.softmax(logits), layer.compute_dtype)


def _drop(layer: layers.Dropout, x: tf.Tensor, dropout: tf.Variable | None) -> tf.Tensor:
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


def _convolve_and_pool(
    convolution: layers.Conv2D, pool: layers.MaxPooling2D, x: tf.Tensor
) -> tf.Tensor:
    if convolution.activation not in _RISING:
        return pool(convolution(x))
    dtype = convolution.compute_dtype
    x = convolution.convolution_op(tf.cast(x, dtype), tf.cast(convolution.kernel, dtype))
    if convolution.use_bias:
        x = tf.nn.bias_add(x, tf.cast(convolution.bias, dtype))
    return convolution.activation(pool(x))

"""A convolution on small maps whose gradient to the kernel suits a CPU's matrix units.

oneDNN computes this gradient as matrix products over the pixels of a row of a map. The units of a
CPU with AMX multiply 32 bfloat16 numbers at a time, and a map of 6x6 has rows of 6. So four of them
are put side by side, with columns of zeros between them: the gradient of this wide map is the sum
over the four.
"""

from typing import Any

import keras
import tensorflow as tf

from digitcnn.layers import Conv2D, pair

# Bfloat16 numbers that an AMX unit multiplies at a time.
_ROW = 32
# Fewer maps than these side by side gain nothing.
_FEWEST = 4


def is_faster_side_by_side(described: Conv2D, layer: keras.layers.Conv2D, x: tf.Tensor) -> bool:
    """Whether `convolve` has a faster gradient than the layer itself.

    Parameters
    ----------
    described : Conv2D
    layer : keras.layers.Conv2D
    x : tensor of shape (n, height, width, channels)
    """
    if layer.compute_dtype != "bfloat16" or described.groups != 1:
        return False
    if set(pair(described.strides) + pair(described.dilation_rate)) != {1}:
        return False
    if not all(side % 2 for side in pair(described.kernel_size)):  # padded unevenly
        return False
    return _count_side_by_side(x, pair(described.kernel_size)[1]) >= _FEWEST


def convolve(layer: keras.layers.Conv2D, x: tf.Tensor) -> tf.Tensor:
    """Apply a convolution for which `is_faster_side_by_side` holds.

    Parameters
    ----------
    layer : keras.layers.Conv2D
        Without bias and activation.
    x : tensor of shape (n, height, width, channels)
    """
    padding, dtype = layer.padding.upper(), layer.compute_dtype

    def apply(x: tf.Tensor, kernel: tf.Tensor) -> Any:
        def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            to_x = tf.raw_ops.Conv2DBackpropInput(
                input_sizes=tf.shape(x),
                filter=kernel,
                out_backprop=dy,
                strides=[1, 1, 1, 1],
                padding=padding,
            )
            return to_x, _to_kernel(x, dy, kernel.shape.as_list(), padding)

        return tf.nn.conv2d(x, kernel, 1, padding), gradient

    apply_with_gradient: Any = tf.custom_gradient(apply)
    return apply_with_gradient(tf.cast(x, dtype), tf.cast(layer.kernel, dtype))


def _to_kernel(x: tf.Tensor, dy: tf.Tensor, shape: list[int], padding: str) -> tf.Tensor:
    """The gradient to the kernel."""
    n_maps = _count_side_by_side(x, shape[1])

    def of(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        return tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=shape, out_backprop=dy, strides=[1, 1, 1, 1], padding=padding
        )

    def of_wide_maps() -> tf.Tensor:
        # Columns of zeros between the maps, so that no map sees its neighbour. Without padding it
        # is those of dy that keep them apart.
        if padding == "SAME":
            gap = shape[1] // 2
            return of(_side_by_side(x, n_maps, gap), _side_by_side(dy, n_maps, gap))
        return of(_side_by_side(x, n_maps, 0), _side_by_side(dy, n_maps, shape[1] - 1))

    # The last batch of an epoch may not be divisible.
    return tf.cond(tf.equal(tf.shape(x)[0] % n_maps, 0), of_wide_maps, lambda: of(x, dy))


def _count_side_by_side(x: tf.Tensor, kernel_width: int) -> int:
    """How many maps fill a row: a power of two, because most batches are."""
    n = _ROW // (x.shape[2] + kernel_width // 2)
    return 1 << n.bit_length() - 1 if n else 1


def _side_by_side(x: tf.Tensor, n_maps: int, gap: int) -> tf.Tensor:
    """Maps of shape (n, h, w, c) as (n / n_maps, h, n_maps * w + gaps, c)."""
    first, *others = tf.split(x, n_maps)
    if not gap:
        return tf.concat([first, *others], axis=2)
    n, height, _, channels = tf.unstack(tf.shape(first))  # a gradient may have no known shape
    zeros = tf.zeros([n, height, gap, channels], x.dtype)
    return tf.concat([first, *(part for other in others for part in (zeros, other))], axis=2)

"""Gradients with maps side by side are those of the maps apart."""

import keras
import numpy as np
import pytest

from digitcnn.layers import Conv2D

if keras.backend.backend() != "tensorflow":
    pytest.skip("other backends have Keras's steps alone", allow_module_level=True)

import tensorflow as tf

from digitcnn.backend.convolution import convolve, is_faster_side_by_side


def layer_for(side, kernel_size, dtype="mixed_bfloat16", **settings):
    settings = {"padding": "same", **settings}
    layer = keras.layers.Conv2D(8, kernel_size, use_bias=False, dtype=dtype, **settings)
    layer.build((None, *side, 4))
    return layer


def described(kernel_size, **settings):
    return Conv2D(8, kernel_size, **{"padding": "same", "use_bias": False, **settings})


def images_of(n, side):
    values = np.random.default_rng(0).normal(size=(n, *side, 4)).astype(np.float32)
    return tf.cast(values, tf.bfloat16)


def gradients(apply, layer, images):
    """To the images and the kernel, of a loss to which each output contributes differently."""
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = tf.cast(apply(layer, images), tf.float32)
        factors = np.random.default_rng(1).normal(size=outputs.shape).astype(np.float32)
        loss = tf.reduce_sum(outputs * factors)
    to_images, to_kernel = tape.gradient(loss, [images, layer.kernel.value])
    return outputs, to_images, to_kernel


# The last two are batches that cannot be divided.
@pytest.mark.parametrize("n", [64, 16, 4, 7, 1])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    ("side", "kernel_size"),
    [
        ((6, 6), 3),
        ((6, 6), 5),
        ((7, 7), 3),
        ((4, 4), 1),
        ((3, 3), 3),
        ((5, 4), 3),
        ((6, 6), (5, 3)),
    ],
)
def test_gradients_are_those_of_the_layer(n, padding, side, kernel_size):
    layer, images = layer_for(side, kernel_size, padding=padding), images_of(n, side)
    assert is_faster_side_by_side(described(kernel_size, padding=padding), layer, images)
    found = gradients(convolve, layer, images)
    expected = gradients(lambda layer, x: layer(x), layer, images)
    for one, other in zip(found, expected, strict=True):
        scale = float(tf.reduce_max(tf.abs(tf.cast(other, tf.float32))))
        # bfloat16 has eight bits.
        np.testing.assert_allclose(
            tf.cast(one, tf.float32), tf.cast(other, tf.float32), atol=scale / 64
        )


@tf.custom_gradient
def forget_shape(x):
    def gradient(dy):
        return tf.raw_ops.PlaceholderWithDefault(input=dy, shape=[None] * 4)

    return tf.identity(x), gradient


# As in training: the batch's size is unknown, and so is the shape of some layers' gradients.
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_gradients_are_found_without_known_shapes(padding):
    side = (6, 6)
    layer, images = layer_for(side, 3, padding=padding), images_of(16, side)

    @tf.function(input_signature=[tf.TensorSpec([None, *side, 4], tf.bfloat16)], autograph=False)
    def to_kernel(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(forget_shape(convolve(layer, images)))
        return tape.gradient(loss, layer.kernel.value)

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images))
    expected = tape.gradient(loss, layer.kernel.value)
    scale = float(tf.reduce_max(tf.abs(expected)))
    np.testing.assert_allclose(to_kernel(images), expected, atol=scale / 64)


def test_gradient_is_the_same_to_the_bit_from_call_to_call():
    layer, images = layer_for((6, 6), 3), images_of(64, (6, 6))
    first, second = (gradients(convolve, layer, images)[2].numpy() for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("side", "dtype", "settings"),
    [
        ((12, 12), "mixed_bfloat16", {}),
        ((6, 6), "float32", {}),
        ((6, 6), "mixed_bfloat16", {"strides": 2}),
        ((6, 6), "mixed_bfloat16", {"dilation_rate": 2}),
        ((6, 6), "mixed_bfloat16", {"groups": 2}),
    ],
)
def test_other_convolutions_are_left_to_keras(side, dtype, settings):
    layer, images = layer_for(side, 3, dtype, **settings), images_of(4, side)
    assert not is_faster_side_by_side(described(3, **settings), layer, images)


@pytest.mark.parametrize("kernel_size", [2, (3, 4), (4, 3)])
def test_kernels_without_a_centre_are_left_to_keras(kernel_size):
    layer, images = layer_for((6, 6), 3), images_of(4, (6, 6))
    assert not is_faster_side_by_side(described(kernel_size), layer, images)

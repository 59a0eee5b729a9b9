"""
Use your own Keras network
==========================

``architecture`` takes a function as well as a name. Distortions, learning rate schedule, precision
and input checks work as with the named architectures.
"""

import keras
import matplotlib.pyplot as plt
from keras import layers
from sklearn.model_selection import train_test_split

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits

# %%
# The function
# ------------
#
# The function takes the shape of an image, (height, width, channels), and the number of classes,
# and returns a Keras model that ends in a softmax. It can also have the parameters ``dropout``,
# ``seed`` and ``dtype``, and is given those that it has. This one has two of them.


def two_convolutions(image_shape, n_classes, *, dropout=None, dtype="float32"):
    """A small network."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 5, strides=2, activation="relu", dtype=dtype),
            layers.Conv2D(32, 3, strides=2, activation="relu", dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dropout(0.2 if dropout is None else dropout, dtype=dtype),
            # Always in float32, whatever the other layers compute in.
            layers.Dense(n_classes, activation="softmax", dtype="float32"),
        ]
    )


# %%
# The estimator
# -------------
#
# ``fit`` builds the network, because the shape and the classes are known then.

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=900, stratify=y, random_state=0
)
clf = DigitCNNClassifier(two_convolutions, epochs=15, batch_size=64, random_state=0)
clf.fit(X_train, y_train)
print(f"{clf.model_.count_params():,} parameters")
print(f"accuracy on {len(X_test)} other digits: {clf.score(X_test, y_test):.3f}")

# %%
# The network itself
# ------------------
#
# ``model_`` is a Keras model. These are the sixteen filters of its first layer: the patterns that
# it looks for in 5x5 pixels, red for ink and blue for paper.

kernels = clf.model_.layers[0].get_weights()[0]
limit = abs(kernels).max()
figure, axes = plt.subplots(2, 8, figsize=(7, 2), layout="constrained")
for ax, kernel in zip(axes.flat, kernels[:, :, 0].transpose(2, 0, 1), strict=True):
    ax.imshow(kernel, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_axis_off()

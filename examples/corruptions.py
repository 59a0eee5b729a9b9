"""
Measure robustness to bad pictures
==================================

Digits on forms and photos are blurred, noisy, unevenly lit or crossed by lines.
`digitcnn.corruptions.corrupt` makes such pictures from good ones, so that you can measure a
classifier on them beforehand.
"""

# sphinx_gallery_thumbnail_number = 1

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split

from digitcnn import DigitCNNClassifier
from digitcnn.corruptions import CORRUPTIONS, corrupt
from digitcnn.datasets import load_sample_digits

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=500, test_size=300, stratify=y, random_state=0
)

# %%
# Twelve corruptions
# ------------------
#
# Each has severities from 1 to 5. Below is one digit at severity 3, the default.

figure, axes = plt.subplots(2, 6, figsize=(8, 3.2), layout="constrained")
for ax, name in zip(axes.flat, CORRUPTIONS, strict=True):
    ax.imshow(corrupt(X_test[:1], name)[0].reshape(28, 28), cmap="gray", vmin=0, vmax=255)
    ax.set_title(name, fontsize=10)
    ax.set_axis_off()

# %%
# Training with and without corruptions
# -------------------------------------
#
# By default a fifth of the training images is corrupted in each epoch (``corruption_rate``). For
# comparison, a second network is trained without. Everything else is the same.


def train(corruption_rate):
    return DigitCNNClassifier(
        "relu-dropout",
        epochs=10,
        batch_size=32,
        learning_rate=0.003,
        corruption_rate=corruption_rate,
        random_state=0,
    ).fit(X_train, y_train)


readers = {"on clean digits": train(0.0), "on a fifth made worse": train(0.2)}
pictures = {"none": X_test} | {name: corrupt(X_test, name) for name in CORRUPTIONS}
accuracies = {
    trained: np.array([clf.score(changed, y_test) for changed in pictures.values()])
    for trained, clf in readers.items()
}
print(f"{'accuracy, trained':<16} " + "  ".join(readers))
for name, row in zip(pictures, np.transpose(list(accuracies.values())), strict=True):
    print(f"{name:<16} {row[0]:16.3f}  {row[1]:21.3f}")

# %%
# Lines and JPEG artefacts are never part of the training, so these two rows show how a network does
# on something new. Neither network has seen dark ink on light paper (inversion). Use
# `digitcnn.DigitNormalizer` for such pictures, as in :ref:`another example
# <sphx_glr_gallery_scanned_sheet.py>`.

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
places = np.arange(len(pictures))
for shift, (trained, values) in zip((-0.2, 0.2), accuracies.items(), strict=True):
    ax.barh(places + shift, 100 * values, height=0.38, label=f"trained {trained}")
ax.set(yticks=places, yticklabels=pictures, xlabel="accuracy at severity 3, %")
ax.invert_yaxis()
figure.legend(loc="outside upper center", ncols=2)

"""
Finding wrong labels
====================

Whoever labels thousands of digits mislabels some. A network that was not trained on a digit can be
asked what it thinks of its label; where it is sure of another, a second look is worth it. Here some
labels are made wrong on purpose, and looked for.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits
from digitcnn.label_errors import suspected_label_errors

# %%
# Twenty wrong labels
# -------------------
#
# Twenty of 600 digits get another digit's label, drawn at random. From here on ``y`` is all that
# the network sees; ``is_wrong`` is kept to tell how well the search went.

X, truth = load_sample_digits()
X, truth = X[:600], truth[:600]
rng = np.random.default_rng(0)
is_wrong = np.zeros(len(truth), dtype=bool)
is_wrong[rng.choice(len(truth), 20, replace=False)] = True
y = np.where(is_wrong, (truth + rng.integers(1, 10, len(truth))) % 10, truth)

# %%
# What networks think of labels they were not taught
# --------------------------------------------------
#
# In three folds each digit is read by a network that was trained on the other two thirds. A network
# trained for long would learn the wrong labels of its own part by heart; eight epochs with
# distortions do not suffice for that.

clf = DigitCNNClassifier(
    "relu-dropout", epochs=8, batch_size=32, learning_rate=0.003, random_state=0
)
folds = StratifiedKFold(3, shuffle=True, random_state=0)
probabilities = cross_val_predict(clf, X, y, cv=folds, method="predict_proba")

# %%
# The suspects
# ------------
#
# Not every digit that is read otherwise than its label is suspected, but those of which the network
# is as sure as it is of digits that have the other label: that is confident learning [1]_.

suspects = suspected_label_errors(y, probabilities, np.unique(y))
n_otherwise = (probabilities.argmax(axis=1) != y).sum()
print(f"read otherwise than labelled: {n_otherwise}")
print(f"suspected:                    {len(suspects)}")
print(f"rightly so:                   {is_wrong[suspects].sum()} of {is_wrong.sum()}")

# %%
# They come with the least likely labels first. In a red frame are those that were made wrong. Above
# each picture: the label it was given, and what the network read.

figure, axes = plt.subplots(3, 8, figsize=(8, 3.6), layout="constrained")
for ax in axes.flat:
    ax.set_axis_off()
for ax, i in zip(axes.flat, suspects, strict=False):
    ax.set_axis_on()
    ax.imshow(X[i].reshape(28, 28), cmap="gray_r")
    ax.set_title(f"{y[i]}, read {probabilities[i].argmax()}", fontsize=8)
    ax.set(xticks=[], yticks=[])
    for side in ax.spines.values():
        side.set(color="firebrick" if is_wrong[i] else "lightgray", linewidth=2)

# %%
# .. rubric:: References
#
# .. [1] C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident learning: estimating uncertainty in
#    dataset labels", Journal of Artificial Intelligence Research 70, 2021.

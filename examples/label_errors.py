"""
Find wrong labels
=================

In thousands of labelled digits some labels are wrong. If a network that was not trained on a digit
is confident of another label, the label is worth a second look. This example makes some labels
wrong on purpose and finds them.
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
# Twenty of 600 digits get a random other label. The network sees only ``y``; ``is_wrong`` is kept
# to check the result.

X, truth = load_sample_digits()
X, truth = X[:600], truth[:600]
rng = np.random.default_rng(0)
is_wrong = np.zeros(len(truth), dtype=bool)
is_wrong[rng.choice(len(truth), 20, replace=False)] = True
y = np.where(is_wrong, (truth + rng.integers(1, 10, len(truth))) % 10, truth)

# %%
# Out-of-fold probabilities
# -------------------------
#
# With three folds, each digit is read by a network that was trained on the other two thirds. Eight
# epochs with distortions are too few to memorise the wrong labels of the training folds.

clf = DigitCNNClassifier(
    "relu-dropout", epochs=8, batch_size=32, learning_rate=0.003, random_state=0
)
folds = StratifiedKFold(3, shuffle=True, random_state=0)
probabilities = cross_val_predict(clf, X, y, cv=folds, method="predict_proba")

# %%
# The suspects
# ------------
#
# A label is suspected if the network is as confident of another label as it is, on average, of the
# digits with that label. This is confident learning [1]_. A different answer alone is not enough.

suspects = suspected_label_errors(y, probabilities, np.unique(y))
n_otherwise = (probabilities.argmax(axis=1) != y).sum()
print(f"answer differs from label:   {n_otherwise}")
print(f"suspected:                   {len(suspects)}")
print(f"of these wrong on purpose:   {is_wrong[suspects].sum()} of {is_wrong.sum()}")

# %%
# The least probable labels come first. A red frame marks the labels that were made wrong. Above
# each picture are its label and the network's answer.

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

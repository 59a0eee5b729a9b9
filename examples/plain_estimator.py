"""
Train, predict, score
=====================

Use `digitcnn.DigitCNNClassifier` like any scikit-learn classifier, with ``fit``, ``predict``,
``predict_proba`` and ``score``.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import train_test_split

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits

# %%
# The data
# --------
#
# The bundled sample is scikit-learn's 1,797 scanned digits, redrawn in MNIST's form: 28x28 pixels,
# one picture a row, 0 for paper and 255 for ink. A third of them is for training, the rest for
# testing.

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)
print(f"{X_train.shape[0]} pictures of {X_train.shape[1]} pixels, {X_train.dtype}")

# %%
# Training
# --------
#
# Eight epochs keep this example fast. The default, ``epochs="auto"``, trains longer and is more
# accurate.

clf = DigitCNNClassifier(epochs=8, batch_size=64, random_state=0).fit(X_train, y_train)
print(f"loss after each epoch: {[round(loss, 2) for loss in clf.loss_curve_]}")
print(f"accuracy on {len(X_test)} other digits: {clf.score(X_test, y_test):.3f}")

# %%
# Probabilities
# -------------
#
# ``predict_proba`` has a column for each label in ``classes_``. Below are the least confident
# answers.

probabilities = clf.predict_proba(X_test)
least_sure = probabilities.max(axis=1).argsort()[:10]
figure, axes = plt.subplots(2, 5, figsize=(7, 3.4), layout="constrained")
for ax, i in zip(axes.flat, least_sure, strict=True):
    best = probabilities[i].argmax()
    ax.imshow(X_test[i].reshape(28, 28), cmap="gray_r")
    ax.set_title(f"{clf.classes_[best]} with {probabilities[i, best]:.2f}\nis {y_test[i]}")
    ax.set_axis_off()

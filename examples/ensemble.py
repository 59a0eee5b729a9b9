"""
Train an ensemble, and save it
==============================

Networks that are trained with different seeds make different errors. The mean of their
probabilities makes fewer errors than most of them make alone.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

import digitcnn
from digitcnn.datasets import load_sample_digits
from digitcnn.recipes import make_classifier

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=250, test_size=600, stratify=y, random_state=0
)

# %%
# The recipe
# ----------
#
# The recipe ``"ensemble"`` is scikit-learn's `~sklearn.ensemble.VotingClassifier` around five
# networks with different seeds. Its settings are for MNIST; here the networks are smaller and the
# training is shorter. Two runs on the same machine give identical weights.

ensemble = make_classifier(
    "ensemble",
    architecture="relu-dropout",
    epochs=8,
    batch_size=32,
    learning_rate=0.003,
    random_state=0,
).fit(X_train, y_train)

answers = {
    f"network {i}": network.predict_proba(X_test) for i, network in enumerate(ensemble.estimators_)
}
answers["together"] = ensemble.predict_proba(X_test)
for name, probabilities in answers.items():
    accuracy = np.mean(probabilities.argmax(axis=1) == y_test)
    print(f"{name}: accuracy {accuracy:.4f}, log loss {log_loss(y_test, probabilities):.4f}")

# %%
# Where they disagree
# -------------------
#
# The networks disagree on the digits that are hard to read. Above each picture are the answers of
# the five networks.

*votes, together = (probabilities.argmax(axis=1) for probabilities in answers.values())
votes = np.stack(votes)
n_against = (votes != together).sum(axis=0)
disputed = np.argsort(-n_against, kind="stable")[:10]
figure, axes = plt.subplots(2, 5, figsize=(7, 3.6), layout="constrained")
for ax, i in zip(axes.flat, disputed, strict=True):
    ax.imshow(X_test[i].reshape(28, 28), cmap="gray_r")
    five = " ".join(map(str, votes[:, i]))
    ax.set_title(f"{five}\nread as {together[i]}, is {y_test[i]}", fontsize=9)
    ax.set_axis_off()

# %%
# One file
# --------
#
# A model file can hold an ensemble as well as a single network: parameters and weights, no code.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "ensemble.digitcnn"
    digitcnn.save(ensemble, path)
    print(f"{path.stat().st_size / 1e6:.1f} MB")
    loaded = digitcnn.load(path)
same = np.array_equal(loaded.predict_proba(X_test), answers["together"])
print(f"{type(loaded).__name__} of {len(loaded.estimators_)}; the same probabilities: {same}")

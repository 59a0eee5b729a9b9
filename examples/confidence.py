"""
What a probability is worth
===========================

Of the answers that a classifier gives with a probability of 0.9, nine in ten should be right. This
example looks whether they are, mends what is not with a temperature, and then leaves out the
answers that are not sure enough.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from digitcnn import AbstainingClassifier, DigitCNNClassifier
from digitcnn.datasets import load_sample_digits
from digitcnn.inspection import CoverageDisplay

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=500, test_size=800, stratify=y, random_state=0
)

# %%
# Reliability
# -----------
#
# Label smoothing, here a tenth, teaches a network never to be sure. It is used for what it does to
# the accuracy; the probabilities then say less than the network knows. A temperature fitted to
# validation data makes up for it: with ``temperature="auto"``, the default, wherever there is such
# data. The two networks below are the same to the bit, but for that.


def make_network(temperature):
    return DigitCNNClassifier(
        "relu-dropout",
        epochs=8,
        batch_size=32,
        learning_rate=0.003,
        label_smoothing=0.1,
        validation_fraction=0.25,
        temperature=temperature,
        random_state=0,
    )


networks = {
    "as trained": make_network(1.0).fit(X_train, y_train),
    "with a temperature": make_network("auto").fit(X_train, y_train),
}
answers = {name: clf.predict_proba(X_test) for name, clf in networks.items()}
for name, probabilities in answers.items():
    print(
        f"{name:<18}  temperature {networks[name].temperature_:.2f}"
        f"  accuracy {np.mean(probabilities.argmax(axis=1) == y_test):.3f}"
        f"  mean confidence {probabilities.max(axis=1).mean():.3f}"
        f"  log loss {log_loss(y_test, probabilities):.3f}"
    )

# %%
# The temperature changes no answer, only how sure the answers are.
#
# scikit-learn's `~sklearn.calibration.CalibrationDisplay` draws the curve for two classes. With ten
# the two are: the answer was right, or it was wrong. On the dashed line a network is right as often
# as it says; above it, it is better than it says.

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for name, probabilities in answers.items():
    hits = probabilities.argmax(axis=1) == y_test
    CalibrationDisplay.from_predictions(
        hits, probabilities.max(axis=1), n_bins=6, strategy="quantile", name=name, ax=ax
    )
ax.set(xlabel="probability of the answer", ylabel="fraction of right answers")
ax.set(xlim=(0.35, 1.02), ylim=(0.35, 1.02))

# %%
# `digitcnn.inspection.ReliabilityDisplay` draws such a curve for any number of classes in one call,
# with intervals that say how much of it may be chance.
#
# Leaving answers out
# -------------------
#
# `digitcnn.AbstainingClassifier` holds a part of the training data out, trains on the rest, and
# learns from the part held out from which probability on no more than ``target_error_rate`` of
# the answers are wrong. Below that probability its answer is -1. A rate of 0.02 needs at least 49
# digits held out; here they are 150.

reader = AbstainingClassifier(
    DigitCNNClassifier(
        "relu-dropout", epochs=8, batch_size=32, learning_rate=0.003, random_state=0
    ),
    target_error_rate=0.02,
    validation_fraction=0.3,
    random_state=0,
).fit(X_train, y_train)
labels = reader.predict(X_test)
is_answered = labels != reader.reject_label_
print(f"threshold: {reader.threshold_:.3f}")
print(f"answered:  {is_answered.sum()} of {len(labels)}")
print(f"wrong:     {(labels != y_test)[is_answered].sum()} of these")

# %%
# How many errors are avoided, at the price of how many answers? At the right end every digit is
# answered; towards the left only the most confident ones.

CoverageDisplay.from_estimator(reader, X_test, y_test, name="most confident first")

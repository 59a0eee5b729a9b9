"""
Calibrate probabilities, and reject unsure answers
==================================================

If a classifier is calibrated, nine in ten of the answers with a probability of 0.9 are right. This
example draws reliability curves, calibrates a network with a temperature, and then rejects the
answers that are not confident enough.
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
# Label smoothing, here 0.1, can improve accuracy, but the probabilities become too low. A
# temperature fitted on validation data corrects them. ``temperature="auto"``, the default, fits one
# if there is validation data. Apart from the temperature, the two networks below are identical.


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
# The temperature changes the confidence of the answers, but none of the answers.
#
# scikit-learn's `~sklearn.calibration.CalibrationDisplay` draws the curve for two classes. With ten
# digits, the two classes are "the answer was right" and "it was wrong". On the dashed line accuracy
# equals confidence; above it the network is underconfident.

figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for name, probabilities in answers.items():
    is_right = probabilities.argmax(axis=1) == y_test
    CalibrationDisplay.from_predictions(
        is_right, probabilities.max(axis=1), n_bins=6, strategy="quantile", name=name, ax=ax
    )
ax.set(xlabel="probability of the answer", ylabel="accuracy")
ax.set(xlim=(0.35, 1.02), ylim=(0.35, 1.02))

# %%
# `digitcnn.inspection.ReliabilityDisplay` draws such a curve for any number of classes in one call,
# with 95% confidence intervals.
#
# Rejecting answers
# -----------------
#
# `digitcnn.AbstainingClassifier` trains on a part of the data and uses the rest to choose a
# threshold: at most ``target_error_rate`` of the answers above it are wrong. Below the threshold it
# answers -1. A rate of 0.02 needs at least 49 held-out digits; this example has 150.

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
# The curve shows the error rate for each share of answered digits. At the right end every digit is
# answered, towards the left only the most confident ones.

CoverageDisplay.from_estimator(reader, X_test, y_test, name="most confident first")

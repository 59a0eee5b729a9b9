"""
Plot the data, the training and the errors
==========================================

Digits and their distortions, the training curve, the confusion matrix, the wrong digits, and what
the network looks at: each is one call to `digitcnn.inspection`.
"""

# sphinx_gallery_thumbnail_number = 5

import numpy as np
from sklearn.model_selection import train_test_split

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits
from digitcnn.inspection import (
    ConfusionDisplay,
    DigitGridDisplay,
    DistortionDisplay,
    ErrorGalleryDisplay,
    OcclusionDisplay,
    TrainingCurveDisplay,
)

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)

# %%
# The data
# --------
#
# The grid shows some digits of each class and their number. A wrong label would stand out in its
# row.

DigitGridDisplay.from_data(X_train, y_train)

# %%
# The distortions
# ---------------
#
# Each epoch distorts each picture differently. These are distortions of one digit with the
# estimator's parameters. The estimator does not have to be fitted.

clf = DigitCNNClassifier(
    "relu-dropout",
    epochs=12,
    batch_size=32,
    learning_rate=0.002,
    schedule="plateau",
    plateau_patience=2,
    validation_fraction=0.2,
    random_state=0,
)
DistortionDisplay.from_estimator(clf, X_train[5], random_state=0)

# %%
# The training
# ------------
#
# A fifth of the digits is held out for validation. If the validation accuracy does not rise for two
# epochs, the learning rate is halved; a dotted line marks where.

clf.fit(X_train, y_train)
TrainingCurveDisplay.from_estimator(clf)

# %%
# The validation accuracy can be above the training accuracy, because distortions and dropout apply
# to the training digits only.
#
# The confusion matrix
# --------------------
#
# From here on the figures show digits that were not part of the training. In this matrix only the
# errors are coloured; in the usual one the diagonal outshines them.

ConfusionDisplay.from_estimator(clf, X_test, y_test)

# %%
# The wrong digits
# ----------------
#
# These are the network's most confident errors. Either there is a reason for the error that is
# worth finding, or the label is wrong.

errors = ErrorGalleryDisplay.from_estimator(clf, X_test, y_test, n_errors=12)

# %%
# What the network looks at
# -------------------------
#
# Parts of a picture are hidden, one after the other. If hiding a part makes a label less probable,
# the part is evidence for the label. Here is the digit with the least confident answer, and the
# evidence for that answer.

least_sure = np.argmin(clf.predict_proba(X_test).max(axis=1))
print(f"the digit is a {y_test[least_sure]}")
OcclusionDisplay.from_estimator(clf, X_test[least_sure])

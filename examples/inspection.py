"""
Pictures of a training and of its errors
========================================

What the data holds, what training makes of it, how the training went, what is confused with what,
which errors matter, and what the network looks at: each is one call to `digitcnn.inspection`.
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
# Some digits of each class, and how many there are. A wrong label would stand out in its row.

DigitGridDisplay.from_data(X_train, y_train)

# %%
# The distortions
# ---------------
#
# In every epoch a picture is distorted anew. This is what training may make of one digit, with the
# estimator's own parameters: it need not be fitted for that.

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
# A fifth of the digits is held out to watch the accuracy. If it does not rise for two epochs, the
# learning rate is halved, and a dotted line marks where.

clf.fit(X_train, y_train)
TrainingCurveDisplay.from_estimator(clf)

# %%
# The validation accuracy may lie above that of the training, for only the training digits are
# distorted, and only in training is a part of the network dropped.
#
# What is confused
# ----------------
#
# From here on it is about digits that had no say in the training. In this matrix the errors alone
# have a colour; in a usual one the diagonal outshines them.

ConfusionDisplay.from_estimator(clf, X_test, y_test)

# %%
# The errors that matter most
# ---------------------------
#
# These are the network's most confident errors. Either they are read wrongly for a reason that is
# worth finding, or their labels are wrong.

errors = ErrorGalleryDisplay.from_estimator(clf, X_test, y_test, n_errors=12)

# %%
# What the network looks at
# -------------------------
#
# Parts of a picture are hidden, one after the other. Where hiding makes a label less likely, what
# was hidden spoke for it. Here is one of the digits that it is least sure of, and what in it speaks
# for the label that it gave.

least_sure = np.argmin(clf.predict_proba(X_test).max(axis=1))
print(f"the digit is a {y_test[least_sure]}")
OcclusionDisplay.from_estimator(clf, X_test[least_sure])

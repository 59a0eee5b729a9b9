"""
From a CSV to a submission
==========================

Kaggle's Digit Recognizer has two tables: ``train.csv`` with a column of labels and a column for
each pixel, and ``test.csv`` with the pixels alone. This example cross-validates a pipeline on the
first and writes a submission for the second.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from digitcnn import DigitCNNClassifier, DigitCSVTransformer
from digitcnn.datasets import load_sample_digits

# %%
# Two tables
# ----------
#
# The bundled sample is written in that layout. With Kaggle's own files you do not need this step.

X, y = load_sample_digits()
table = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])
table.insert(0, "label", y)

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
table[:400].to_csv(folder / "train.csv", index=False)
table[400:450].drop(columns="label").to_csv(folder / "test.csv", index=False)

# %%
# The pipeline
# ------------
#
# `digitcnn.DigitCSVTransformer` finds the pixel columns by their names, drops the label column and
# checks every cell. `digitcnn.make_digit_pipeline` makes the same pipeline in one call.

pipeline = make_pipeline(
    DigitCSVTransformer(label="label"),
    DigitCNNClassifier(
        "relu-dropout", epochs=12, learning_rate=0.003, batch_size=32, random_state=0
    ),
)
train = pd.read_csv(folder / "train.csv")
print(train.iloc[:3, :6])

# %%
# Cross-validation
# ----------------
#
# Pass the table as it was read. In each fold the network is trained from scratch on the other
# folds, and only their pictures are distorted.

scores = cross_val_score(pipeline, train, train["label"], cv=2)
print(f"accuracy in two folds: {scores.round(3)}")

# %%
# The submission
# --------------
#
# ``predict`` takes a path as well as a table.

labels = pipeline.fit(train, train["label"]).predict(folder / "test.csv")
submission = pd.DataFrame({"ImageId": np.arange(1, len(labels) + 1), "Label": labels})
submission.to_csv(folder / "submission.csv", index=False)
print((folder / "submission.csv").read_text()[:60])

# %%
# Only Kaggle knows the labels of its ``test.csv``. Those of this one are known.

print(f"accuracy on test.csv: {np.mean(labels == y[400:450]):.3f}")
temporary.cleanup()

figure, axes = plt.subplots(2, 5, figsize=(6, 2.8), layout="constrained")
for ax, picture, label in zip(axes.flat, X[400:], labels, strict=False):
    ax.imshow(picture.reshape(28, 28), cmap="gray_r")
    ax.set_title(f"read as {label}")
    ax.set_axis_off()

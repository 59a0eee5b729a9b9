"""
Search for parameters
=====================

Every parameter of the estimator can be searched over: those of the training, the architecture and
the distortions.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits

X, y = load_sample_digits()

# %%
# The grid has four settings of one network and one of another, each with two folds. This example
# needs the scores only, hence ``refit=False``.
#
# Each network is compiled once, so that later fits cost only their arithmetic. ``n_jobs=2`` would
# start two processes, each of which imports Keras and compiles for itself. For fits as short as
# these, that takes longer than it saves.

search = GridSearchCV(
    DigitCNNClassifier("relu-dropout", epochs=8, batch_size=32, random_state=0),
    [
        {"learning_rate": [0.0003, 0.003], "rotation_range": [0, 10]},
        {"architecture": ["slim"], "learning_rate": [0.003]},
    ],
    cv=2,
    refit=False,
)
search.fit(X[:240], y[:240])
print(f"best of {len(search.cv_results_['params'])}: {search.best_params_}")
print(f"accuracy in cross-validation: {search.best_score_:.3f}")

# %%
# ``cv_results_`` has all scores.

results = pd.DataFrame(search.cv_results_).sort_values("mean_test_score")
names = [", ".join(f"{k}={v}" for k, v in parameters.items()) for parameters in results["params"]]
figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
for fold in (0, 1):
    ax.plot(results[f"split{fold}_test_score"], names, "o", alpha=0.7, label=f"fold {fold + 1}")
ax.set(xlabel="accuracy", ylim=(-0.5, len(names) - 0.5))
ax.grid(axis="x", alpha=0.3)
ax.legend()

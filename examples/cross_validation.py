"""
Compare classifiers by cross-validation
=======================================

``cross_val_score`` and ``cross_validate`` work with the network as with any classifier, so you can
compare it with others on the same folds.
"""

import matplotlib.pyplot as plt
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits

X, y = load_sample_digits()
X, y = X[:450], y[:450]

# %%
# The network takes bytes and scales them itself; the other two classifiers need a scaler. In each
# fold the network is trained from scratch and distorts only the training digits of that fold, so
# the test digits have no influence on the training.

classifiers = {
    "logistic regression": make_pipeline(MinMaxScaler(), LogisticRegression(max_iter=300)),
    "support vector machine": make_pipeline(MinMaxScaler(), SVC(C=10)),
    "DigitCNNClassifier": DigitCNNClassifier(
        "relu-dropout", epochs=10, batch_size=32, random_state=0
    ),
}
folds = StratifiedKFold(3, shuffle=True, random_state=0)
accuracies = {}
for name, classifier in classifiers.items():
    result = cross_validate(classifier, X, y, cv=folds)
    accuracies[name] = result["test_score"]
    print(
        f"{name:<22}  accuracy {accuracies[name].mean():.3f} +- {accuracies[name].std():.3f}, "
        f"{result['fit_time'].mean():.2f} s a fit"
    )

# %%
# Each point is a fold. The folds are the same for all three classifiers.

figure, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
for row, values in enumerate(accuracies.values()):
    ax.plot(values, [row] * len(values), "o", alpha=0.7)
    ax.plot(values.mean(), row, "|", color="black", markersize=18)
ax.set(yticks=range(len(accuracies)), yticklabels=accuracies, ylim=(-0.5, 2.5))
ax.set(xlabel="accuracy in each fold; the line is their mean")
ax.grid(axis="x", alpha=0.3)

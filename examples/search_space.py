"""
Search a recipe's space, with epochs as the resource
====================================================

``search_space`` returns the parameters of a recipe that are worth searching over. Here a search
finds settings for a short training: nine epochs on three hundred digits. The defaults are meant for
many more of both.
"""

import matplotlib.pyplot as plt
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, train_test_split

from digitcnn.datasets import load_sample_digits
from digitcnn.recipes import make_classifier, search_space

X, y = load_sample_digits()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=300, stratify=y, random_state=0
)

# %%
# The space is a dict of distributions and lists that you can change. With so few digits, only small
# batches make enough training steps.

space = search_space("fast")
space["batch_size"] = [16, 32, 64]
for name, choice in space.items():
    if isinstance(choice, list):
        print(f"{name:<16}{choice}")
    else:
        low, high = choice.support()
        print(f"{name:<16}{low:g} to {high:g}, {choice.dist.name}")

# %%
# Six settings are drawn and trained for three epochs. The best third is trained again from scratch,
# for nine. Each training runs its whole learning rate schedule; none is the beginning of a longer
# one. The scores are cross-validated on the training digits.

default = make_classifier("fast", epochs=9, random_state=0)
search = HalvingRandomSearchCV(
    default,
    space,
    resource="epochs",
    n_candidates=6,
    min_resources=3,
    max_resources=9,
    factor=3,
    cv=2,
    random_state=0,
)
search.fit(X_train, y_train)
for name, value in search.best_params_.items():
    print(f"{name:<16}{value:.4g}")
print(f"accuracy in cross-validation: {search.best_score_:.3f}")

# %%
# Compare the settings that were found with the defaults: both are trained on the same digits for
# nine epochs, and scored on the test digits.

default.fit(X_train, y_train)
accuracies = {
    "default": default.score(X_test, y_test),
    "found": search.score(X_test, y_test),
}
for name, accuracy in accuracies.items():
    print(f"{name:<8} accuracy on {len(X_test):,} other digits: {accuracy:.3f}")

# %%
# The training loss of each epoch:

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, clf in {"default": default, "found": search.best_estimator_}.items():
    ax.plot(range(1, clf.n_iter_ + 1), clf.loss_curve_, "o-", label=name)
ax.set(xlabel="epoch", ylabel="training loss", ylim=(0, None))
ax.grid(alpha=0.3)
ax.legend()

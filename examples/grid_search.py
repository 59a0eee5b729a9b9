"""Search over the learning rate, the architecture and the distortion, two fits at a time."""

from sklearn.model_selection import GridSearchCV

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits


def main() -> None:
    X, y = load_sample_digits()
    search = GridSearchCV(
        DigitCNNClassifier(epochs=8, batch_size=32, random_state=0),
        [
            {"learning_rate": [0.001, 0.003], "rotation_range": [0, 10]},
            {"architecture": ["relu-dropout"]},
        ],
        cv=2,
        n_jobs=2,
        # The scores are wanted here, not a network trained on all digits.
        refit=False,
    )
    search.fit(X[:300], y[:300])
    print(f"best of {len(search.cv_results_['params'])}: {search.best_params_}")
    print(f"accuracy in cross-validation: {search.best_score_:.3f}")


# The guard is needed: each worker process imports this file.
if __name__ == "__main__":
    main()

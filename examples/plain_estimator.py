"""Train, ask for probabilities, and score: `DigitCNNClassifier` as any scikit-learn classifier."""

from sklearn.model_selection import train_test_split

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits


def main() -> None:
    X, y = load_sample_digits()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=600, stratify=y, random_state=0
    )
    # Few epochs, to be quick. The default, `epochs="auto"`, takes more and reads better.
    clf = DigitCNNClassifier(epochs=8, batch_size=64, random_state=0).fit(X_train, y_train)
    print(f"loss after each epoch: {[round(loss, 2) for loss in clf.loss_curve_]}")
    print(f"accuracy on {len(X_test)} other digits: {clf.score(X_test, y_test):.3f}")
    probabilities = clf.predict_proba(X_test[:1])[0]
    best = probabilities.argmax()
    print(f"the first is a {clf.classes_[best]} with probability {probabilities[best]:.3f}")


if __name__ == "__main__":
    main()

"""A network of one's own, given as a function."""

import keras
from keras import layers
from sklearn.model_selection import train_test_split

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits


def two_convolutions(image_shape, n_classes, *, dropout=None, dtype="float32"):
    """A small network; it asks for two of the three options: dropout, seed, dtype."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(16, 5, strides=2, activation="relu", dtype=dtype),
            layers.Conv2D(32, 3, strides=2, activation="relu", dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dropout(0.2 if dropout is None else dropout, dtype=dtype),
            # In float32 whatever the rest is computed in.
            layers.Dense(n_classes, activation="softmax", dtype="float32"),
        ]
    )


def main() -> None:
    X, y = load_sample_digits()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, train_size=900, stratify=y, random_state=0
    )
    clf = DigitCNNClassifier(two_convolutions, epochs=15, batch_size=64, random_state=0)
    clf.fit(X_train, y_train)
    print(f"{clf.model_.count_params():,} parameters")
    print(f"accuracy on {len(X_test)} other digits: {clf.score(X_test, y_test):.3f}")


if __name__ == "__main__":
    main()

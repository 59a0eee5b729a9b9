"""From a CSV to a cross-validated accuracy, and to the labels of a CSV without labels."""

import tempfile
from pathlib import Path

import pandas as pd
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from digitcnn import DigitCNNClassifier, DigitCSVTransformer
from digitcnn.datasets import load_sample_digits


def write_tables(folder: Path) -> None:
    """Two tables in the layout of Kaggle's Digit Recognizer: train.csv and test.csv."""
    X, y = load_sample_digits()
    table = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])
    table.insert(0, "label", y)
    table[:600].to_csv(folder / "train.csv", index=False)
    table[600:650].drop(columns="label").to_csv(folder / "test.csv", index=False)


def main() -> None:
    pipeline = make_pipeline(
        DigitCSVTransformer(label="label"),
        DigitCNNClassifier(epochs=12, batch_size=32, random_state=0),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_tables(folder)
        train = pd.read_csv(folder / "train.csv")
        # The transformer drops the label column: the table goes in as it was read.
        scores = cross_val_score(pipeline, train, train["label"], cv=2)
        print(f"accuracy in two folds: {scores.round(3)}")
        # A path will do as well as a table.
        labels = pipeline.fit(train, train["label"]).predict(folder / "test.csv")
    print(f"the first labels: {labels[:10]}")


if __name__ == "__main__":
    main()

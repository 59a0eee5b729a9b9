"""From train.csv to a scored submission, by the command with its default settings.

    python benchmarks/kaggle_layout.py FOLDER [--seeds 0 1 2]

FOLDER holds train.csv and test.csv in the layout of Kaggle's Digit Recognizer, and test_labels.csv
(ImageId, Label) with the answers. Prints a Markdown table: for each seed the seconds that the
training took inside `fit`, those of the whole command, and the accuracy on the test set. Nothing is
chosen by that accuracy.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _report import print_header


def command(*arguments: str) -> tuple[dict, float]:
    """What the command answers, and the seconds that it took as a whole."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "digitcnn", *arguments, "--json"],
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(done.stdout), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    answers = pd.read_csv(options.folder / "test_labels.csv")
    print_header("keras", "tensorflow")
    print("| seed | epochs | precision | training s | whole command s | test accuracy |")
    print("|---|---|---|---|---|---|")
    accuracies = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            model, submission = f"{folder}/m.digitcnn", f"{folder}/submission.csv"
            trained, seconds = command(
                "train", str(options.folder / "train.csv"), "--seed", str(seed), "--out", model
            )
            command("predict", model, str(options.folder / "test.csv"), "--out", submission)
            read = pd.read_csv(submission)
        assert (read["ImageId"] == answers["ImageId"]).all()
        accuracies.append(float((read["Label"] == answers["Label"]).mean()))
        print(
            f"| {seed} | {trained['epochs']} | {trained['precision']} | {trained['seconds']:.0f} "
            f"| {seconds:.0f} | {accuracies[-1]:.4%} |",
            flush=True,
        )
    if len(accuracies) > 1:
        spread = np.std(accuracies, ddof=1)
        print(f"\nmean {np.mean(accuracies):.4%}, standard deviation {spread:.4%}")


if __name__ == "__main__":
    main()

"""The time of one prediction, and images a second.

    python benchmarks/prediction.py

This estimator, SciKeras's KerasClassifier around the same network, and the bare compiled network
(a tf.function given float32 batches that are ready), in turn in one process, in float32 and, where
the machine has it, in bfloat16.
"""

import statistics

import numpy as np
import tensorflow as tf
from _report import in_turn, print_header, print_table, ratio
from scikeras.wrappers import KerasClassifier

from digitcnn import DigitCNNClassifier
from digitcnn.backend.devices import choose_precision

MANY = 8192
CHUNK = 512
CALLS = 20


def repeated(call):
    def turn():
        for _ in range(CALLS):
            call()

    return turn


def main() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (MANY, 784), dtype=np.uint8)
    y = np.arange(256) % 10
    images = (X / 255).astype(np.float32).reshape(-1, 28, 28, 1)
    print_header("keras", "tensorflow", "scikeras")
    rows = []
    for precision in dict.fromkeys(["float32", choose_precision("auto")]):
        for architecture in ("compact", "relu-dropout", "elu-bn"):
            clf = DigitCNNClassifier(architecture, epochs=1, precision=precision, random_state=0)
            clf.fit(X[:256], y)
            model = clf.model_
            scikeras = KerasClassifier(model, verbose=0, epochs=1).initialize(images[:256], y)
            bare = tf.function(lambda batch, model=model: model(batch, training=False))

            def all_bare(bare=bare):
                for start in range(0, MANY, CHUNK):
                    bare(tf.constant(images[start : start + CHUNK])).numpy()

            # A turn is many calls: Keras's threads still work for some milliseconds after SciKeras
            # has answered, which would slow the next contender.
            one = in_turn(
                {
                    "ours": repeated(lambda clf=clf: clf.predict_proba(X[:1])),
                    "SciKeras": repeated(lambda s=scikeras: s.predict_proba(images[:1])),
                    "bare": repeated(lambda bare=bare: bare(tf.constant(images[:1])).numpy()),
                },
                repeats=9,
            )
            many = in_turn(
                {"ours": lambda clf=clf: clf.predict_proba(X), "bare": all_bare}, repeats=5
            )
            rows.append(
                [
                    architecture,
                    precision,
                    *(f"{1e3 * statistics.median(one[name]) / CALLS:.2f}" for name in one),
                    f"{1 / ratio(one, 'ours', 'SciKeras'):.0f}",
                    *(f"{MANY / statistics.median(many[name]):,.0f}" for name in many),
                    f"{1 / ratio(many, 'ours', 'bare'):.2f}",
                ]
            )
    columns = ["network", "precision", "one image ms", "SciKeras ms", "bare ms", "SciKeras / ours"]
    print_table([*columns, "images/s", "bare images/s", "ours / bare"], rows)


if __name__ == "__main__":
    main()

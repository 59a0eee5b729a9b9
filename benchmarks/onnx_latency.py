"""An exported estimator in ONNX Runtime beside the estimator itself.

    python benchmarks/onnx_latency.py

One image, and many, from uint8 pixels to labels and probabilities, in turn in one process. Both
compute in float32 and, where the machine has it, the estimator in bfloat16 as well.
"""

import statistics

import numpy as np
import onnxruntime
from _report import in_turn, print_header, print_table, ratio

from digitcnn import DigitCNNClassifier
from digitcnn.backend.devices import choose_precision
from digitcnn.datasets import load_sample_digits
from digitcnn.inference.export import compare, to_onnx

MANY = 2048
# Images in a call, for both: ONNX Runtime holds the outputs of all layers for all of them.
CHUNK = 512
CALLS = 50


def repeated(call):
    def turn():
        for _ in range(CALLS):
            call()

    return turn


def main() -> None:
    X, y = load_sample_digits()
    many = np.resize(X, (MANY, X.shape[1]))
    print_header("keras", "tensorflow", "onnx", "onnxruntime")
    rows = []
    for precision in dict.fromkeys(["float32", choose_precision("auto")]):
        for architecture in ("compact", "relu-dropout", "elu-bn"):
            clf = DigitCNNClassifier(architecture, epochs=1, precision=precision, random_state=0)
            clf.fit(X[:512], y[:512])
            data = to_onnx(clf)
            n_differing, difference = compare(clf, data, X)
            session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

            def ask(images, session=session):
                return session.run(None, {"images": images.reshape(-1, 28, 28, 1)})

            def ask_all(ask=ask):
                for start in range(0, MANY, CHUNK):
                    ask(many[start : start + CHUNK])

            one = in_turn(
                {
                    "ours": repeated(lambda clf=clf: clf.predict_proba(X[:1])),
                    "onnx": repeated(lambda ask=ask: ask(X[:1])),
                },
                repeats=9,
            )
            all_of_them = in_turn(
                {"ours": lambda clf=clf: clf.predict_proba(many), "onnx": ask_all}, repeats=5
            )
            rows.append(
                [
                    architecture,
                    precision,
                    *(f"{1e3 * statistics.median(one[name]) / CALLS:.2f}" for name in one),
                    f"{ratio(one, 'ours', 'onnx'):.1f}",
                    *(
                        f"{MANY / statistics.median(all_of_them[name]):,.0f}"
                        for name in all_of_them
                    ),
                    f"{1 / ratio(all_of_them, 'ours', 'onnx'):.2f}",
                    n_differing,
                    f"{difference:.0e}",
                ]
            )
    columns = ["network", "ours in", "one image ms", "ONNX ms", "time to ONNX's", "images/s"]
    columns += ["ONNX images/s", "speed to ONNX's", "other labels", "difference"]
    print_table(columns, rows)


if __name__ == "__main__":
    main()

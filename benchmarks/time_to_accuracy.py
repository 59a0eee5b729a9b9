"""Seconds from a cold process to a given accuracy on MNIST.

    python benchmarks/time_to_accuracy.py MNIST_NPZ [--seeds 0 1 2] [--only NAME ...]

Trained on MNIST's 60,000 digits, scored on its 10,000 test digits. This package starts from a CSV
file, at its default settings but for the number of epochs; its peers start from arrays, with the
networks and the settings of their own MNIST examples, and run to those examples' ends:

- Keras: "Simple MNIST convnet" (keras.io), 15 epochs;
- PyTorch: pytorch/examples, mnist/main.py, 14 epochs;
- skorch: the notebook MNIST.ipynb, 10 epochs, as scikit-learn users are shown it.

Each run is its own process. The clock starts with the process and stops while the test digits are
scored after each epoch, which finds out when 99.0% was first reached. Nothing is chosen by the test
digits. The learning rate of this package falls to nothing over the whole training, so each number
of epochs is a separate training.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

START = time.perf_counter()
# The interpreter's own start, which is over by then.
INTERPRETER = 0.05


class Clock:
    """Seconds since the start of the process, without the times of scoring."""

    def __init__(self, score) -> None:
        self.score = score
        self.paused = -INTERPRETER
        self.log: list[tuple[float, float]] = []

    def seconds(self) -> float:
        return time.perf_counter() - START - self.paused

    def note(self) -> None:
        """Score, and note the accuracy with the time at which it was reached."""
        seconds, start = self.seconds(), time.perf_counter()
        self.log.append((seconds, self.score()))
        self.paused += time.perf_counter() - start


def our_estimator(epochs: int, architecture: str, seed: int, mnist: dict, csv: str) -> dict:
    import digitcnn.training.scikeras  # noqa: F401  Loads TensorFlow, which fit would do otherwise.
    from digitcnn import DigitCNNClassifier
    from digitcnn.datasets import read_digits_csv

    X, y = read_digits_csv(csv)
    clf = DigitCNNClassifier(architecture or "auto", epochs=epochs, random_state=seed)
    start = time.perf_counter()
    clf.fit(X, y)
    training = time.perf_counter() - start
    clock = Clock(lambda: clf.score(mnist["x_test"], mnist["y_test"]))
    clock.note()
    return {"log": clock.log, "training": training}


def keras_example(seed: int, mnist: dict) -> dict:
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    x_train, x_test = (
        np.expand_dims(mnist[name].astype("float32") / 255, -1) for name in ("x_train", "x_test")
    )
    y_train = keras.utils.to_categorical(mnist["y_train"], 10)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    clock = Clock(
        lambda: float((model.predict(x_test, verbose=0).argmax(1) == mnist["y_test"]).mean())
    )
    start = time.perf_counter()
    model.fit(
        x_train,
        y_train,
        batch_size=128,
        epochs=15,
        validation_split=0.1,
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: clock.note())],
    )
    return {"log": clock.log, "training": time.perf_counter() - start - clock.paused}


def torch_example(seed: int, mnist: dict) -> dict:
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812

    torch.manual_seed(seed)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
            self.dropout1, self.dropout2 = nn.Dropout(0.25), nn.Dropout(0.5)
            self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
            x = F.relu(self.fc1(torch.flatten(self.dropout1(x), 1)))
            return F.log_softmax(self.fc2(self.dropout2(x)), dim=1)

    def images(name):
        pixels = torch.from_numpy(mnist[name]).float().unsqueeze(1) / 255
        return (pixels - 0.1307) / 0.3081

    train = torch.utils.data.TensorDataset(
        images("x_train"), torch.from_numpy(mnist["y_train"].astype(np.int64))
    )
    test, model = images("x_test"), Net()

    def score():
        model.eval()
        with torch.no_grad():
            found = torch.cat([model(part).argmax(1) for part in test.split(1000)])
        model.train()
        return float((found.numpy() == mnist["y_test"]).mean())

    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    clock, start = Clock(score), time.perf_counter()
    for _ in range(14):
        for data, target in torch.utils.data.DataLoader(train, batch_size=64, shuffle=True):
            optimizer.zero_grad()
            F.nll_loss(model(data), target).backward()
            optimizer.step()
        clock.note()
        scheduler.step()
    return {"log": clock.log, "training": time.perf_counter() - start - clock.paused}


def skorch_example(seed: int, mnist: dict) -> dict:
    import skorch
    import torch
    from torch import nn

    torch.manual_seed(seed)

    class Cnn(nn.Module):
        def __init__(self, dropout=0.5):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
            self.conv2_drop = nn.Dropout2d(p=dropout)
            self.fc1, self.fc2 = nn.Linear(1600, 100), nn.Linear(100, 10)
            self.fc1_drop = nn.Dropout(p=dropout)

        def forward(self, x):
            x = torch.relu(nn.functional.max_pool2d(self.conv1(x), 2))
            x = torch.relu(nn.functional.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
            x = torch.relu(self.fc1_drop(self.fc1(x.flatten(1))))
            return torch.softmax(self.fc2(x), dim=-1)

    x_train, x_test = (
        (mnist[name].astype("float32") / 255).reshape(-1, 1, 28, 28)
        for name in ("x_train", "x_test")
    )

    class Note(skorch.callbacks.Callback):
        def on_epoch_end(self, net, **kwargs):
            clock.note()

    net = skorch.NeuralNetClassifier(
        Cnn, max_epochs=10, lr=0.002, optimizer=torch.optim.Adam, callbacks=[Note()], verbose=0
    )
    clock = Clock(lambda: float((net.predict(x_test) == mnist["y_test"]).mean()))
    start = time.perf_counter()
    net.fit(x_train, mnist["y_train"].astype(np.int64))
    return {"log": clock.log, "training": time.perf_counter() - start - clock.paused}


def child(name: str, seed: int, npz: str, csv: str) -> dict:
    with np.load(npz) as file:
        mnist = dict(file)
    kind, *settings = name.split(":")
    if kind == "digitcnn":
        epochs, architecture = [*settings, ""][:2]
        return our_estimator(int(epochs), architecture, seed, mnist, csv)
    return {"keras": keras_example, "torch": torch_example, "skorch": skorch_example}[kind](
        seed, mnist
    )


def write_csv(npz: str, path: Path) -> None:
    import pandas as pd

    with np.load(npz) as mnist:
        pixels, labels = mnist["x_train"].reshape(-1, 784), mnist["y_train"]
    table = pd.DataFrame(pixels, columns=[f"pixel{i}" for i in range(784)])
    table.insert(0, "label", labels)
    table.to_csv(path, index=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    everybody = ["digitcnn:1", "digitcnn:2", "digitcnn:5", "digitcnn:5:compact"]
    everybody += ["keras", "torch", "skorch"]
    parser.add_argument(
        "--only", nargs="+", default=everybody, help="names; digitcnn:EPOCHS[:ARCHITECTURE]"
    )
    parser.add_argument("--child", nargs=3, metavar=("NAME", "SEED", "CSV"))
    options = parser.parse_args()
    if options.child:
        name, seed, csv = options.child
        print(json.dumps(child(name, int(seed), options.npz, csv)))
        return
    from _report import print_header, print_table

    print_header("keras", "tensorflow", "torch", "skorch")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        csv = Path(folder) / "train.csv"
        write_csv(options.npz, csv)
        found: dict[str, list[dict]] = {name: [] for name in options.only}
        for seed in options.seeds:  # they take turns
            for name, runs in found.items():
                command = [sys.executable, __file__, options.npz, "--child", name, str(seed), csv]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
                runs.append(json.loads(done.stdout.splitlines()[-1]))
                print(name, seed, runs[-1], file=sys.stderr, flush=True)
        for name, runs in found.items():
            last = [run["log"][-1] for run in runs]
            to_99 = [min((s for s, a in run["log"] if a >= 0.99), default=None) for run in runs]
            reached = [seconds for seconds in to_99 if seconds is not None]
            accuracies = [accuracy for _, accuracy in last]
            rows.append(
                [
                    name.replace(":", ", epochs ", 1).replace(":", ", "),
                    len(runs),
                    f"{np.mean(accuracies):.3%}",
                    f"{min(accuracies):.2%} to {max(accuracies):.2%}",
                    f"{statistics.median(run['training'] for run in runs):.0f}",
                    f"{statistics.median(seconds for seconds, _ in last):.0f}",
                    f"{statistics.median(reached):.0f}" if len(reached) == len(runs) else "-",
                ]
            )
    columns = ["who", "seeds", "mean accuracy", "from, to", "training s", "process s"]
    print_table([*columns, "s to 99.0%"], rows)


if __name__ == "__main__":
    main()

"""Trained images a second, beside other ways to train the same network.

    python benchmarks/training.py [--networks relu-dropout elu-bn compact] [--rounds 5]

Every contender has the same layers, batch size and optimizer (Adam), and trains on the same random
digits. Each lives in a process of its own, and they take turns: while one trains, the others wait.
One turn is one epoch, and compiling is over before the first one counts. The contenders:

- digitcnn, with its default distortions and without any;
- bare `keras.Model.fit` on float32 arrays that are ready, in this machine's precision and in
  float32;
- the notebooks' way: `keras.Model.fit` in float32 on batches from ImageDataGenerator;
- a bare PyTorch loop, channels last, in this machine's precision (bfloat16 by autocast), and skorch
  in float32, where torch is installed;
- SciKeras's KerasClassifier and keras.wrappers.SKLearnClassifier, in float32. They compile in each
  fit: counted is the second of two epochs.
"""

import argparse
import statistics
import sys
import time
import warnings

import keras
import numpy as np
import tensorflow as tf
from _contender import Contender, answer_lines
from _peers import keras_network, torch_loop, torch_network
from _report import print_header, print_table
from _settings import STILL
from scikeras.wrappers import KerasClassifier

from digitcnn import DigitCNNClassifier
from digitcnn.backend.build import build
from digitcnn.backend.devices import POLICIES, choose_precision

try:
    import torch
    from torch import nn
except ImportError:
    torch = None

# The batch sizes of the two notebooks, and the package's default.
BATCH = {"relu-dropout": 256, "elu-bn": 64, "compact": 256}
BATCHES = 20
# One turn suffices for these, which have no bound to keep.
SLOW = ("skorch, float32", "SciKeras", "keras SKLearnClassifier")
ADAM = {"optimizer": "adam", "weight_decay": 0.0, "schedule": None, "learning_rate": 0.001}


def skorch_fit(architecture, images, labels, batch):
    import skorch

    net = skorch.NeuralNetClassifier(
        torch_network(architecture),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        max_epochs=1,
        batch_size=batch,
        train_split=None,
        iterator_train__shuffle=True,
        verbose=0,
        warm_start=True,
    )
    x, y = np.moveaxis(images, 3, 1).copy(), labels.astype(np.int64)
    return lambda: net.fit(x, y)


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def epoch_of(name, architecture, batch, n):
    """A function that trains for one epoch and returns the seconds."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (n, 28, 28, 1), dtype=np.uint8)
    labels = np.arange(n) % 10
    images = (X / 255).astype(np.float32)
    fit = {"batch_size": batch, "epochs": 1, "verbose": 0}
    if name.startswith("digitcnn"):
        still = {} if "distorted" in name else STILL
        clf = DigitCNNClassifier(
            architecture, epochs=1, batch_size=batch, random_state=0, **ADAM, **still
        )
        return lambda: timed(lambda: clf.partial_fit(X, labels))
    if name.startswith("keras fit"):
        model = keras_network(architecture, POLICIES[name.split(", ")[1]], jit_compile=False)
        if "ImageDataGenerator" not in name:
            return lambda: timed(lambda: model.fit(images, labels, **fit))
        generator = tf.keras.preprocessing.image.ImageDataGenerator(
            rotation_range=10, zoom_range=0.1, width_shift_range=0.1, height_shift_range=0.1
        )
        flow = generator.flow(images, labels, batch_size=batch)
        return lambda: timed(lambda: model.fit(flow, epochs=1, verbose=0))
    if name.startswith("torch"):
        epoch = torch_loop(architecture, images, labels, batch, name.split(", ")[1])
        return lambda: timed(epoch)
    if name.startswith("skorch"):
        epoch = skorch_fit(architecture, images, labels, batch)
        return lambda: timed(epoch)

    times = []
    settings = {
        **fit,
        "epochs": 2,
        "callbacks": [
            keras.callbacks.LambdaCallback(
                on_epoch_begin=lambda *_: times.append(time.perf_counter()),
                on_epoch_end=lambda *_: times.append(time.perf_counter()),
            )
        ],
    }
    if name == "SciKeras":
        clf, data = (
            KerasClassifier(
                lambda: keras_network(architecture, "float32", jit_compile=False), **settings
            ),
            images,
        )
    else:
        clf, data = (
            keras.wrappers.SKLearnClassifier(
                lambda X, y: network_of_rows(architecture), fit_kwargs=settings
            ),
            images.reshape(n, -1),
        )

    def second_epoch():
        times.clear()
        clf.fit(data, labels)
        return times[3] - times[2]

    return second_epoch


def network_of_rows(architecture):
    """The network for SKLearnClassifier: it takes rows of pixels, and labels as columns."""
    inner = build(architecture, (28, 28, 1), 10, dropout=None, seed=0, dtype="float32")
    model = keras.Sequential([keras.Input((784,)), keras.layers.Reshape((28, 28, 1)), inner])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def contend(name, architecture, batch, n):
    """A contender's process: train an epoch for each line of input."""
    turn = epoch_of(name, architecture, int(batch), int(n))
    answer_lines(lambda line: turn())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=list(BATCH))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contender", nargs=4)
    options = parser.parse_args()
    if options.contender:
        warnings.filterwarnings("ignore", message="Your `PyDataset` class should call")
        contend(*options.contender)
        return
    print_header("keras", "tensorflow", "scikeras", "torch", "skorch")
    own = choose_precision("auto")
    names = ["digitcnn", "digitcnn, distorted", f"keras fit, {own}", "keras fit, float32"]
    names += ["keras fit, float32, ImageDataGenerator"]
    if torch is not None:
        names += [f"torch loop, {own}, channels last", "skorch, float32"]
    names = list(dict.fromkeys([*names, *SLOW[1:]]))
    rows = []
    for architecture in options.networks:
        batch = BATCH[architecture]
        n = batch * BATCHES
        contenders = {
            name: Contender("--contender", name, architecture, batch, n) for name in names
        }
        seconds = {name: [] for name in names}
        for number in range(options.rounds + 1):
            for name, contender in contenders.items():
                if number > 1 and name in SLOW:
                    continue
                value = float(contender.ask("go"))
                if number:  # in the first turn it compiles
                    seconds[name].append(value)
        for contender in contenders.values():
            contender.end()
        for name, times in seconds.items():
            ratios = [
                statistics.median(a / b for a, b in zip(times, seconds[ours], strict=False))
                for ours in ("digitcnn", "digitcnn, distorted")
            ]
            speed = f"{n / statistics.median(times):,.0f}"
            rows.append([architecture, batch, name, speed, *(f"{r:.2f}" for r in ratios)])
            print(rows[-1], file=sys.stderr, flush=True)
    columns = ["network", "batch", "who", "images/s", "digitcnn / who", "distorted / who"]
    print_table(columns, rows)


if __name__ == "__main__":
    main()

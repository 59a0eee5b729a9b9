"""The package on a GPU: tests, training to the end, speed beside its peers, a grid search.

    python benchmarks/gpu.py MNIST_NPZ [--backends jax torch tensorflow] [--parts ...] [--out FILE]

Keras's backends run one after the other; those that are not installed are skipped. Each part is its
own process with a time limit, and prints its lines at once, so that nothing is lost if the machine
is available for minutes only. The parts:

- tests: those of the devices, and those that need a GPU;
- fit: the recipe `fast` to its end, several seeds in one process, scored on MNIST's test digits.
  The first fit compiles, the others do not. Nothing is chosen by the test digits;
- notebook: the recipe `notebook-elu` to its end;
- speed: images a second of training and prediction, beside bare Keras and a bare PyTorch loop, and
  of the distorted batches alone;
- search: a `GridSearchCV` of 12 candidates, in one process and with two workers on the one GPU;
- joint: that search in one process beside one whose networks are trained together, in alternating
  pairs, with either kind of convolutions (`joint_search.py`; JAX alone);
- agree: a network's answers on the GPU and on the processor, a training on the processor beside it,
  and the memory taken.

On a machine without a GPU everything runs on the processor, and the header says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from _report import print_header, print_table

PARTS = ("tests", "fit", "speed", "agree", "search", "joint", "notebook")
# Seconds that a part may take.
LIMIT = 150


def say(**line):
    """A line of a table, from a part's process to its parent."""
    print("LINE " + json.dumps(line), flush=True)


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def memory_megabytes():
    """GPU memory that all programs hold, as its driver reports it."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        return int(subprocess.run(command, capture_output=True, text=True).stdout.split()[0])
    except (OSError, IndexError, ValueError):
        return None


def run_tests(options):
    tests = Path(__file__).parents[1] / "tests"
    names = ["test_devices.py", "test_gpu.py", "test_batches.py"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += [str(tests / name) for name in names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT)
    print(done.stdout[-6000:])
    say(what="device tests", value=done.stdout.strip().splitlines()[-1].strip("= "))


def run_fit(options):
    from digitcnn import DigitCNNClassifier

    mnist = options.mnist
    for seed in options.seeds:
        clf = DigitCNNClassifier(random_state=seed, epochs=1 if options.quick else "auto")
        seconds = timed(lambda clf=clf: clf.fit(mnist["x_train"], mnist["y_train"]))
        accuracy = clf.score(mnist["x_test"], mnist["y_test"])
        kind = "compiling included" if seed == options.seeds[0] else "compiled"
        say(
            what=f"fast, seed {seed}, {kind}",
            value=f"{100 * accuracy:.2f}% after {seconds:.1f} s, {clf.precision_}",
            images_per_second=clf.n_iter_ * len(mnist["x_train"]) / seconds,
        )


def run_notebook(options):
    from digitcnn.recipes import make_classifier

    mnist = options.mnist
    clf = make_classifier("notebook-elu", random_state=0)
    if options.quick:
        clf.set_params(epochs=1)
    seconds = timed(lambda: clf.fit(mnist["x_train"], mnist["y_train"]))
    accuracy = clf.score(mnist["x_test"], mnist["y_test"])
    say(
        what="notebook-elu, seed 0",
        value=f"{100 * accuracy:.2f}% after {clf.n_iter_} epochs, {seconds:.1f} s",
    )


def tell_speed(what, call, n, repeats=3):
    call()  # compiles
    say(what=what, images_per_second=n / statistics.median(timed(call) for _ in range(repeats)))


def tell_speeds_of(architecture, size, X, labels, on_gpu):
    """Training and prediction of one network, this package's and its peers'."""
    import keras
    from _peers import keras_network, torch, torch_loop
    from _settings import STILL

    from digitcnn import DigitCNNClassifier
    from digitcnn.backend.devices import POLICIES, choose_precision

    own, n = choose_precision("auto"), len(X)
    floats = (X[..., None] / 255).astype(np.float32)
    settings = {"epochs": 1, "batch_size": size, "random_state": 0, "warm_start": True}
    settings |= {"optimizer": "adam", "weight_decay": 0.0, "schedule": None, "learning_rate": 0.001}
    plain = DigitCNNClassifier(architecture, **settings, **STILL)
    distorted = DigitCNNClassifier(architecture, **settings)
    tell_speed(f"{architecture}: training, digitcnn", lambda: plain.fit(X, labels), n)
    tell_speed(
        f"{architecture}: training, digitcnn, distorted", lambda: distorted.fit(X, labels), n
    )
    tell_speed(f"{architecture}: prediction, digitcnn", lambda: plain.predict_proba(X), n)
    one = X[:1]
    tell_speed(f"{architecture}: one image, digitcnn", lambda: plain.predict_proba(one), 1, 50)
    bare = keras_network(architecture, POLICIES[own], jit_compile="auto")
    fit = {"batch_size": size, "epochs": 1, "verbose": 0}
    read = {"batch_size": 512, "verbose": 0}
    tell_speed(f"{architecture}: training, keras fit", lambda: bare.fit(floats, labels, **fit), n)
    tell_speed(f"{architecture}: prediction, keras", lambda: bare.predict(floats, **read), n)
    if torch is None or keras.backend.backend() != "torch":
        return
    device = "cuda" if on_gpu else "cpu"
    epoch = torch_loop(architecture, floats, labels, size, own, device)
    tell_speed(f"{architecture}: training, bare PyTorch", epoch, n)
    net, tensor = epoch.net.eval(), torch.from_numpy(floats).permute(0, 3, 1, 2)

    def predict():
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, own == "bfloat16"):
            for part in tensor.split(512):
                net(part.to(device)).float().softmax(1).cpu()

    tell_speed(f"{architecture}: prediction, bare PyTorch", predict, n)


def run_speed(options):
    from digitcnn import DigitCNNClassifier
    from digitcnn.augmentation.batches import DigitBatches
    from digitcnn.backend.devices import list_gpus
    from digitcnn.training.plan import plan_distortion

    X = options.mnist["x_train"][: options.images]
    labels = options.mnist["y_train"][: options.images].astype(np.int32)
    on_gpu = bool(list_gpus())
    for architecture, size in (("compact", 256), ("elu-bn", 64)):
        tell_speeds_of(architecture, size, X, labels, on_gpu)
    made = DigitBatches(
        X[..., None],
        labels,
        None,
        pixel_range=(0.0, 255.0),
        batch_size=256,
        distortion=plan_distortion(DigitCNNClassifier().get_params(), (28, 28, 1)),
        corruption_rate=0.2,
        shuffle=True,
        accelerator="auto" if on_gpu else None,
    )
    tell_speed("distorted batches alone", lambda: [None for _ in made.in_order()], len(X))


def run_search(options):
    from sklearn.model_selection import GridSearchCV

    from digitcnn import DigitCNNClassifier

    X, y = options.mnist["x_train"][:6000], options.mnist["y_train"][:6000]
    grid = {
        "learning_rate": [0.003, 0.006, 0.009, 0.015],
        "weight_decay": [0.005, 0.02, 0.05],
    }
    scores = {}
    for n_jobs in (1, 2):
        search = GridSearchCV(
            DigitCNNClassifier(epochs=2, random_state=0), grid, cv=2, n_jobs=n_jobs, refit=False
        )
        seconds = timed(lambda search=search: search.fit(X, y))
        scores[n_jobs] = search.cv_results_["mean_test_score"]
        say(
            what=f"grid search, 12 candidates, 2 folds, n_jobs={n_jobs}",
            value=f"{seconds:.1f} s, best {scores[n_jobs].max():.4f}",
            memory=memory_megabytes(),
        )
    apart = float(np.abs(scores[1] - scores[2]).max())
    say(what="scores of one process and of two workers, largest difference", value=f"{apart:.4f}")


def run_joint(options):
    import keras
    from joint_search import COLUMNS, CONVOLUTIONS, choose_convolutions, compare, rows_of

    if keras.backend.backend() != "jax":
        return
    n, pairs, epochs = (128, 1, 1) if options.quick else (6000, 3, 2)
    X, y = options.mnist["x_train"][:n], options.mnist["y_train"][:n]
    for kind in CONVOLUTIONS:
        choose_convolutions(kind)
        found, n_together = compare(X, y, pairs, epochs=epochs, max_together=32)
        for row in rows_of(found, kind):
            figures = ", ".join(f"{name} {x}" for name, x in zip(COLUMNS[2:], row[2:], strict=True))
            what = f"grid search, {n_together} networks together, {kind}, {row[1]}"
            say(what=what, value=figures, memory=memory_megabytes())


def run_agree(options):
    import keras

    import digitcnn
    from digitcnn import DigitCNNClassifier
    from digitcnn.backend.devices import choose_precision, list_gpus

    mnist = options.mnist
    X, y = mnist["x_train"][:10_000], mnist["y_train"][:10_000]
    before = memory_megabytes()
    say(what="devices", value=f"{', '.join(list_gpus()) or 'no GPU'}; Keras {keras.__version__}")
    test = mnist["x_test"]
    for architecture in ("compact", "elu-bn", "relu-dropout"):
        for precision in dict.fromkeys(["float32", choose_precision("auto")]):
            clf = DigitCNNClassifier(architecture, epochs=2, precision=precision, random_state=0)
            clf.fit(X, y)
            path = f"{options.scratch}/{architecture}.digitcnn"
            clf.save(path)
            beside = digitcnn.load(path).set_params(device="cpu", precision="float32")
            here, there = clf.predict_proba(test), beside.predict_proba(test)
            say(
                what=f"{architecture}, {precision}: answers on the device and on the processor",
                value=f"{np.abs(here - there).max():.1e} apart, "
                f"{int((here.argmax(1) != there.argmax(1)).sum())} labels of 10,000 differ",
            )
    both = DigitCNNClassifier("relu-dropout", epochs=1, device="cpu", random_state=0)
    both.fit(X[:2000], y[:2000])
    say(
        what="trained with device='cpu' beside it", value=f"{both.score(test, mnist['y_test']):.3f}"
    )
    say(what="memory of the GPU before and after", value=f"{before} and {memory_megabytes()} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("npz")
    parser.add_argument("--backends", nargs="+", default=["jax", "torch", "tensorflow"])
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=60_000, help="of the speed part")
    parser.add_argument("--train", type=int, default=60_000, help="training digits")
    parser.add_argument("--quick", action="store_true", help="one epoch of each training")
    parser.add_argument("--scratch", default="/tmp", help="folder for a model file")
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds that a part may take")
    parser.add_argument("--out", type=Path, help="file for the lines, as JSON")
    parser.add_argument("--part")
    options = parser.parse_args()
    if options.part:
        with np.load(options.npz) as file:
            options.mnist = dict(file)
        for name in ("x_train", "y_train"):
            options.mnist[name] = options.mnist[name][: options.train]
        globals()[f"run_{options.part}"](options)
        return
    names = {"jax": ["jax"], "torch": ["torch"], "tensorflow": ["tensorflow"]}
    print_header("keras", "scikeras", "scikit-learn", "torch", "jax", "tensorflow")
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        print(subprocess.run(query, capture_output=True, text=True).stdout, flush=True)
    except OSError:
        print("no nvidia-smi: this is not a machine with an NVIDIA GPU\n", flush=True)
    rows = []
    for part in options.parts:
        for backend in options.backends:
            if not all(find_spec(name) for name in names[backend]):
                continue
            command = [sys.executable, __file__, options.npz, "--part", part]
            for name in ("images", "train", "scratch"):
                command += [f"--{name}", str(getattr(options, name))]
            command += ["--seeds", *map(str, options.seeds)] + ["--quick"] * options.quick
            start = time.perf_counter()
            try:
                done = subprocess.run(
                    command,
                    env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=options.limit,
                )
                text, end = done.stdout, f"exit {done.returncode}"
            except subprocess.TimeoutExpired as error:
                text = (error.stdout or b"").decode(errors="replace")
                end = f"cut off after {options.limit} s"
            lines = [json.loads(x[5:]) for x in text.splitlines() if x.startswith("LINE ")]
            print(f"## {part}, {backend}: {time.perf_counter() - start:.0f} s, {end}", flush=True)
            if end != "exit 0" or part == "tests":
                rest = [x for x in text.splitlines() if not x.startswith("LINE ")]
                print("\n".join(rest)[-5000:], flush=True)
            for line in lines:
                line = {"part": part, "backend": backend, **line}
                print(json.dumps(line), flush=True)
                rows.append(line)
                if options.out:
                    with options.out.open("a") as file:
                        file.write(json.dumps(line) + "\n")
    print()
    print_table(
        ["backend", "what", "figure"],
        [
            [
                one["backend"],
                one["what"],
                one.get("value", "")
                + (
                    f" {one['images_per_second']:,.0f} images/s"
                    if "images_per_second" in one
                    else ""
                ),
            ]
            for one in rows
        ],
    )


if __name__ == "__main__":
    main()

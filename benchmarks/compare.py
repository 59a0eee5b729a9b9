"""Compare the speed of two revisions, in turn, on one machine.

    python benchmarks/compare.py OLD [NEW] [--rounds 15]

OLD and NEW are revisions of this repository; the default of NEW is the working tree. Each has its
own folder and its own process, and the processes take turns, so that a machine's drift affects both
equally. Only the public API is used, which both must have. The default network is measured:

- a fit of one batch of 128 images of 28x28, whose network is compiled: the cost of each fit of a
  search
- training of 4,096 images, distorted, one epoch
- prediction of one image, and of 10,000
- a fresh process that loads a model and reads ten digits; and the command that does so

For each figure there are the medians of both, the median of the ratios new / old, pair by pair, and
its 95% confidence interval (order statistics of the pairs). The verdict is "slower" or "faster" if
the whole interval is above 1.05 or below 0.95. On a busy machine the intervals are wide, and there
is no verdict.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from _contender import Contender, answer_lines
from _report import print_header, print_table

ROOT = Path(__file__).resolve().parent.parent
# Repetitions in one measurement, so that it takes some tenths of a second.
REPEATS = {"fit, short": 3, "train 4,096": 1, "predict 1": 100, "predict 10,000": 1}
# Fresh processes take long and have fewer rounds.
FRESH = ("load and predict 10", "digitcnn predict, 10 digits")
# A median ratio beyond this counts as a change.
MARGIN = 0.05
COLD = (
    "import digitcnn, numpy as np; clf = digitcnn.load('m.digitcnn'); clf.predict(np.load('X.npy'))"
)
COMMAND = (
    "from digitcnn.cli import main; main(['predict', 'm.digitcnn', 't.csv', '--out', 's.csv'])"
)


def child() -> None:
    """The process of a revision: run the measurement that each line names."""
    from digitcnn import DigitCNNClassifier

    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (10_000, 784), dtype=np.uint8), np.arange(10_000) % 10
    fitted = DigitCNNClassifier(epochs=1, random_state=0).fit(X[:256], y[:256])
    seed = iter(range(1, 1_000_000))

    def fit(n: int, batch_size: int) -> None:
        clf = DigitCNNClassifier(epochs=1, batch_size=batch_size, random_state=next(seed))
        clf.fit(X[:n], y[:n])

    calls: dict[str, Callable[[], object]] = {
        "fit, short": lambda: fit(128, 128),
        "train 4,096": lambda: fit(4_096, 256),
        "predict 1": lambda: fitted.predict_proba(X[:1]),
        "predict 10,000": lambda: fitted.predict_proba(X),
    }

    def measure(line: str) -> float:
        name = line.strip()
        start = time.perf_counter()
        for _ in range(REPEATS[name]):
            calls[name]()
        return (time.perf_counter() - start) / REPEATS[name]

    answer_lines(measure)


def fresh(code: str, folder: Path, environment: dict[str, str]) -> float:
    """Seconds of a new process."""
    start = time.perf_counter()
    command = [sys.executable, "-c", code]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - start


@contextmanager
def source_of(revision: str | None) -> Iterator[Path]:
    """A folder with a revision's package; None is the working tree."""
    if revision is None:
        yield ROOT / "src"
        return
    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        packed = subprocess.run(
            ["git", "archive", revision, "src"], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        yield Path(folder) / "src"


def interval(ratios: list[float]) -> tuple[float, float]:
    """The order statistics between which the median lies with 95% probability."""
    from scipy.stats import binom

    ordered = sorted(ratios)
    low = max(int(binom.ppf(0.025, len(ordered), 0.5)) - 1, 0)
    return ordered[low], ordered[len(ordered) - 1 - low]


def row_of(name: str, old: list[float], new: list[float]) -> list[str]:
    ratios = [two / one for one, two in zip(old, new, strict=True)]
    low, high = interval(ratios)
    verdict = "slower" if low > 1 + MARGIN else "faster" if high < 1 - MARGIN else ""
    cells = [f"{1000 * statistics.median(seconds):.1f}" for seconds in (old, new)]
    return [name, *cells, f"{statistics.median(ratios):.2f}", f"{low:.2f} to {high:.2f}", verdict]


def compare(sources: dict[str, Path], rounds: int) -> Iterator[list[str]]:
    environments = {
        who: {**os.environ, "PYTHONPATH": str(source), "TF_CPP_MIN_LOG_LEVEL": "3"}
        for who, source in sources.items()
    }
    contenders = {who: Contender("--child", environment=environments[who]) for who in sources}
    for name in REPEATS:
        seconds: dict[str, list[float]] = {who: [] for who in sources}
        for round_number in range(-2, rounds):
            for who, one in contenders.items():
                found = float(one.ask(name))
                if round_number >= 0:
                    seconds[who].append(found)
        yield row_of(name, *seconds.values())
    for one in contenders.values():
        one.end()
    with tempfile.TemporaryDirectory(prefix="compare-") as place:
        folders = {who: Path(place) / who for who in sources}
        for who, folder in folders.items():
            folder.mkdir()
            fresh(PREPARE, folder, environments[who])
        for name, code in zip(FRESH, (COLD, COMMAND), strict=True):
            seconds = {who: [] for who in sources}
            for round_number in range(-1, max(6, rounds // 2)):
                for who, folder in folders.items():
                    found = fresh(code, folder, environments[who])
                    if round_number >= 0:
                        seconds[who].append(found)
            yield row_of(name, *seconds.values())


PREPARE = """
import numpy as np
from digitcnn import DigitCNNClassifier
rng = np.random.default_rng(0)
X, y = rng.integers(0, 256, (256, 784), dtype=np.uint8), np.arange(256) % 10
DigitCNNClassifier(epochs=1, random_state=0).fit(X, y).save('m.digitcnn')
np.save('X.npy', X[:10])
header = ','.join(f'pixel{i}' for i in range(784))
np.savetxt('t.csv', X[:10], fmt='%d', delimiter=',', header=header, comments='')
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", nargs="?")
    parser.add_argument("new", nargs="?")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--child", action="store_true")
    options = parser.parse_args()
    if options.child:
        child()
        return
    if options.old is None or options.rounds < 6:
        parser.error("expected a revision, and six rounds or more")
    print_header("keras", "tensorflow", "scikit-learn")
    with source_of(options.old) as old, source_of(options.new) as new:
        columns = ["what", "old ms", "new ms", "new / old", "95% interval", "verdict"]
        print_table(columns, compare({"old": old, "new": new}, options.rounds))


if __name__ == "__main__":
    main()

"""Model files and CSVs changed at random: each is refused by the declared error, or read rightly.

    python benchmarks/fuzz_files.py [--number 50000] [--seed 0] [--only models|networks|tables]
    python benchmarks/fuzz_files.py --atheris SECONDS --only models|tables

Counts what came out. A model that is read must be the one that its bytes declare; a table that is
read must be what pandas makes of the same bytes. Networks take longer to build: a fiftieth of the
number is loaded, with headers that are changed and sums that are right. Anything else is printed,
kept in `fuzz_failures/` and ends in the exit status 1. An audit hook watches that no other file is
opened. With `--atheris`, which is to be installed apart, the changes are guided by the lines that
they reach.
"""

import argparse
import contextlib
import copy
import gzip
import hashlib
import inspect
import io
import json
import os
import random
import re
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from _report import print_header

from digitcnn._utils.array_file import write_model_file
from digitcnn.serialization.schema import read_model
from digitcnn.tables.readers import read_table

SECONDS_ALLOWED = 10
BAD_NUMBERS = [
    0,
    -1,
    1,
    2**31,
    2**63,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "1",
]
CONTENT = {
    "digitcnn": "0.1.0",
    "ensemble": None,
    "has_validation": True,
    "members": [
        {
            "name": "",
            "n_weights": 2,
            "parameters": {"architecture": "compact", "zoom_range": [0.9, 1.1], "epochs": 3},
            "fitted": {
                "classes_": ["no", "yes"],
                "classes_dtype": "str",
                "feature_names_in_": ["a", "b", "c", "d"],
                "history_": {"loss": [1.5, 0.5], "accuracy": [0.5, 1.0]},
                "image_shape_": [2, 2, 1],
                "n_features_in_": 4,
                "pixel_range_": [0.0, 255.0],
                "precision_": "float32",
                "_seed": 7,
                "temperature_": 1.5,
            },
        }
    ],
}
ARRAYS = [
    np.linspace(-1, 1, 6, dtype=np.float32).reshape(3, 2),
    np.zeros(2, np.float32),
    np.array([2.0, 1.0]),
    np.array([0.5, 1.0], np.float32),
    np.array([0, 1], np.uint8),
]
TEXTS = [
    b"label,p0,p1,p2,p3\n7,0,128,255,3\n1,9,10,99,100\n2,0,0,0,0\n",
    b"\xef\xbb\xbflabel,p0,p1,p2,p3\r\n7,0,128,255,3\r\n1,9,10,99,100\r\n",
    b'"id","p2","label","p0","p1"\n"a,b","1","7","2","3"\n"c\nd","4","1","5","6"\n',
    b",label,1x1,1x2,2x1,2x2\n0,5,1.0,2e0,3,2.55e+02\n1,6, 4,5 ,+6,007\n",
    b"\n\nlabel,a,b,note\n\n1,2,3,\xe9\n   \n4,5,6,x\n",
    b"label,0,1,2,3\r1,2,3,4,5\r6,7,8,9,10",
]
CELLS = [
    b"0", b"255", b"256", b"-1", b"1.5", b"1e2", b"1e400", b"1e-400", b"nan", b"NaN", b"inf", b"",
    b" ", b"\t", b"true", b"0x1", b"1_0", b"9" * 30, b"9" * 5000, b"1" * 140_000, b'"', b'""',
    b'"1"', b'"1"2', b'"a\nb"', b"\0", b"\xff", b"\xef\xbb\xbf", "\u0663".encode(), b"\r", b"\n",
    b"\r\n", b";", b",", b",,,,", b"\x1a", b"\x0b", b"=1+1", b"#", b"p0", b"p01", b"p99999999999",
    b"p" + b"1" * 5000, b"label", b"Unnamed: 0", b"'", b"1,5", b"0.1e1", b"--1", b"254.99999999999",
]  # fmt: skip


class FaultError(Exception):
    """Something came out that should not."""


def random_bytes(rng: random.Random, data: bytes) -> bytes:
    """Bytes changed, put in, taken out, repeated or cut, one to eight times."""
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        at = rng.randrange(len(changed) + 1)
        length = rng.choice([1, 1, 2, 4, 8, rng.randrange(200)])
        kind = rng.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at : at + length] = rng.randbytes(length)
        elif kind == 2:
            changed[at:at] = rng.randbytes(length)
        elif kind == 3:
            del changed[at : at + length]
        elif kind == 4:
            start = rng.randrange(len(changed) + 1)
            changed[at:at] = changed[start : start + length]
        elif kind == 5 and rng.random() < 0.3:
            del changed[at:]
    return bytes(changed)


# Model files


def places(part, at=()):
    for key in part if isinstance(part, dict) else range(len(part)):
        yield (*at, key)
        if isinstance(part[key], dict | list):
            yield from places(part[key], (*at, key))


def random_value(rng: random.Random):
    kind = rng.randrange(5)
    if kind == 0:
        return rng.choice(BAD_NUMBERS)
    if kind == 1:
        return [random_value(rng) for _ in range(rng.randrange(3))]
    if kind == 2:
        return {rng.choice(["a", "loss", "classes_"]): random_value(rng)}
    if kind == 3:
        return rng.choice(["compact", "object", "<i8", "<U99999999", "../x", "gpu:1", "\ud800"])
    return rng.randrange(-5, 1000)


def change_somewhere(rng: random.Random, content) -> None:
    """Put, take out or rename one thing anywhere in nested lists and objects."""
    at = rng.choice(list(places(content)))
    part = content
    for key in at[:-1]:
        part = part[key]
    kind = rng.randrange(4)
    if kind == 0:
        del part[at[-1]]
    elif kind == 1 and isinstance(part, dict):
        part[rng.choice(["a", "callbacks", "__class__", "dtype"])] = random_value(rng)
    elif kind == 2 and isinstance(part, list):
        part.insert(at[-1], copy.deepcopy(part[at[-1]]))
    else:
        part[at[-1]] = random_value(rng)


def random_model(rng: random.Random, whole: bytes) -> bytes:
    """A changed model file; of some the header or the arrays, and their sums are right."""
    kind = rng.randrange(4)
    if kind == 0:
        return random_bytes(rng, whole)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    header = json.loads(members[0][1])
    attributes, method = 0o600, zipfile.ZIP_STORED
    if kind == 1:
        for _ in range(rng.choice([1, 1, 2, 3])):
            change_somewhere(rng, header)
    elif kind == 2:
        number = rng.randrange(1, len(members))
        name, data = members[number]
        members[number] = name, random_bytes(rng, data)
        if rng.random() < 0.5:
            change_somewhere(rng, header["arrays"][number - 1])
        entry = header["arrays"][number - 1]
        entry["sha256"] = hashlib.sha256(members[number][1]).hexdigest()
    else:
        number = rng.randrange(len(members))
        name, data = members[number]
        other = rng.choice(["../x", "/tmp/x", "x", "", name + "/", "arrays/9.npy", "model.json"])
        change = rng.randrange(6)
        if change == 0:
            members.insert(number, (other, data))
        elif change == 1:
            members[number] = other, data
        elif change == 2:
            del members[number]
        elif change == 3:
            rng.shuffle(members)
        elif change == 4:
            attributes = rng.choice([0o120777, 0o040755, 0o020600, 0o010600, 0o100644])
        else:
            method = rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    if members and members[0][0] == "model.json" and kind < 3:
        members[0] = "model.json", json.dumps(header).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            info = zipfile.ZipInfo("x", (1980, 1, 1, 0, 0, 0))
            info.filename = info.orig_filename = name
            info.external_attr, info.compress_type = attributes << 16, method
            archive.NameToInfo.clear()  # zipfile warns of names that repeat
            archive.writestr(info, data)
    return buffer.getvalue()


def check_model(path: Path, data: bytes) -> str:
    """What reading a model file comes to."""
    try:
        model = read_model(path)
    except ValueError as error:
        check_error(path, error)
        return "refused" if "not a whole" not in str(error) else "refused for what it declares"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        header = json.loads(archive.read("model.json"))
        declared = [np.load(io.BytesIO(archive.read(n))) for n in archive.namelist()[1:]]
    weights = [array for network in model.networks for array in network.weights]
    kept = [array for array in declared if array.dtype == np.float32][: len(weights)]
    for one, other in zip(weights, kept, strict=True):
        if not np.array_equal(one, other) or not np.isfinite(one).all():
            raise FaultError("the weights are not the file's")
    first, fitted = model.networks[0], header["members"][0]["fitted"]
    if (
        first.classes.tolist() != fitted["classes_"]
        or list(first.image_shape) != fitted["image_shape_"]
        or first.temperature != fitted["temperature_"]
        or not all(np.isfinite(first.pixel_range))
    ):
        raise FaultError("the network is not the file's")
    return "read, as it was" if data == WHOLE else "read, as it declares"


# Tables


def random_table(rng: random.Random) -> tuple[bytes, str]:
    """A changed CSV, and the ending of its name."""
    data = rng.choice(TEXTS)
    kind = rng.randrange(5)
    if kind == 0:
        data = random_bytes(rng, data)
    elif kind == 1:
        cells = data.split(b",")
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(cells))
            if rng.random() < 0.3:
                at, cells = 0, [b"", *cells]
            cells[at] = rng.choice(CELLS) + rng.choice([b"", b"", b"\n", cells[at]])
        data = b",".join(cells)
    elif kind == 2:
        lines = data.splitlines(keepends=True)
        for _ in range(rng.choice([1, 1, 2])):
            at = rng.randrange(len(lines))
            if rng.random() < 0.5:
                lines.insert(at, rng.choice([*lines, b"\n", b"\r", b" \n", b",\n", b"1\n"]))
            elif len(lines) > 1:
                del lines[at]
        data = b"".join(lines)
    elif kind == 3:
        old = rng.choice([b",", b"\n", b"\r\n", b'"', b"label", b"p", b"1", b"0", b"."])
        new = rng.choice([b";", b"\t", b"\r", b"\n", b"\r\n", b"", b'"', b" ", *CELLS[:20]])
        data = data.replace(old, new, rng.choice([-1, 1, 2]))
    else:
        text = data.decode("utf-8", "replace")
        coding = rng.choice(["utf-16", "utf-16-le", "latin-1", "utf-32", "utf-8-sig", "cp037"])
        data = text.encode(coding, "replace")
    ending = rng.choice([".csv"] * 6 + [".csv.gz", ".csv.zip"])
    if ending == ".csv.gz":
        data = gzip.compress(data, 1)
    elif ending == ".csv.zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", rng.choice([0, 8, 8, 12, 14])) as archive:
            archive.writestr("a.csv", data)
        data = buffer.getvalue()
    if ending != ".csv" and rng.random() < 0.7:
        data = random_bytes(rng, data)
    return data, ending


def check_table(path: Path, data: bytes) -> str:
    """What reading a table comes to."""
    try:
        table = read_table(path)
    except ValueError as error:
        check_error(path, error)
        return "refused with a column" if "column '" in str(error) else "refused"
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (name,) = archive.namelist()
            data = archive.read(name)
    # pandas' parser loses a comma that stands behind an empty line which CR ends.
    data = re.sub(rb"\r(?!\n)", b"\n", data)
    frame = pd.read_csv(
        io.BytesIO(data), encoding_errors="replace", keep_default_na=False, low_memory=False
    )
    frame.columns = [str(name).strip() for name in frame.columns]
    wanted = frame[table.columns].apply(pd.to_numeric).to_numpy(float)
    if not np.array_equal(table.pixels, wanted):
        raise FaultError(
            f"read as {table.pixels.tolist()}, which pandas reads as {wanted.tolist()}"
        )
    return "read as pandas reads it"


# Networks


def random_network(rng: random.Random, whole: bytes) -> bytes:
    """A model file of a real network with a changed header."""
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    header = json.loads(members[0][1])
    member = header["members"][0]
    part = rng.choice([member["parameters"], member["fitted"], member["fitted"], member, header])
    part = {"x": part} if rng.random() < 0.5 else part
    change_somewhere(rng, part)
    members[0] = "model.json", json.dumps(header).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, data)
    return buffer.getvalue()


def check_network(path: Path) -> str:
    """What loading a network comes to; one that is loaded gives probabilities."""
    import digitcnn

    try:
        clf = digitcnn.load(path)
    except ValueError as error:
        check_error(path, error)
        return "refused"
    try:
        probabilities = clf.predict_proba(np.zeros((2, clf.n_features_in_), np.uint8))
    except ValueError as error:
        if "device=" in str(error) or "should lie in" in str(error):
            return "loaded, for a device or pixels that are not here"
        raise
    if not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise FaultError("what is loaded gives no probabilities")
    return "loaded, and it predicts"


def real_network() -> bytes:
    from sklearn.datasets import load_digits

    from digitcnn import DigitCNNClassifier

    X, y = load_digits(return_X_y=True)
    clf = DigitCNNClassifier("relu-dropout", epochs=1, pixel_range=(0, 16), random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        clf.fit(X[:200], y[:200]).save(Path(folder) / "m")
        return (Path(folder) / "m").read_bytes()


def check_error(path: Path, error: ValueError) -> None:
    text = str(error)
    if str(path) not in text or "\n" in text or len(text) > 2000:
        raise FaultError(f"an error that is none of ours: {text[:300]!r}") from error


# The run


UNWANTED = (
    *("os.remove", "os.rename", "os.mkdir", "os.system", "subprocess.Popen", "socket.connect"),
    "pickle.find_class",
)


class Watch:
    """Notes files that are opened, but for those in the folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.is_on = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if not self.is_on:
            return
        name = str(arguments[0]) if arguments else ""
        # What Python imports late is none of the files' doing.
        allowed = (self.folder, sys.prefix, sys.base_prefix, *sys.path[1:])
        if event == "open" and not name.startswith(allowed):
            self.seen.append(f"open {name}")
        elif event in UNWANTED:
            self.seen.append(f"{event} {name}")


def time_out(signum, frame) -> None:
    raise FaultError(f"no answer in {SECONDS_ALLOWED} s")


def look(kind: str, path: Path, data: bytes, watch: Watch) -> str:
    """Write a file, read it, and say what came out of it."""
    path.write_bytes(data)
    watch.is_on = True
    signal.alarm(SECONDS_ALLOWED)
    try:
        if kind == "networks":
            outcome = check_network(path)
        else:
            outcome = check_model(path, data) if kind == "models" else check_table(path, data)
    finally:
        signal.alarm(0)
        watch.is_on = False
        path.unlink()
    if watch.seen:
        raise FaultError(f"other files: {watch.seen}")
    return outcome


def run(kind: str, number: int, seed: int, watch: Watch) -> int:
    """So many changed files; how many faults there were."""
    rng = random.Random(f"{kind} {seed}")
    outcomes: Counter[str] = Counter()
    n_faults, slowest, start = 0, 0.0, time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    real = real_network() if kind == "networks" else b""
    for i in range(number):
        if kind == "tables":
            data, ending = random_table(rng)
        else:
            ending = ".digitcnn"
            data = random_network(rng, real) if real else random_model(rng, WHOLE)
        path = Path(watch.folder) / f"a{ending}"
        began = time.perf_counter()
        try:
            outcomes[look(kind, path, data, watch)] += 1
        except Exception as error:
            outcomes["FAULT"] += 1
            n_faults += 1
            watch.seen.clear()
            kept = Path("fuzz_failures") / f"{kind}-{seed}-{i}{ending}"
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(data)
            print(f"{kept}: {type(error).__name__}: {str(error)[:300]}", flush=True)
        slowest = max(slowest, time.perf_counter() - began)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"\n| {number:,} {kind} | number |\n|---|---|")
    for outcome, count in outcomes.most_common():
        print(f"| {outcome} | {count:,} |")
    print(
        f"\n{time.perf_counter() - start:.0f} s, the slowest {slowest:.2f} s; resident memory grew "
        f"by {grown:.0f} MB\n",
        flush=True,
    )
    return n_faults


def run_guided(kind: str, seconds: int, watch: Watch) -> None:
    """Changes that atheris makes, guided by what they reach; it ends the process."""
    import atheris

    names = (
        *("tables.files", "tables.csv_reader", "tables.columns", "tables.readers"),
        *("_utils.array_file", "serialization.schema"),
    )
    for module in (*(sys.modules[f"digitcnn.{name}"] for name in names), zipfile):
        for function in vars(module).values():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                atheris.instrument_func(function)
    corpus = tempfile.mkdtemp(prefix="fuzz_corpus_")
    starts = [WHOLE] if kind == "models" else TEXTS
    for i, data in enumerate(starts):
        (Path(corpus) / str(i)).write_bytes(data)
    path = Path(watch.folder) / ("a.digitcnn" if kind == "models" else "a.csv")
    atheris.Setup(
        [sys.argv[0], corpus, f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20"],
        lambda data: look(kind, path, data, watch),
    )
    atheris.Fuzz()


def whole_model() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_model_file(Path(folder) / "m", CONTENT, ARRAYS)
        return (Path(folder) / "m").read_bytes()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["models", "networks", "tables"])
    parser.add_argument("--atheris", type=int, metavar="SECONDS")
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, time_out)
    kinds = [options.only] if options.only else ["models", "tables", "networks"]
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(folder)
        with contextlib.suppress(FaultError):  # pandas counts the cores, once
            look("tables", Path(folder) / "a.csv", TEXTS[0], watch)
        watch.seen.clear()
        if options.atheris:
            run_guided(kinds[0], options.atheris, watch)
        print_header("numpy", "pandas", "scikit-learn", "keras")
        n_faults = 0
        for kind in kinds:
            number = options.number // 50 if kind == "networks" else options.number
            n_faults += run(kind, number, options.seed, watch)
        return int(n_faults > 0)


WHOLE = whole_model()

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())

"""What the fuzzers share: thousands of changed files, each of which has to be read or refused."""

import argparse
import multiprocessing
import re
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable

import numpy as np
from _report import print_header, print_table

Reader = Callable[[np.random.Generator], tuple[str, str]]

_MOST_SECONDS, _MOST_MEGABYTES = 30.0, 1500.0
_ODD_NUMBERS = [b"0", b"-1", b"1", b"65535", b"65536", b"2147483647", b"-2147483648", b"4294967295"]
_ODD_NUMBERS += [b"99999999999999999999", b"0.0000001", b"1000000"]


def changed(rng: np.random.Generator, data: bytes, other: bytes) -> bytes:
    """A file with one to eight changes."""
    new = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        # Headers stand at the start, and indices at the end.
        where = rng.random()
        at = int(len(new) * (where**3 if rng.random() < 0.5 else 1 - where**3 / 2))
        length = int(rng.choice([1, 2, 4, 8, rng.integers(1, 200)]))
        how = rng.integers(8)
        if how == 0 and at < len(new):
            new[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            new[at : at + length] = rng.bytes(length)
        elif how == 2:
            new[at:at] = rng.bytes(length)
        elif how == 3:
            del new[at : at + length]
        elif how == 4:
            start = int(rng.integers(len(new) + 1))
            new[at:at] = new[start : start + length]
        elif how == 5 and rng.random() < 0.3:
            del new[at:]
        elif how == 6:
            start = int(rng.integers(len(other) + 1))
            new[at : at + length] = other[start : start + length]
        elif how == 7:
            numbers = list(re.finditer(rb"\d+", new[:4000] + new[-600:]))
            if numbers:
                one = numbers[rng.integers(len(numbers))]
                odd = _ODD_NUMBERS[rng.integers(len(_ODD_NUMBERS))]
                new = bytearray(new.replace(one[0], odd, 1))
    return bytes(new)


def check_refusal(error: Exception) -> None:
    """Fail unless an error is a declared one: of one line, raised by a check of the package's."""
    from digitcnn._utils.refusals import is_refusal

    message = str(error)
    if not message or "\n" in message or len(message) >= 1000:
        raise AssertionError(f"not one line: {message!r}") from error
    # A bug of the package's may raise these too, but not by a `raise` of the package's.
    if not is_refusal(error):
        raise AssertionError(f"not refused by a check: {message!r}") from error


def _work(make: Callable[[], Reader], first: int, stop: int, seed: int, shared, results) -> None:
    """Read a range of numbers in a process of its own, which may die."""
    from digitcnn.tables.image_files import without_warnings_of_pillow

    read_one = make()
    counts: Counter = Counter()
    slowest = (0.0, -1)
    with without_warnings_of_pillow():
        for number in range(first, stop):
            shared.value = number
            start = time.process_time()
            try:
                counts[read_one(np.random.default_rng([seed, number]))] += 1
            except Exception:
                results.put(("failed", number, traceback.format_exc()))
            slowest = max(slowest, (time.process_time() - start, number))
            if number % 500 == 499:
                print(f"{number + 1:,}", file=sys.stderr, flush=True)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    results.put(("done", counts, slowest, megabytes))


def run(description: str, make: Callable[[], Reader], *packages: str) -> int:
    """Read files as the command line says, print the outcomes, and return the exit status.

    Parameters
    ----------
    description : str
    make : callable
        Without arguments; gives what makes and reads one file with a generator of random numbers,
        and returns the file's kind and the outcome. Whatever that raises is a failure.
    *packages : str
        Whose versions are printed.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the number of one file")
    options = parser.parse_args()
    first, last = (0, options.files) if options.only is None else (options.only, options.only + 1)
    context = multiprocessing.get_context("spawn")
    counts: Counter = Counter()
    slowest, megabytes, failures = (0.0, -1), 0.0, []
    while first < last:
        shared, results = context.Value("q", first - 1), context.SimpleQueue()
        process = context.Process(
            target=_work, args=(make, first, last, options.seed, shared, results)
        )
        process.start()
        is_done = False
        while not is_done and (process.is_alive() or not results.empty()):
            if results.empty():
                time.sleep(0.1)
                continue
            what, *rest = results.get()
            if what == "failed":
                failures.append(f"{rest[0]}: {rest[1]}")
                print(f"\n{failures[-1]}", file=sys.stderr, flush=True)
                continue
            counts += rest[0]
            slowest, megabytes = max(slowest, rest[1]), max(megabytes, rest[2])
            is_done = True
        process.join()
        if not is_done:
            failures.append(f"{shared.value}: the process died with {process.exitcode}")
            if shared.value < first:  # before the first file
                break
        first = last if is_done else shared.value + 1
    if slowest[0] > _MOST_SECONDS:
        failures.append(f"{slowest[1]}: took {slowest[0]:.0f} s")
    if megabytes > _MOST_MEGABYTES:
        failures.append(f"{megabytes:,.0f} MB of memory")
    print_header(*packages)
    kinds, outcomes = (sorted({one[i] for one in counts}) for i in (0, 1))
    rows = [[kind, *(counts[kind, outcome] for outcome in outcomes)] for kind in kinds]
    print_table(["kind", *outcomes], rows)
    print(
        f"\nslowest: {slowest[0]:.2f} s of the processor's time (number {slowest[1]}); most "
        f"memory: {megabytes:,.0f} MB; failures: {len(failures)}"
    )
    for failure in failures:
        print(f"\n{failure}")
    return 1 if failures else 0

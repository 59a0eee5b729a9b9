"""What every benchmark prints: the machine, the versions, a Markdown table."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def processor() -> str:
    """The processor's name and its units, where Linux reports them.

    Besides oneDNN, where it is asked for, and how many of the machine's cores this process has,
    where these are not all.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    flags = set(fields.get("flags", "").split())
    units = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if flag in flags]
    if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1":
        units.append("oneDNN")
    own_cores, cores = len(os.sched_getaffinity(0)), os.cpu_count()
    if own_cores != cores:
        units.append(f"{own_cores} of {cores} cores")
    return f"{fields.get('model name', platform.machine())} ({', '.join(units) or 'no vectors'})"


def resident_megabytes() -> float:
    """Memory that this process holds now, in millions of bytes. Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def own_megabytes(process: int | str = "self") -> float:
    """Memory that a process shares with nobody now, in millions of bytes. Linux only.

    Of a process that has ended and was not yet waited for, 0.
    """
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    found = (line for line in lines if line.startswith("RssAnon"))
    return next((int(line.split()[1]) / 1e3 for line in found), 0.0)


def print_header(*packages: str) -> None:
    """One line of the machine and the versions."""
    found = []
    for name in ("digitcnn", *packages):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    python = platform.python_version()
    print(f"{os.cpu_count()} cores, {processor()}; Python {python}, {', '.join(found)}\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def read_results(path: Path) -> list[dict]:
    """The lines that `add_result` wrote; none if there is no such file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def add_result(path: Path, result: dict) -> None:
    """Add a line to a table that is made in pieces."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def in_turn(
    calls: dict[str, Callable[[], object]], repeats: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Seconds of each call, called in turn, so that a machine's drift affects all equally."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for round_number in range(-warm_up, repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if round_number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, to: str) -> float:
    """The median of the ratios, pair by pair."""
    pairs = zip(seconds[name], seconds[to], strict=True)
    return statistics.median(one / other for one, other in pairs)

"""The time of the imports and of the command's help, each in a fresh process.

python benchmarks/start_up.py
"""

import statistics
import subprocess
import sys

from _report import in_turn, print_header, print_table

CALLS = {
    "python -c pass": ["-c", "pass"],
    "import digitcnn": ["-c", "import digitcnn"],
    "from digitcnn import DigitCSVTransformer": ["-c", "from digitcnn import DigitCSVTransformer"],
    "from digitcnn import DigitCNNClassifier": ["-c", "from digitcnn import DigitCNNClassifier"],
    "digitcnn --help": ["-m", "digitcnn", "--help"],
    "import keras": ["-c", "import keras"],
}


def main() -> None:
    def call(arguments):
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    print_header("keras", "tensorflow", "scikit-learn")
    seconds = in_turn({name: call(arguments) for name, arguments in CALLS.items()}, repeats=5)
    rows = [
        [f"`{name}`", f"{statistics.median(times):.2f}", f"{min(times):.2f}"]
        for name, times in seconds.items()
    ]
    print_table(["process", "median s", "least s"], rows)


if __name__ == "__main__":
    main()

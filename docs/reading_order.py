"""The order of the examples in the gallery."""

from pathlib import Path

ORDER = [
    "plain_estimator",
    "csv_pipeline",
    "cross_validation",
    "grid_search",
    "search_space",
    "dask_cluster",
    "confidence",
    "ensemble",
    "own_handwriting",
    "label_errors",
    "inspection",
    "corruptions",
    "read_numbers",
    "scanned_sheet",
    "own_network",
    "notebook_elu",
    "notebook_relu",
]


class ReadingOrder:
    """The key that sphinx-gallery sorts the files of `examples/` by."""

    def __init__(self, folder: str) -> None:
        pass

    def __call__(self, filename: str) -> int:
        return ORDER.index(Path(filename).stem)

    def __repr__(self) -> str:
        return "ReadingOrder"

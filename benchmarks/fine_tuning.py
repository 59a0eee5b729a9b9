"""What the model in the package learns from few digits of a new source, and what it forgets.

    python benchmarks/fine_tuning.py [--per-class 20] [--seeds 3] [--model MODEL]

`load_mnist` finds MNIST. The sources look different from MNIST's digits: scikit-learn's digits
enlarged without `DigitNormalizer`, and MNIST's test digits slanted, thickened, thinned, or as 16x16
pixels without margin. Some digits of each class are trained on, all others are scored. The test
digits that no source is made from measure what is forgotten. `init=MODEL` is compared with a plain
warm start of the same epochs, batches and rate.
"""

import argparse
import statistics

import numpy as np
from _report import print_header, print_table
from scipy import ndimage
from sklearn.datasets import load_digits

import digitcnn
from digitcnn import DigitCNNClassifier

N_OF_A_SOURCE = 2000


def slanted(picture: np.ndarray) -> np.ndarray:
    slope = np.tan(np.radians(35))
    matrix, offset = [[1, 0], [slope, 1]], [0, -slope * 13.5]
    return ndimage.affine_transform(picture.astype(float), matrix, offset, order=1)


def thickened(picture: np.ndarray) -> np.ndarray:
    return ndimage.grey_dilation(picture, (4, 4))


def thinned(picture: np.ndarray) -> np.ndarray:
    return ndimage.grey_erosion(ndimage.zoom(picture, 2, order=1), (4, 4))[::2, ::2]


def without_margin(picture: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(picture > 64)
    cropped = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(float)
    small = ndimage.zoom(cropped, [16 / n for n in cropped.shape], order=1)
    return np.clip(ndimage.zoom(255.0 * (small > 128), 28 / 16, order=1), 0, 255)


def make_sources(X: np.ndarray, y: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    sample = load_digits()
    enlarged = [ndimage.zoom(one * (255 / 16), 3.5, order=1) for one in sample.images]
    sources = {"sample, enlarged": (enlarged, sample.target)}
    for i, change in enumerate((slanted, thickened, thinned, without_margin)):
        part = slice(i * N_OF_A_SOURCE // 2, (i + 1) * N_OF_A_SOURCE // 2)
        pictures = [change(one) for one in X[part].reshape(-1, 28, 28)]
        sources[change.__name__.replace("_", " ")] = pictures, y[part]
    return {
        name: (np.clip(np.rint(pictures), 0, 255).astype(np.uint8).reshape(len(labels), -1), labels)
        for name, (pictures, labels) in sources.items()
    }


def choose_rows(y: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[:per_class] for c in range(10)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-class", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", default="pretrained")
    options = parser.parse_args()

    def load():
        if options.model == "pretrained":
            return digitcnn.load_pretrained()
        return DigitCNNClassifier.load(options.model)

    X_mnist, y_mnist = digitcnn.datasets.load_mnist(split="test")
    sources = make_sources(X_mnist[:5000], y_mnist[:5000])
    kept = X_mnist[5000:], y_mnist[5000:]
    before = load()
    mnist_before = before.score(*kept)
    print_header("keras", "tensorflow")
    print(f"\n{options.per_class} digits of each class; MNIST before: {mnist_before:.2%}\n")
    rows = []
    for name, (X, y) in sources.items():
        start = before.score(X, y)
        figures = []
        for seed in range(options.seeds):
            learned = choose_rows(y, options.per_class, seed)
            rest = np.setdiff1d(np.arange(len(y)), learned)
            near = DigitCNNClassifier(init=options.model, pixel_range=(0, 255), random_state=seed)
            near.fit(X[learned], y[learned])
            settings = {"epochs": near.n_iter_, "batch_size": "auto", "random_state": seed}
            rate = max(near.history_["learning_rate"])
            far = load().set_params(warm_start=True, learning_rate=rate, **settings)
            far.fit(X[learned], y[learned])
            figures.append(
                [clf.score(*part) for clf in (near, far) for part in ((X[rest], y[rest]), kept)]
            )
        near_new, near_old, far_new, far_old = (
            statistics.mean(one) for one in zip(*figures, strict=True)
        )
        gone = (near_new - start) / (1 - start)
        rows.append(
            [
                name,
                f"{start:.2%}",
                f"{near_new:.2%}",
                f"{gone:.0%}",
                f"{100 * (near_old - mnist_before):+.2f}",
                f"{far_new:.2%}",
                f"{100 * (far_old - mnist_before):+.2f}",
            ]
        )
        print(rows[-1], flush=True)
    titles = ["source", "before", "init", "errors gone", "MNIST", "warm start", "MNIST"]
    print_table(titles, rows)


if __name__ == "__main__":
    main()

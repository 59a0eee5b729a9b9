"""Train the string recogniser in the wheel.

    python benchmarks/pretrained/train_strings.py FOLDER --out strings.onnx [--epochs 4]
        [--start OLDER.onnx [--average]]

FOLDER is what strings.py wrote. The network is convolutions only and is trained by connectionist
temporal classification (A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal
classification: labelling unsegmented sequence data with recurrent neural networks", ICML 2006). It
is written as an ONNX graph with batch normalisation folded into its convolutions. --start goes on
from such a graph. --average writes the mean of its weights and the new ones, which keeps more of
what the older lines taught (M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR
2022).
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from digitcnn.reading.recogniser import HEIGHT, SYMBOLS

_STEP = (
    32  # Widths are padded to a multiple of that, so that lines of about one width make a batch.
)
_PIXELS = 128 * 128  # Columns of a batch.
_PEAK, _WARM_UP = 2e-3, 300
_PEAK_OF_TRAINED = 1e-3  # goes on from weights without losing what they know
# Filters and kernel of each convolution, and the pooling after it. The first one halves both sides.
LAYERS = (
    (32, (5, 5), None),
    (64, (3, 3), (2, 1)),
    (96, (3, 3), (2, 1)),
    (192, (4, 3), None),  # over all of the height
    (192, (1, 3), None),
    (192, (1, 5), None),
    (192, (1, 5), None),
)


class Lines:
    """Ragged lines of a file of strings.py."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            self.pixels, self.widths = arrays["pixels"], arrays["widths"]
            self.symbols, self.lengths = arrays["symbols"], arrays["lengths"]
            self.hands = arrays["hands"]
        self.starts = np.concatenate([[0], np.cumsum(self.widths)]) * HEIGHT
        self.first = np.concatenate([[0], np.cumsum(self.lengths)])

    def batch(self, rows: np.ndarray, left: int) -> tuple[np.ndarray, np.ndarray]:
        """Lines side by side, uint8 (n, HEIGHT, width, 1), and their widths."""
        widths = self.widths[rows] + left
        width = -(-int(widths.max()) // _STEP) * _STEP
        made = np.zeros((len(rows), width, HEIGHT), np.uint8)
        for i, row in enumerate(rows):
            line = self.pixels[self.starts[row] : self.starts[row + 1]].reshape(-1, HEIGHT)
            made[i, left : left + len(line)] = line
        return np.ascontiguousarray(made.transpose(0, 2, 1))[..., None], widths

    def texts(self, rows: np.ndarray) -> list[np.ndarray]:
        return [self.symbols[self.first[row] : self.first[row + 1]] for row in rows]

    def batches(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """All lines once, in batches of about one width, in random order."""
        order = rng.permutation(len(self.widths))
        order = order[np.argsort((self.widths[order] + 12) // _STEP, kind="stable")]
        made = []
        start = 0
        while start < len(order):
            width = -(-(int(self.widths[order[start]]) + 12) // _STEP) * _STEP
            n = max(16, _PIXELS // width)
            made.append(order[start : start + n])
            start += n
        for i in rng.permutation(len(made)):
            yield made[i]


def build() -> tuple:  # type: ignore[type-arg]
    """The network, and its convolutions with their normalisations."""
    import keras

    inputs = keras.Input((HEIGHT, None, 1))
    x = inputs
    pairs = []
    for i, (filters, kernel, pool) in enumerate(LAYERS):
        before = x
        over_all = kernel[0] == 4
        if over_all:
            x = keras.layers.ZeroPadding2D(((0, 0), (1, 1)))(x)
        conv = keras.layers.Conv2D(
            filters,
            kernel,
            strides=1 if i else 2,
            padding="valid" if over_all else "same",
            use_bias=False,
        )
        norm = keras.layers.BatchNormalization(momentum=0.98, epsilon=1e-3)
        x = norm(conv(x))
        pairs.append((conv, norm))
        if before.shape[-1] == filters and kernel[0] == 1:
            x = keras.layers.Add()([x, before])
        x = keras.layers.Activation("relu")(x)
        if pool:
            x = keras.layers.MaxPooling2D(pool)(x)
        if i >= 3:
            x = keras.layers.SpatialDropout2D(0.05)(x)
    last = keras.layers.Conv2D(len(SYMBOLS) + 1, 1, dtype="float32")
    x = last(x)
    x = keras.layers.Reshape((-1, len(SYMBOLS) + 1), dtype="float32")(x)
    return keras.Model(inputs, x), pairs, last


def start_from(older: object, model: object, pairs: list, last: object, lines: np.ndarray) -> None:  # type: ignore[type-arg]
    """Give the network the weights of a graph that `to_onnx` wrote.

    The graph has no normalisations left. They get the means and variances of these lines, and the
    factors and offsets that undo them, so that training goes on where it ended.
    """
    import keras
    from onnx import numpy_helper

    values = {one.name: numpy_helper.to_array(one) for one in older.graph.initializer}  # type: ignore[attr-defined]
    for i, (conv, norm) in enumerate(pairs):
        conv.set_weights([values[f"w{i}"].transpose(2, 3, 1, 0)])
        ones = np.ones_like(values[f"b{i}"])
        norm.set_weights([ones, values[f"b{i}"], 0 * ones, ones - norm.epsilon])
    kernels, bias = values["w"].transpose(2, 3, 1, 0), values["b"]
    last.set_weights([np.roll(one, -1, axis=-1) for one in (kernels, bias)])  # type: ignore[attr-defined]
    before = keras.Model(model.input, [conv.output for conv, _ in pairs])  # type: ignore[attr-defined]
    outputs = before(lines.astype(np.float32) / 255, training=False)
    for (_, norm), output in zip(pairs, outputs, strict=True):
        one = np.asarray(keras.ops.cast(output, "float32"))
        mean, variance = one.mean(axis=(0, 1, 2)), one.var(axis=(0, 1, 2))
        beta = norm.get_weights()[1]
        norm.set_weights([np.sqrt(variance + norm.epsilon), beta + mean, mean, variance])


def to_onnx(pairs: list, last: object) -> object:  # type: ignore[type-arg]
    """The network as an ONNX graph: uint8 lines to logarithms of probabilities, blank first."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []

    def constant(name: str, value: np.ndarray) -> str:
        weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    nodes += [
        helper.make_node("Cast", ["lines"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", constant("scale", np.float32(1 / 255))], ["grey"]),
        helper.make_node("Unsqueeze", ["grey", constant("axis", np.array([1]))], ["x0"]),
    ]
    x, channels = "x0", 1
    for i, ((conv, norm), (filters, kernel, pool)) in enumerate(zip(pairs, LAYERS, strict=True)):
        gamma, beta, mean, variance = norm.get_weights()
        factor = gamma / np.sqrt(variance + norm.epsilon)
        kernels = (conv.get_weights()[0] * factor).transpose(3, 2, 0, 1)
        before = x
        rows = 0 if kernel[0] == 4 else kernel[0] // 2
        pads = [rows, kernel[1] // 2] * 2
        names = [constant(f"w{i}", kernels), constant(f"b{i}", beta - mean * factor)]
        how = {"pads": pads} if i else {"strides": [2, 2], "auto_pad": "SAME_UPPER"}
        nodes.append(helper.make_node("Conv", [x, *names], [f"c{i}"], **how))
        x = f"c{i}"
        if channels == filters and kernel[0] == 1:
            nodes.append(helper.make_node("Add", [x, before], [f"a{i}"]))
            x = f"a{i}"
        nodes.append(helper.make_node("Relu", [x], [f"r{i}"]))
        x, channels = f"r{i}", filters
        if pool:
            nodes.append(
                helper.make_node("MaxPool", [x], [f"p{i}"], kernel_shape=pool, strides=pool)
            )
            x = f"p{i}"
    kernels, bias = last.get_weights()  # type: ignore[attr-defined]
    kernels, bias = (np.roll(one, 1, axis=-1) for one in (kernels, bias))
    names = [constant("w", kernels.transpose(3, 2, 0, 1)), constant("b", bias)]
    nodes += [
        helper.make_node("Conv", [x, *names], ["all"]),
        helper.make_node("Squeeze", ["all", constant("height", np.array([2]))], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["steps"], perm=[0, 2, 1]),
        helper.make_node("LogSoftmax", ["steps"], ["log_probabilities"], axis=-1),
    ]
    lines = helper.make_tensor_value_info("lines", TensorProto.UINT8, ["n", HEIGHT, "width"])
    out = helper.make_tensor_value_info(
        "log_probabilities", TensorProto.FLOAT, ["n", "steps", len(SYMBOLS) + 1]
    )
    graph = helper.make_graph(nodes, "strings", [lines], [out], weights)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def average(model: object, older: object) -> None:
    """Replace the weights of a graph by their mean with those of an older one."""
    from onnx import numpy_helper

    weights = {one.name: numpy_helper.to_array(one) for one in older.graph.initializer}  # type: ignore[attr-defined]
    for one in model.graph.initializer:  # type: ignore[attr-defined]
        mine = numpy_helper.to_array(one)
        mean = ((mine + weights[one.name]) / 2).astype(mine.dtype)
        one.CopyFrom(numpy_helper.from_array(mean, one.name))


def greedy(logits: np.ndarray, steps: int) -> list[int]:
    """The symbols of the best path; the blank is the last class."""
    best = logits[:steps].argmax(axis=-1)
    kept = np.append(True, best[1:] != best[:-1]) & (best != len(SYMBOLS))
    return [int(one) + 1 for one in best[kept]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, default=None)
    parser.add_argument("--average", action="store_true")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", type=int, default=None)
    options = parser.parse_args()
    if options.average and not options.start:
        parser.error("--average needs --start")

    import keras
    import onnx
    import tensorflow as tf

    keras.utils.set_random_seed(options.seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    train, held_out = (Lines(options.folder / f"strings_{n}.npz") for n in ("train", "held_out"))
    if options.rows:
        train.widths, train.lengths = train.widths[: options.rows], train.lengths[: options.rows]
    rng = np.random.default_rng(options.seed)
    model, pairs, last = build()
    print(f"{len(train.widths):,} lines, {model.count_params():,} parameters", flush=True)
    peak = _PEAK
    if options.start:
        peak = _PEAK_OF_TRAINED
        some = np.sort(rng.choice(len(train.widths), 600, replace=False))
        older = onnx.load(options.start)
        start_from(older, model, pairs, last, train.batch(some, 0)[0])
    total = options.epochs * sum(1 for _ in train.batches(np.random.default_rng(0)))
    optimizer = keras.optimizers.AdamW(peak, weight_decay=1e-3, global_clipnorm=5.0)
    optimizer.build(model.trainable_variables)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, HEIGHT, None, 1), tf.uint8),
            tf.TensorSpec((None,), tf.int32),
            tf.SparseTensorSpec((None, None), tf.int32),
            tf.TensorSpec((None,), tf.bool),
            tf.TensorSpec((), tf.float32),
        ]
    )
    def step(lines, steps, labels, is_empty, rate):  # type: ignore[no-untyped-def]
        optimizer.learning_rate.assign(rate)
        x = tf.cast(lines, tf.float32) / 255
        n = tf.shape(x)[0]
        # Ink that is fainter or stronger, and grain.
        power = tf.exp(tf.random.normal((n, 1, 1, 1), 0.0, 0.25))
        x = tf.pow(x, power) + tf.random.normal(tf.shape(x)) * tf.random.uniform(
            (n, 1, 1, 1), 0.0, 0.06
        )
        with tf.GradientTape() as tape:
            logits = model(tf.clip_by_value(x, 0.0, 1.0), training=True)
            losses = tf.compat.v1.nn.ctc_loss(
                labels, logits, steps, ignore_longer_outputs_than_inputs=True, time_major=False
            )
            # Of empty lines every step is blank.
            blank = -tf.nn.log_softmax(logits)[..., -1]
            is_inside = tf.sequence_mask(steps, tf.shape(logits)[1], tf.float32)
            blank = tf.reduce_sum(blank * is_inside, axis=1)
            loss = tf.reduce_mean(tf.where(is_empty, blank, losses))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    @tf.function(input_signature=[tf.TensorSpec((None, HEIGHT, None, 1), tf.uint8)])
    def answer(lines):  # type: ignore[no-untyped-def]
        return model(tf.cast(lines, tf.float32) / 255, training=False)

    def evaluate(n: int) -> str:
        right: dict[str, list[bool]] = {}
        for start in range(0, n, 100):
            rows = np.arange(start, min(start + 100, n))
            lines, widths = held_out.batch(rows, 0)
            logits = answer(lines).numpy()
            texts = held_out.texts(rows)
            for row, one, width, text in zip(rows, logits, widths, texts, strict=True):
                is_right = greedy(one, -(-int(width) // 2)) == text.tolist()
                right.setdefault(str(held_out.hands[row]), []).append(is_right)
        every = [one for part in right.values() for one in part]
        parts = ", ".join(f"{name} {np.mean(part):.3f}" for name, part in right.items())
        return f"{np.mean(every):.4f} of held-out lines ({parts})"

    if options.start:
        print(f"at the start: {evaluate(2_000)}", flush=True)
    start, done = time.perf_counter(), 0
    for epoch in range(options.epochs):
        losses = []
        for rows in train.batches(rng):
            lines, widths = train.batch(rows, int(rng.integers(0, 12)))
            texts = train.texts(rows)
            is_empty = np.array([len(text) == 0 for text in texts])
            texts = [text if len(text) else np.ones(1, np.uint8) for text in texts]
            places = np.array([(i, k) for i, text in enumerate(texts) for k in range(len(text))])
            labels = tf.SparseTensor(
                places.reshape(-1, 2),
                np.concatenate(texts).astype(np.int32) - 1,
                (len(rows), max(1, *map(len, texts))),
            )
            part = done / total
            rate = peak * min(1.0, (done + 1) / _WARM_UP) * 0.5 * (1 + np.cos(np.pi * part))
            steps = (-(-widths // 2)).astype(np.int32)
            losses.append(step(lines, steps, labels, is_empty, np.float32(rate)))
            done += 1
            if done % 200 == 0:
                mean = float(np.mean([float(one) for one in losses[-200:]]))
                seconds = time.perf_counter() - start
                print(f"{done}/{total} {mean:.3f} {seconds:.0f} s", flush=True)
        print(f"epoch {epoch + 1}: {evaluate(2_000)}", flush=True)
        written = to_onnx(pairs, last)
        if options.average:
            average(written, older)
        onnx.save(written, options.out)
    print(f"all: {evaluate(len(held_out.widths))}")


if __name__ == "__main__":
    main()

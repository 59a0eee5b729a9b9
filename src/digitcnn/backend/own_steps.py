"""The steps of a user's own model, as Keras runs them."""

from typing import Any

import keras
import numpy as np

from digitcnn.backend.steps import KerasSteps


class OwnModelSteps(KerasSteps):
    """Run a user's model as `keras.Model.fit`, `evaluate` and `predict` do.

    Overridden methods ``call``, ``compute_loss``, ``compute_metrics``, ``train_step``,
    ``test_step`` and ``predict_step`` take effect. With TensorFlow each step is compiled once, for
    batches of any size.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    n_devices : int, default=1
        As in `KerasSteps`.
    is_logits : bool, default=False
        Whether the model returns logits.
    """

    def __init__(self, model: keras.Model, n_devices: int = 1, is_logits: bool = False) -> None:
        super().__init__(model, n_devices)
        self.is_logits = is_logits
        overrides = (
            getattr(type(model), name) is not getattr(keras.Model, name)
            for name in ("make_train_function", "make_test_function", "make_predict_function")
        )
        self._is_compiled_here = keras.backend.backend() == "tensorflow" and not any(overrides)
        self._functions: dict[tuple[str, int, bool], Any] = {}
        self._kerass_function: Any = None
        # An own `predict_step` may return probabilities although the model returns logits, or vice
        # versa.
        self._has_own_answers = type(model).predict_step is not keras.Model.predict_step

    def train(
        self, images: np.ndarray, y_encoded: np.ndarray, weights: np.ndarray | None
    ) -> dict[str, float]:
        """As in `KerasSteps`."""
        if not self._is_compiled_here:
            return super().train(images, y_encoded, weights)
        figures = self._run("train", images, y_encoded, *([] if weights is None else [weights]))
        return {name: value * len(images) for name, value in figures.items()}

    def evaluate(
        self, images: np.ndarray, y_encoded: np.ndarray, label_smoothing: float
    ) -> dict[str, float]:
        """As in `KerasSteps`, by the model's own ``test_step``."""
        if self._is_compiled_here:
            figures = self._run("test", images, y_encoded)
        else:
            rows = self._rows(len(images))
            logs = self.model.test_on_batch(images[rows], y_encoded[rows], return_dict=True)
            figures = self._figures(logs, "test_step")
        if "accuracy" not in figures:
            figures["accuracy"] = float(np.mean(self.predict(images).argmax(axis=1) == y_encoded))
        return {name: value * len(images) for name, value in figures.items()}

    def predict(self, images: np.ndarray) -> np.ndarray:
        """As in `KerasSteps`."""
        answers: np.ndarray
        if self._is_compiled_here:
            with self._lock:
                answers = self._one_output(self._function("predict", images)(images)).numpy()
        else:
            answers = super().predict(images)
        answers = answers.astype(np.float32, copy=False)
        is_logits = self.is_logits
        if self._has_own_answers:
            is_logits = self._are_logits(answers, len(images))
        if is_logits:
            answers = np.exp(answers - answers.max(axis=1, keepdims=True), dtype=np.float64)
            answers = (answers / answers.sum(axis=1, keepdims=True)).astype(np.float32)
        return answers

    def _are_logits(self, answers: np.ndarray, n: int) -> bool:
        """Whether the outputs of the model's own `predict_step` are logits."""
        is_table = answers.ndim == 2 and len(answers) == n
        if is_table and (answers >= 0).all() and np.allclose(answers.sum(axis=1), 1.0, atol=0.02):
            return False
        if is_table and (self.is_logits or not np.isfinite(answers).all()):
            return self.is_logits
        raise ValueError(
            f"expected predict_step of {type(self.model).__name__} to return probabilities of "
            f"shape ({n}, n_classes), got numbers from {answers.min():g} to {answers.max():g} of "
            f"shape {answers.shape}"
        )

    def _run(self, step: str, *batch: np.ndarray) -> dict[str, float]:
        # Otherwise the figures would be means over all batches so far.
        self.model.reset_metrics()
        return self._figures(self._function(step, *batch)(*batch), f"{step}_step")

    def _function(self, step: str, *batch: np.ndarray) -> Any:
        """A step of the model as a compiled function of a batch.

        Keras would compile another one for the last, smaller batch.
        """
        import tensorflow as tf

        model = self.model
        # If a user compiles the model again, Keras drops its function, and this one must go too.
        model.make_train_function()
        if model.train_function is not self._kerass_function:
            self._kerass_function = model.train_function
            self._functions.clear()
        is_eager = model.run_eagerly or tf.config.functions_run_eagerly()
        key = step, len(batch), is_eager
        if key not in self._functions:

            def run(*data: Any) -> Any:
                return getattr(model, f"{step}_step")(data if len(data) > 1 else data[0])

            if is_eager:
                self._functions[key] = lambda *arrays: run(*map(tf.constant, arrays))
            else:
                compiled = tf.function(run, autograph=False, jit_compile=model.jit_compile)
                # A concrete function: TensorFlow would treat the networks of a search as repeated
                # traces of one function, and warn.
                traced = compiled.get_concrete_function(
                    *(tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in batch)
                )
                self._functions[key] = lambda *arrays: traced(*map(tf.constant, arrays))
        return self._functions[key]

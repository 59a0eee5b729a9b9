"""Predictions of a network by ONNX Runtime, on the CPU, without Keras."""

from typing import Any

import numpy as np

from digitcnn.inference.graph import FittedNetwork, build_graph
from digitcnn.inference.runtime import import_onnx_runtime


class NetworkSession:
    """Computes a network's probabilities with ONNX Runtime, in float32.

    It starts no threads of its own, so it survives a fork. Any number of threads may call it at the
    same time.

    Parameters
    ----------
    network : FittedNetwork
        A network for pixels that are already scaled.
    n_outputs : int
    """

    def __init__(self, network: FittedNetwork, n_outputs: int) -> None:
        self._network = network
        self._n_outputs = n_outputs
        self._session: Any = None

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Probabilities of shape (n, n_outputs), float32.

        Parameters
        ----------
        images : ndarray of shape (n, height, width, channels), float32
        """
        if self._session is None:
            # Several threads may each create a session at the same time; the last one is kept.
            self._session = self._make()
        answers: np.ndarray = self._session.run(["probabilities"], {"images": images})[0]
        return answers

    def _make(self) -> Any:
        onnxruntime = import_onnx_runtime()
        graph = build_graph([self._network], np.arange(self._n_outputs))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

"""A network's plan and weights as arrays, with prediction without Keras."""

import sys
from typing import Any, cast

import numpy as np

from digitcnn.architectures import get_layers, weight_shapes
from digitcnn.inference.graph import FittedNetwork
from digitcnn.inference.session import NetworkSession
from digitcnn.training.network_plan import NetworkPlan

# Devices on which a network may predict without Keras.
_ON_PROCESSOR = ("auto", "cpu")


class NetworkState:
    """A network's plan and state.

    The state is set by `keep`, for a network that was trained or unpickled, or consists of the
    weights of `set_weights`, from a model file.

    Parameters
    ----------
    plan : NetworkPlan
        How the network is built, compiled and regularised, and where it computes.
    """

    _state: list[np.ndarray]
    _weights: list[np.ndarray]
    _session: NetworkSession
    _network: Any
    _state_key: object

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan: NetworkPlan = plan

    @property
    def is_trained(self) -> bool:
        """Whether there is a state."""
        return "_state" in vars(self) or "_weights" in vars(self)

    def keep(self, state: list[np.ndarray]) -> None:
        """Set the state, as `StoredNetwork.get_state` returns it."""
        self._state = state
        for name in ("_weights", "_session"):
            self.__dict__.pop(name, None)

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Set the weights.

        The session or network for prediction is made when first needed, so a model can be loaded
        before a process forks and used after it.
        """
        # They contain the old weights.
        for name in ("_network", "_session", "_state_key", "_state"):
            self.__dict__.pop(name, None)
        self._weights = weights

    def replace_weights(self, weights: list[np.ndarray]) -> None:
        """Replace the weights of a trained network, and keep the rest of its state.

        Parameters
        ----------
        weights : list of ndarray of float32
            In Keras's order.
        """
        if "_network" in vars(self):
            self._network.model.set_weights(weights)
            return
        state = list(self._state)
        # The state begins with the weights; arrays of other types than float32 are dropout's seeds.
        places = (i for i, array in enumerate(state) if array.dtype == np.float32)
        for place, array in zip(places, weights, strict=False):
            state[place] = array
        self.keep(state)
        self._state_key = object()  # compiled networks contain the old weights

    def kept_weights(self) -> list[np.ndarray] | None:
        """The weights in Keras's order; None if only a Keras model knows them."""
        if "_weights" in vars(self):
            return list(self._weights)
        if "_state" not in vars(self) or self.plan.is_own:
            return None
        plan = self.plan
        architecture = cast("str", plan.architecture)
        n_weights = len(weight_shapes(architecture, plan.image_shape, plan.n_classes))
        # The state begins with them; arrays of other types than float32 are dropout's seeds.
        return [array for array in self._state if array.dtype == np.float32][:n_weights]

    @property
    def session(self) -> NetworkSession | None:
        """What answers without Keras, in float32; None where Keras is to answer.

        Keras predicts for a user's own network, on devices other than the CPU, after access to the
        Keras model, and after a training. For an unpickled network, Keras predicts if it is
        imported already at the first prediction.
        """
        if "_session" in vars(self):
            return self._session
        is_from_file = "_weights" in vars(self)
        is_without_keras = "_state" in vars(self) and "keras" not in sys.modules
        if (
            "_network" in vars(self)
            or not (is_from_file or is_without_keras)
            or self.plan.is_own
            or self.plan.device not in _ON_PROCESSOR
        ):
            return None
        # Threads that come here at the same time get the same object.
        session: NetworkSession = self.__dict__.setdefault("_session", self._make_session())
        return session

    def _make_session(self) -> NetworkSession:
        plan = self.plan
        layers = get_layers(cast("str", plan.architecture), plan.image_shape, plan.n_classes)
        weights = self.kept_weights()
        assert weights is not None
        # The pixels are scaled already.
        network = FittedNetwork(layers, weights, plan.image_shape, pixel_range=(0.0, 1.0))
        return NetworkSession(network, plan.n_classes)

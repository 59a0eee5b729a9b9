"""A network's plan and what it has learned, as arrays, which may answer without Keras."""

import sys
from typing import Any, cast

import numpy as np

from digitcnn.architectures import get_layers, weight_shapes
from digitcnn.inference.graph import FittedNetwork
from digitcnn.inference.session import NetworkSession
from digitcnn.training.network_plan import NetworkPlan

# Where a network may answer without Keras. Elsewhere it is Keras that finds the device.
_ON_PROCESSOR = ("auto", "cpu")


class NetworkState:
    """A network's plan and state.

    The state is what `keep` was given, of a network that was trained here or pickled, or the
    weights of `set_weights` alone, from a model file.

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
        self.plan = plan

    @property
    def is_trained(self) -> bool:
        """Whether there is a state to go on from."""
        return "_state" in vars(self) or "_weights" in vars(self)

    def keep(self, state: list[np.ndarray]) -> None:
        """Have this state, which `StoredNetwork.get_state` gave."""
        self._state = state
        for name in ("_weights", "_session"):
            self.__dict__.pop(name, None)

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Have the network answer with these weights.

        What answers is made when it is first needed. So a model can be loaded before a process
        forks, and asked after it.
        """
        # They hold the weights of before.
        for name in ("_network", "_session", "_state_key", "_state"):
            self.__dict__.pop(name, None)
        self._weights = weights

    def replace_weights(self, weights: list[np.ndarray]) -> None:
        """Have other weights, of a network that was trained here, and keep all else of its state.

        Parameters
        ----------
        weights : list of ndarray of float32
            In Keras's order.
        """
        if "_network" in vars(self):
            self._network.model.set_weights(weights)
            return
        state = list(self._state)
        # The state begins with the weights; what is no float32 among them are dropout's seeds.
        places = (i for i, array in enumerate(state) if array.dtype == np.float32)
        for place, array in zip(places, weights, strict=False):
            state[place] = array
        self.keep(state)
        self._state_key = object()  # what is compiled holds others

    def kept_weights(self) -> list[np.ndarray] | None:
        """The weights in Keras's order; None where only a Keras model tells them."""
        if "_weights" in vars(self):
            return list(self._weights)
        if "_state" not in vars(self) or self.plan.is_own:
            return None
        plan = self.plan
        architecture = cast("str", plan.architecture)
        n_weights = len(weight_shapes(architecture, plan.image_shape, plan.n_classes))
        # The state begins with them; what is no float32 among them are dropout's seeds.
        return [array for array in self._state if array.dtype == np.float32][:n_weights]

    @property
    def session(self) -> NetworkSession | None:
        """What answers without Keras, in float32; None where Keras is to answer.

        That is so for a user's own network, elsewhere than on the processor, once somebody holds
        the Keras model, and after a training. For a pickled network the first answer decides:
        where Keras is there already, it answers, as before the pickling.
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
        # Of several threads that come here at once all get the same object.
        return self.__dict__.setdefault("_session", self._make_session())

    def _make_session(self) -> NetworkSession:
        plan = self.plan
        layers = get_layers(cast("str", plan.architecture), plan.image_shape, plan.n_classes)
        weights = self.kept_weights()
        assert weights is not None
        # The pixels are scaled already.
        network = FittedNetwork(layers, weights, plan.image_shape, pixel_range=(0.0, 1.0))
        return NetworkSession(network, plan.n_classes)

"""A network as a plan and arrays, which are assigned to a compiled network when needed.

Keras is imported only to compile a network: a named network predicts without it.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn.backend import import_keras
from digitcnn.training.network_plan import NetworkPlan
from digitcnn.training.network_state import NetworkState

if TYPE_CHECKING:
    import keras

    from digitcnn.backend.cache import CompiledNetwork

# Attributes that are not copied or pickled: compiled networks, and their keys.
_OF_THIS_PROCESS = ("_network", "_session", "_state_key", "_cache_key", "_structure")
_building = RLock()  # held while a trainer's own network is made


class _ChangedError(Exception):
    """A user's function returned another model than before."""


class StoredNetwork(NetworkState):
    """A network's plan and state, with training and prediction.

    It borrows a compiled network to train or predict. The first access to `model` gives it a
    compiled network of its own.

    Parameters
    ----------
    plan : NetworkPlan
        How the network is built, compiled and regularised, and where it computes.
    """

    @property
    def model(self) -> "keras.Model":
        """The Keras model of this network. Changes to it change this network."""
        if "_network" not in vars(self):
            if not self.is_trained:
                raise AttributeError("model")
            with _building:
                if "_network" not in vars(self):  # no other thread was first
                    with self._device_scope():
                        network = self._make()
                        network.steps.regularize(self.plan.regularization())
                    self.fill(network)
                    self._network = network
                    self.__dict__.pop("_session", None)
        return self._network.model

    def going_on(self, plan: NetworkPlan) -> "StoredNetwork":
        """A copy with another plan, to continue training from this state.

        It takes over the weights, and the optimizer's moments if the optimizer has the same kind.

        Raises
        ------
        ValueError
            If the weights do not fit the network of the plan.
        """
        other = copy.copy(self)
        other.plan = plan
        is_same_network = plan.build_options() == self.plan.build_options()
        if is_same_network and "_structure" in vars(self):
            other._structure = self._structure
        if plan.is_compiled_as(self.plan):
            if "_network" in vars(self):
                other._network = self._network
            return other
        is_same_kind = plan.optimizer == self.plan.optimizer
        # Networks with the same key have the same variables.
        is_alike = other._key is not None and other._key == self._key
        if not is_same_kind or not (is_alike or is_same_network):
            other._take_over(self, with_moments=is_same_kind)
        return other

    def _take_over(self, other: "StoredNetwork", with_moments: bool) -> None:
        """Take over the weights of another network, and its optimizer's moments on request."""
        from digitcnn.backend.cache import assign_values, get_values, state_variables

        weights = other.get_weights()
        with self._device_scope():
            made = self._make()
            try:
                made.model.set_weights(weights)
            except ValueError as error:
                raise ValueError(
                    "expected a network with the weights of the one that is to go on, got another "
                    f"with these parameters: {error}. Set architecture, dropout and precision "
                    "back, or fit a clone of the estimator, which starts from scratch"
                ) from None
            variables = state_variables(made.model)
            state = get_values(variables)
            n_moments = len(made.model.optimizer.variables)
            # A network from a file has no moments.
            if with_moments and n_moments and "_weights" not in vars(other):
                state[-n_moments:] = other.get_state()[-n_moments:]
            self.keep(state)
            if self.plan.is_own:  # keep the model that was built
                assign_values(variables, self._state)
                made.steps.regularize(self.plan.regularization())
                self._network = made

    def move_to(self, device: str) -> None:
        """Compute on another device from now on, with the same weights."""
        if device == self.plan.device:
            return
        with _building:
            if device == self.plan.device:  # another thread was first
                return
            if "_network" in vars(self):
                self.keep(self.get_state())
            for name in _OF_THIS_PROCESS:
                self.__dict__.pop(name, None)
            # Last, because other threads continue as soon as it is set.
            self.plan = replace(self.plan, device=device)

    def remember(self) -> Callable[[], None]:
        """A function that restores the present state of the network's own model."""
        if "_network" not in vars(self):
            return lambda: None
        from digitcnn.backend.cache import assign_values, get_values, state_variables

        variables = state_variables(self._network.model)
        before = get_values(variables)
        return lambda: assign_values(variables, before)

    def get_state(self) -> list[np.ndarray]:
        """The state for further training: weights, seeds of dropout, moments of the optimizer."""
        if "_network" in vars(self):
            return _get_state(self._network)
        if "_state" in vars(self):
            return self._state
        with self.predicting() as network:
            return _get_state(network)

    def get_weights(self) -> list[np.ndarray]:
        """The network's weights, in Keras's order."""
        if "_network" not in vars(self) and (weights := self.kept_weights()) is not None:
            return weights
        with self.predicting() as network:
            found: list[np.ndarray] = network.model.get_weights()
            return found

    @contextmanager
    def training(self, is_watched: bool) -> "Iterator[CompiledNetwork]":
        """A compiled network to train. Its state is stored afterwards."""
        with self._device_scope():
            if "_network" in vars(self):  # the network's own
                yield self._network
                return
            network = self._network = self._borrow()
            if network.is_logits and not self.is_trained:
                warnings.warn(
                    f"architecture={self.plan.architecture!r} does not end in a softmax: its "
                    "answers are taken for logits, and their softmax for the probabilities. End it "
                    "in a softmax to say so yourself",
                    stacklevel=10,
                )
            network.steps.regularize(self.plan.regularization())
            try:
                yield network
            except BaseException:
                del self._network
                network.weights_token = None
                self._give_back(network, is_watched)
                raise
            self.keep(_get_state(network))
            network.weights_token = self._state_key = object()
            if self._give_back(network, is_watched):
                del self._network

    def _borrow(self) -> "CompiledNetwork":
        """A compiled network with this state, or with a new one if there is none."""
        from digitcnn.backend.cache import borrow

        if self.plan.is_own and not self.is_trained:
            model = self._build()
            network = borrow(self._key, lambda: self._compile(model))
            if network.model is not model:
                network.restart_as(model)
            return network
        try:
            network = borrow(self._key, self._make_as_known)
        except _ChangedError:
            network = self._make()
        self.fill(network)
        return network

    def _give_back(self, network: "CompiledNetwork", is_watched: bool) -> bool:
        """Return a network to the cache, unless a callback may hold it or its layers changed."""
        from digitcnn.backend.cache import give_back
        from digitcnn.backend.structure import describe_structure

        if self._key is None or is_watched:
            return False
        if self.plan.is_own and describe_structure(network.model) != self._structure:
            return False
        give_back(self._key, network)
        return True

    @contextmanager
    def predicting(self) -> "Iterator[CompiledNetwork]":
        """A compiled network with these weights."""
        from digitcnn.backend.cache import share

        with self._device_scope():
            key = self._key
            if key is None or "_network" in vars(self):
                _ = self.model  # builds the network's own, if there is none
                yield self._network
                return
            # Threads that come here at the same time get the same object.
            token = self.__dict__.setdefault("_state_key", object())
            with ExitStack() as stack:
                try:
                    shared = share(key, token, self._make_as_known, self.fill)
                    network = stack.enter_context(shared)
                except _ChangedError:
                    _ = self.model
                    network = self._network
                yield network

    def fill(self, network: "CompiledNetwork") -> None:
        """Assign this network's state to a compiled network, or its initial one."""
        from digitcnn.backend.cache import assign_values, state_variables

        if "_state" in vars(self):
            assign_values(state_variables(network.model), self._state)
            return
        if network.is_used:
            network.restart(self.plan.seed)
        if self.is_trained:
            network.model.set_weights(self._weights)

    @property
    def _key(self) -> str | None:
        """Key of the compiled networks that fit; None if only the network's own does."""
        if "_cache_key" not in vars(self):
            structure = vars(self).get("_structure")
            if self.plan.is_own and structure is None:
                return None
            self._cache_key = repr((self.plan.compile_key(), structure))
        return self._cache_key

    def _device_scope(self) -> AbstractContextManager[Any]:
        import_keras()
        from digitcnn.backend.devices import device_scope

        return device_scope(self.plan.device)

    def _make(self) -> "CompiledNetwork":
        return self._compile(self._build())

    def _make_as_known(self) -> "CompiledNetwork":
        """A compiled network to cache under the present key."""
        known, made = self._key, self._make()
        if known not in (None, self._key):
            raise _ChangedError
        return made

    def _build(self) -> "keras.Model":
        from digitcnn.backend.structure import describe_structure
        from digitcnn.training.compiling import build_model

        model = build_model(self.plan)
        if self.plan.is_own:
            # The dtype policy at the first training counts, not that of a later rebuild.
            if "_scales_loss" not in vars(self):
                self._scales_loss = model.dtype_policy.name == "mixed_float16"
            self._structure = describe_structure(model)
            self.__dict__.pop("_cache_key", None)
        return model

    def _compile(self, model: "keras.Model") -> "CompiledNetwork":
        from digitcnn.training.compiling import compile_network

        return compile_network(self.plan, model, vars(self).get("_scales_loss", False))

    def __getstate__(self) -> dict[str, Any]:
        # A network's state is arrays, and its layers come from the package's own code.
        state = {name: value for name, value in vars(self).items() if name not in _OF_THIS_PROCESS}
        if "_network" in vars(self):
            state["_state"] = self.get_state()
            state.pop("_weights", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _get_state(network: "CompiledNetwork") -> list[np.ndarray]:
    from digitcnn.backend.cache import get_values, state_variables

    return get_values(state_variables(network.model))

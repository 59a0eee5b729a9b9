"""A network between its uses: a plan and arrays, which are put into a compiled network."""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import RLock
from typing import Any

import keras
import numpy as np

from digitcnn.backend.build import build
from digitcnn.backend.cache import (
    CompiledNetwork,
    assign_values,
    borrow,
    get_values,
    give_back,
    share,
    state_variables,
)
from digitcnn.backend.devices import device_scope
from digitcnn.backend.optimizers import compile_model, floats_of_32_bits, make_optimizer
from digitcnn.backend.own_models import answers_in_logits
from digitcnn.backend.runtime import configure_backend
from digitcnn.backend.steps import has_processor_steps
from digitcnn.backend.structure import describe_structure
from digitcnn.training.network_plan import NetworkPlan

# Attributes that a copy has none of: a compiled network, and what it is found by.
_OF_THIS_PROCESS = ("_network", "_state_key", "_cache_key", "_structure")
_building = RLock()  # held while a trainer's own network is made


class _ChangedError(Exception):
    """A user's function makes another model than it made before."""


class StoredNetwork:
    """A network's plan and state.

    It borrows a compiled network to train or predict, until somebody asks for one of its own.

    Parameters
    ----------
    plan : NetworkPlan
        How the network is built, compiled and regularised, and where it computes.
    """

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan

    @property
    def is_trained(self) -> bool:
        """Whether there is a state to go on from."""
        return "_state" in vars(self) or "_weights" in vars(self)

    @property
    def model(self) -> keras.Model:
        """The Keras model. What is done to it, this network does as well."""
        if "_network" not in vars(self):
            if not self.is_trained:
                raise AttributeError("model")
            with _building:
                if "_network" not in vars(self):  # no other thread was first
                    with device_scope(self.plan.device):
                        network = self._make()
                        network.steps.regularize(self.plan.regularization())
                    self._fill(network)
                    self._network = network
        return self._network.model

    def going_on(self, plan: NetworkPlan) -> "StoredNetwork":
        """Another one, to be trained from this one's state on, with another plan.

        The weights go over, and the optimizer's moments where it is of the same kind.

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
        # What can be assigned to one compiled network has the same state.
        is_alike = other._key is not None and other._key == self._key
        if not is_same_kind or not (is_alike or is_same_network):
            other._take_over(self, with_moments=is_same_kind)
        return other

    def _take_over(self, other: "StoredNetwork", with_moments: bool) -> None:
        """Become what another one's weights make of this one's network."""
        with other.predicting() as network:
            weights = network.model.get_weights()
            n_moments = len(network.model.optimizer.variables)
        with device_scope(self.plan.device):
            made = self._make()
            try:
                made.model.set_weights(weights)
            except ValueError as error:
                raise ValueError(
                    "expected a network with the weights of the one that is to go on, got another "
                    f"with these parameters: {error}. Set architecture, dropout and precision "
                    "back, or fit a clone of the estimator, which begins anew"
                ) from None
            variables = state_variables(made.model)
            state = get_values(variables)
            if with_moments and n_moments:
                state[-n_moments:] = other.get_state()[-n_moments:]
            self.keep(state)
            if self.plan.is_own:  # it need not be made again
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
            self.keep(self.get_state())
            for name in _OF_THIS_PROCESS:
                self.__dict__.pop(name, None)
            # Last: who finds it set goes on at once.
            self.plan = replace(self.plan, device=device)

    def remember(self) -> Callable[[], None]:
        """What brings this one's state back, whatever is done to a network that is its own."""
        if "_network" not in vars(self):
            return lambda: None
        variables = state_variables(self._network.model)
        before = get_values(variables)
        return lambda: assign_values(variables, before)

    def get_state(self) -> list[np.ndarray]:
        """All that a training goes on from: weights, dropout's seeds, the optimizer's moments."""
        if "_network" in vars(self):
            return get_values(state_variables(self._network.model))
        if "_state" not in vars(self):
            with self.predicting() as network:
                self.keep(get_values(state_variables(network.model)))
        return self._state

    def keep(self, state: list[np.ndarray]) -> None:
        """Have this state, which `get_state` gave."""
        self._state = state
        self.__dict__.pop("_weights", None)

    def get_weights(self) -> list[np.ndarray]:
        """The network's weights, in Keras's order."""
        if "_weights" in vars(self) and "_network" not in vars(self):
            return list(self._weights)
        with self.predicting() as network:
            return network.model.get_weights()

    def set_weights(self, weights: list[np.ndarray]) -> None:
        """Have these weights, and otherwise the state of a new network.

        The network itself is made when it is first needed. So a model can be loaded before a
        process forks, and asked after it.
        """
        # They hold the weights of before.
        for name in ("_network", "_state_key", "_state"):
            self.__dict__.pop(name, None)
        self._weights = weights

    @contextmanager
    def training(self, is_watched: bool) -> Iterator[CompiledNetwork]:
        """A compiled network to train; afterwards its state is kept."""
        with device_scope(self.plan.device):
            if "_network" in vars(self):  # its own
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
            self.keep(get_values(state_variables(network.model)))
            network.weights_token = self._state_key = object()
            if self._give_back(network, is_watched):
                del self._network

    def _borrow(self) -> CompiledNetwork:
        """A compiled network with this one's state, or with that of a new network."""
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
        self._fill(network)
        return network

    def _give_back(self, network: CompiledNetwork, is_watched: bool) -> bool:
        """Let others have a network, unless somebody may hold on to it, or its layers changed."""
        if self._key is None or is_watched:
            return False
        if self.plan.is_own and describe_structure(network.model) != self._structure:
            return False
        give_back(self._key, network)
        return True

    @contextmanager
    def predicting(self) -> Iterator[CompiledNetwork]:
        """A compiled network with this one's weights in it."""
        key = self._key
        with device_scope(self.plan.device):
            if key is None or "_network" in vars(self):
                _ = self.model  # builds its own, where there is none
                yield self._network
                return
            # Of several threads that come here at once all get the same object.
            token = self.__dict__.setdefault("_state_key", object())
            with ExitStack() as stack:
                try:
                    shared = share(key, token, self._make_as_known, self._fill)
                    network = stack.enter_context(shared)
                except _ChangedError:
                    _ = self.model
                    network = self._network
                yield network

    def _fill(self, network: CompiledNetwork) -> None:
        if "_state" in vars(self):
            assign_values(state_variables(network.model), self._state)
            return
        if network.is_used:
            network.restart(self.plan.seed)
        if self.is_trained:
            network.model.set_weights(self._weights)

    @property
    def _key(self) -> str | None:
        """What compiled networks are found by; None where none but its own will do."""
        if "_cache_key" not in vars(self):
            structure = vars(self).get("_structure")
            if self.plan.is_own and structure is None:
                return None
            self._cache_key = repr((self.plan.compile_key(), structure))
        return self._cache_key

    def _make(self) -> CompiledNetwork:
        return self._compile(self._build())

    def _make_as_known(self) -> CompiledNetwork:
        """One that may be kept under this one's key."""
        known, made = self._key, self._make()
        if known not in (None, self._key):
            raise _ChangedError
        return made

    def _build(self) -> keras.Model:
        configure_backend()
        model = build(**self.plan.build_options())
        if self.plan.is_own:
            # By the policy when the training begins, not when somebody makes it again.
            if "_scales_loss" not in vars(self):
                self._scales_loss = model.dtype_policy.name == "mixed_float16"
            self._structure = describe_structure(model)
            self.__dict__.pop("_cache_key", None)
        return model

    def _compile(self, model: keras.Model) -> CompiledNetwork:
        plan = self.plan
        is_logits = plan.is_own and answers_in_logits(model, plan.image_shape)
        with floats_of_32_bits():
            optimizer = make_optimizer(
                plan.optimizer, learning_rate=plan.learning_rate, weight_decay=plan.weight_decay
            )
            if plan.is_own and self._scales_loss and not hasattr(optimizer, "inner_optimizer"):
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            compile_model(
                model,
                optimizer,
                label_smoothing=plan.label_smoothing,
                is_logits=is_logits,
                # XLA makes convolutions on the processor several times slower.
                jit_compile=False if has_processor_steps(plan.device) else "auto",
                auto_scale_loss=False,
            )
            return CompiledNetwork(model, plan.device, is_own=plan.is_own, is_logits=is_logits)

    def __getstate__(self) -> dict[str, Any]:
        # A network's state is arrays, and its layers come from the package's own code.
        state = {name: value for name, value in vars(self).items() if name not in _OF_THIS_PROCESS}
        if "_network" in vars(self):
            state["_state"] = self.get_state()
            state.pop("_weights", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

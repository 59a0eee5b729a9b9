"""Networks compiled once and used by many fits.

Building a network and tracing its training step costs more than a second and some tens of
megabytes; the weights of a trained one are a few. So an estimator keeps its weights as arrays. To
train or to predict it borrows a compiled network of its architecture and puts the arrays in.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from digitcnn.backend.build import reseed
from digitcnn.backend.devices import count_devices
from digitcnn.backend.own_steps import OwnModelSteps
from digitcnn.backend.steps import KerasSteps, has_jax_steps, has_processor_steps
from digitcnn.backend.structure import weights_and_seeds

if TYPE_CHECKING:
    from digitcnn.backend.tensorflow import ProcessorSteps

# Compiled networks that are kept for reuse: the last ones used.
_CACHE_SIZE = 4

# Those that nobody uses, each with its key, the last one used at the end. There may be several of a
# key: as many as were used at a time.
_cache: list[tuple[str, "CompiledNetwork"]] = []
# Those that predict at the moment, by whose weights are in them.
_shared: dict[object, "_Shared"] = {}
_lock = Lock()


def make_steps(
    model: keras.Model, device: str, *, is_own: bool = False, is_logits: bool = False
) -> "KerasSteps | ProcessorSteps":
    """The fastest steps for a model on a device.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer built.
    device : str
        What `digitcnn.backend.devices.device_scope` takes.
    is_own : bool, default=False
        Whether it is a user's model, and none of the named networks.
    is_logits : bool, default=False
        Whether a user's model answers in logits.
    """
    if is_own:
        return OwnModelSteps(model, count_devices(device), is_logits)
    if has_processor_steps(device):
        from digitcnn.backend.tensorflow import ProcessorSteps

        return ProcessorSteps(model)
    if has_jax_steps(device, type(model.optimizer)):
        from digitcnn.backend.jax import JaxSteps

        return JaxSteps(model)
    return KerasSteps(model, count_devices(device))


class CompiledNetwork:
    """A compiled network, and whose weights are in it.

    Parameters
    ----------
    model : keras.Model
        Compiled, not yet trained.
    device : str
        What `digitcnn.backend.devices.device_scope` takes.
    is_own : bool, default=False
        Whether it is a user's model, and none of the named networks.
    is_logits : bool, default=False
        Whether a user's model answers in logits.
    """

    def __init__(
        self, model: keras.Model, device: str, *, is_own: bool = False, is_logits: bool = False
    ) -> None:
        self.model = model
        model.optimizer.build(model.trainable_variables)
        self._optimizer_start = get_values(model.optimizer.variables)
        # Whether anybody has had it before, and so left something in it.
        self.is_used = False
        # Identifies the arrays that were put in last, so that they are not put in twice.
        self.weights_token: object | None = None
        self.is_logits = is_logits
        self.steps = make_steps(model, device, is_own=is_own, is_logits=is_logits)

    def restart(self, seed: int) -> None:
        """Become as a network that was just compiled: a seed's weights, an optimizer without past.

        The network is one of the named.
        """
        reseed(self.model, seed)
        self._forget()

    def restart_as(self, model: keras.Model) -> None:
        """Become as if another model, just built and of the same structure, had been compiled."""
        assign_values(weights_and_seeds(self.model), get_values(weights_and_seeds(model)))
        self._forget()

    def _forget(self) -> None:
        assign_values(self.model.optimizer.variables, self._optimizer_start)
        self.weights_token = None


class _Shared:
    """A network that several threads predict with, all with the same weights."""

    def __init__(self) -> None:
        self.network: CompiledNetwork | None = None
        self.users = 0
        # Held while the first of them makes the network ready.
        self.lock = Lock()


def borrow(
    key: str | None, make: Callable[[], CompiledNetwork], weights_token: object = None
) -> CompiledNetwork:
    """A compiled network for the caller alone, until it is given back.

    Parameters
    ----------
    key : str or None
        Equal for networks that differ in nothing but their state. None is equal to nothing.
    make : callable
        Makes one where none is kept.
    weights_token : object, default=None
        Identifies weights: a network that has them in it is preferred.
    """
    with _lock:
        places = [place for place, (one, _) in enumerate(_cache) if one == key]
        if places:
            ready = [place for place in places if _cache[place][1].weights_token is weights_token]
            return _cache.pop((ready or places)[-1])[1]
    return make()


def give_back(key: str, network: CompiledNetwork) -> None:
    """Keep a borrowed network for the next who needs one of its kind."""
    network.is_used = True
    with _lock:
        _cache.append((key, network))
        del _cache[:-_CACHE_SIZE]


@contextmanager
def share(
    key: str,
    weights_token: object,
    make: Callable[[], CompiledNetwork],
    fill: Callable[[CompiledNetwork], None],
) -> Iterator[CompiledNetwork]:
    """A compiled network with certain weights, for all who predict with these at the time.

    Parameters
    ----------
    key : str
        As in `borrow`.
    weights_token : object
        Identifies the weights.
    make : callable
        Makes a network where none is kept.
    fill : callable
        Puts the weights into a network that has others.
    """
    with _lock:
        shared = _shared.setdefault(weights_token, _Shared())
        shared.users += 1
    try:
        with shared.lock:
            if shared.network is None:
                network = borrow(key, make, weights_token)
                if network.weights_token is not weights_token:
                    fill(network)
                    network.weights_token = weights_token
                shared.network = network
        yield shared.network
    finally:
        with _lock:
            shared.users -= 1
            is_last = not shared.users
            if is_last:
                del _shared[weights_token]
        if is_last and shared.network is not None:
            give_back(key, shared.network)


def clear_cache() -> None:
    """Forget the compiled networks that are kept for reuse."""
    with _lock:
        _cache.clear()


def state_variables(model: keras.Model) -> list[Any]:
    """All that a training goes on from: weights, dropout's seeds, the optimizer's moments."""
    if not model.optimizer.built:  # some would make more variables each time
        model.optimizer.build(model.trainable_variables)
    return weights_and_seeds(model) + list(model.optimizer.variables)


def get_values(variables: list[Any]) -> list[np.ndarray]:
    """Copies of the variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign_values(variables: list[Any], values: list[np.ndarray]) -> None:
    """Give each variable its value."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)

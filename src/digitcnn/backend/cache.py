"""Networks that are compiled once and used by many fits.

Building a network and tracing its training step costs more than a second and some tens of
megabytes; the weights of a trained one take a few megabytes. So an estimator keeps its weights as
arrays. To train or predict, it borrows a compiled network of its architecture and assigns the
arrays.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
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
    from digitcnn.backend.joint_steps import JointSteps
    from digitcnn.backend.tensorflow import ProcessorSteps

# Number of compiled networks that are kept: the most recently used.
_CACHE_SIZE = 4

# Unused networks, each with its key, the most recently used last. A key may occur several times, if
# as many networks were used at the same time.
_cache: list[tuple[str, "CompiledNetwork"]] = []
# Networks that are predicting, by the token of the weights in them.
_shared: dict[object, "_Shared"] = {}
_lock = Lock()


def make_steps(
    model: keras.Model, device: str, *, is_own: bool = False, is_logits: bool = False
) -> "KerasSteps | ProcessorSteps":
    """Choose the fastest steps for a model on a device.

    Parameters
    ----------
    model : keras.Model
        Compiled, with its optimizer built.
    device : str
        As in `digitcnn.backend.devices.device_scope`.
    is_own : bool, default=False
        Whether it is a user's model rather than a named network.
    is_logits : bool, default=False
        Whether a user's model returns logits.
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
    """A compiled network, and a token of the weights in it.

    Parameters
    ----------
    model : keras.Model
        Compiled, not yet trained.
    device : str
        As in `digitcnn.backend.devices.device_scope`.
    is_own : bool, default=False
        Whether it is a user's model rather than a named network.
    is_logits : bool, default=False
        Whether a user's model returns logits.
    """

    def __init__(
        self, model: keras.Model, device: str, *, is_own: bool = False, is_logits: bool = False
    ) -> None:
        self.model = model
        model.optimizer.build(model.trainable_variables)
        self._optimizer_start = get_values(model.optimizer.variables)
        # Whether the network was used before, so that its state has changed.
        self.is_used = False
        # Identifies the weights that were assigned last, to avoid assigning them twice.
        self.weights_token: object | None = None
        self.is_logits = is_logits
        self.steps: KerasSteps | ProcessorSteps = make_steps(
            model, device, is_own=is_own, is_logits=is_logits
        )

    @cached_property
    def joint_steps(self) -> "JointSteps":
        """Steps that train several networks like this one at once. They require JAX."""
        from digitcnn.backend.joint_steps import JointSteps

        return JointSteps(self.model)

    def restart(self, seed: int) -> None:
        """Reset a named network: initial weights for a seed, and a new state of the optimizer."""
        reseed(self.model, seed)
        self._forget()

    def restart_as(self, model: keras.Model) -> None:
        """Reset to the state of another, newly built model of the same structure."""
        assign_values(weights_and_seeds(self.model), get_values(weights_and_seeds(model)))
        self._forget()

    def _forget(self) -> None:
        assign_values(self.model.optimizer.variables, self._optimizer_start)
        self.weights_token = None


class _Shared:
    """A network with which several threads predict, with the same weights."""

    def __init__(self) -> None:
        self.network: CompiledNetwork | None = None
        self.users = 0
        # Held while the first thread prepares the network.
        self.lock = Lock()


def borrow(
    key: str | None, make: Callable[[], CompiledNetwork], weights_token: object = None
) -> CompiledNetwork:
    """Borrow a compiled network for exclusive use, until `give_back`.

    Parameters
    ----------
    key : str or None
        Equal for networks that differ only in their state. None always makes a network.
    make : callable
        Makes a network if the cache has none.
    weights_token : object, default=None
        Identifies weights: a network that contains them is preferred.
    """
    with _lock:
        places = [place for place, (one, _) in enumerate(_cache) if one == key]
        if places:
            ready = [place for place in places if _cache[place][1].weights_token is weights_token]
            return _cache.pop((ready or places)[-1])[1]
    return make()


def give_back(key: str, network: CompiledNetwork) -> None:
    """Return a borrowed network to the cache."""
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
    """Share a compiled network among threads that predict with the same weights.

    Parameters
    ----------
    key : str
        As in `borrow`.
    weights_token : object
        Identifies the weights.
    make : callable
        Makes a network if the cache has none.
    fill : callable
        Assigns the weights to a network that contains others.
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
    """Delete the compiled networks that are kept for reuse."""
    with _lock:
        _cache.clear()


def state_variables(model: keras.Model) -> list[Any]:
    """Variables of the state: weights, seeds of dropout, moments of the optimizer."""
    if not model.optimizer.built:  # some would make more variables each time
        model.optimizer.build(model.trainable_variables)
    return weights_and_seeds(model) + list(model.optimizer.variables)


def get_values(variables: list[Any]) -> list[np.ndarray]:
    """Copies of the variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign_values(variables: list[Any], values: list[np.ndarray]) -> None:
    """Assign a value to each variable."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)

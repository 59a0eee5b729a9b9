"""Training steps of several networks at once, as one program of JAX.

The networks have the same layers and optimizer. They differ in their weights, in the numbers that
a step takes as arguments, and in their images. JAX's `vmap` makes one step of many from the step of
a single network, so that a GPU gets few large kernels instead of many small ones.
"""

from functools import partial
from typing import Any

import keras
import numpy as np

from digitcnn.backend.cache import state_variables
from digitcnn.backend.jax import JaxSteps, Values, train_purely

# The state of several networks: each array has a first axis more, of the networks.
JointState = list[list[Any]]


class JointSteps:
    """One step of training for several networks.

    Parameters
    ----------
    model : keras.Model
        A named network, compiled, with its optimizer built. Its variables are not changed.
    """

    def __init__(self, model: keras.Model) -> None:
        import jax

        self.model = model
        self._rate_index = JaxSteps.rate_index(model)
        step = partial(train_purely, model, convolve=multiply_patches)
        self._step = jax.vmap(step)
        # The old state is not used again: its memory becomes that of the new one.
        self._train = jax.jit(self._train_purely, donate_argnums=0)

    def _variables(self) -> list[list[Any]]:
        model = self.model
        return [
            list(model.trainable_variables),
            list(model.non_trainable_variables),
            list(model.optimizer.variables),
        ]

    def stack(self, starts: list[list[np.ndarray]]) -> JointState:
        """The joint state from one state for each network, as `unstack` returns them."""
        import jax.numpy as jnp

        order = {id(one): i for i, one in enumerate(state_variables(self.model))}
        stacked = []
        for variables in self._variables():
            part = []
            for one in variables:
                place = order.get(id(one))
                # Metrics are no part of a state. A network does not use them here.
                values = [one.numpy() if place is None else start[place] for start in starts]
                part.append(jnp.stack(values))
            stacked.append(part)
        return stacked

    def unstack(self, state: JointState) -> list[list[np.ndarray]]:
        """The state of each network, in the order of `state_variables`."""
        arrays = {
            id(one): np.asarray(value)
            for variables, values in zip(self._variables(), state, strict=True)
            for one, value in zip(variables, values, strict=True)
        }
        columns = [arrays[id(one)] for one in state_variables(self.model)]
        return [[np.array(column[k]) for column in columns] for k in range(len(columns[0]))]

    def train(
        self,
        state: JointState,
        chosen: np.ndarray | None,
        rates: np.ndarray,
        values: Values,
        batch: tuple[Any, Any, Any],
        sources: np.ndarray,
    ) -> tuple[JointState, Any]:
        """Train on one batch each.

        Parameters
        ----------
        state : JointState
            Of all networks. It must not be used afterwards.
        chosen : ndarray of shape (k,) or None
            Indices of the networks to train; None for all.
        rates : ndarray of shape (k,), float32
            Learning rates.
        values : Values
            Of arrays of shape (k,), float32, or None.
        batch : tuple of three arrays
            Images of shape (s, n, height, width, channels), encoded labels and weights of shape (s,
            n).
        sources : ndarray of shape (k,)
            The index of each network's images among the s.

        Returns
        -------
        tuple
            The new state, and a tensor of shape (k, 2) on the device: the mean loss of each
            network, and the number of right answers.
        """
        trained: tuple[JointState, Any] = self._train(state, chosen, rates, values, batch, sources)
        return trained

    def _train_purely(
        self, state: JointState, chosen: Any, rates: Any, values: Values, batch: Any, sources: Any
    ) -> tuple[JointState, Any]:
        import jax

        part = state
        if chosen is not None:
            part = jax.tree.map(lambda one: one[chosen], state)
        assert self._rate_index is not None  # a named optimizer
        part[2][self._rate_index] = rates
        new, figures = self._step(part, values, *(one[sources] for one in batch))
        if chosen is not None:
            new = jax.tree.map(lambda one, its: one.at[chosen].set(its), state, new)
        return new, figures


def multiply_patches(layer: keras.layers.Conv2D, x: Any) -> Any:
    """A convolution as a matrix product, without its bias and activation.

    For several networks it becomes a product of stacks of matrices. A convolution of Keras's would
    become one with groups, which takes several times as long on a CPU.

    Parameters
    ----------
    layer : keras.layers.Conv2D
        Without groups and dilation.
    x : tensor of shape (n, height, width, channels)
    """
    import jax.numpy as jnp
    from jax import lax

    (high, wide), (down, across) = layer.kernel_size, layer.strides
    pads = lax.padtype_to_pads(x.shape[1:3], (high, wide), (down, across), layer.padding.upper())
    # The gradients of overlapping patches are added in float32.
    padded = jnp.pad(x.astype("float32"), [(0, 0), *pads, (0, 0)])
    rows = (padded.shape[1] - high) // down + 1
    columns = (padded.shape[2] - wide) // across + 1
    to_row, to_column = down * (rows - 1) + 1, across * (columns - 1) + 1
    patches = [
        padded[:, i : i + to_row : down, j : j + to_column : across].astype(x.dtype)
        for i in range(high)
        for j in range(wide)
    ]
    kernel = jnp.reshape(layer.kernel.value, (-1, layer.filters)).astype(x.dtype)
    return jnp.concatenate(patches, axis=-1) @ kernel

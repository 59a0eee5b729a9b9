"""Trainings of a search that run together, as one program.

A search first starts each of its fits up to the training (`JointTrainings.collect`). It trains all
networks together that differ only in numbers (`JointTrainings.train`). Then it repeats the fits, in
which the trained networks take the place of a training (`JointTrainings.hand_over`). Everything
else about a fit remains the estimator's.
"""

import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from digitcnn._utils.identity import digest_arrays
from digitcnn.training.history import History
from digitcnn.training.plan import TrainingPlan

if TYPE_CHECKING:
    from digitcnn.training.trainer import NetworkTrainer

# Largest number of networks that an accelerator trains together by default: it limits the memory.
# On a CPU one after the other is faster (benchmarks/joint_search.py).
_MOST_ON_ACCELERATOR = 32

# What trains a network instead of the trainer itself, if it returns True.
_stand_in: ContextVar["Callable[[NetworkTrainer, Training], bool] | None"] = ContextVar(
    "stand_in", default=None
)


@dataclass
class Training:
    """The arguments of a training: see `NetworkTrainer.train`."""

    images: np.ndarray
    y_encoded: np.ndarray
    weights: np.ndarray | None
    plan: TrainingPlan
    # Whether nothing but the loop over the batches happens in it: no validation, no checkpoint, and
    # no callback that may read the network or stop the training.
    is_plain: bool

    def data(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The arrays that it is trained on."""
        return self.images, self.y_encoded, self.weights


def is_trained_elsewhere(trainer: "NetworkTrainer", training: Training) -> bool:
    """Whether a search takes care of a training, so that the trainer must not train."""
    stand_in = _stand_in.get()
    return stand_in is not None and stand_in(trainer, training)


class _Collected(BaseException):
    """A fit has come to its training."""


@dataclass
class JointTraining:
    """One of the trainings, and its result.

    Parameters
    ----------
    trainer : NetworkTrainer
        Of the fit that was started, with the untrained network.
    training : Training
    key : str
        What the training depends on, except for its seed.
    state : list of ndarray or None, default=None
        The state of the trained network, as `StoredNetwork.get_state` returns it.
    history : History or None, default=None
        The figures of the training.
    seconds : float, default=0.0
        Its share of the time of all that were trained together.
    """

    trainer: "NetworkTrainer"
    training: Training
    key: str
    state: list[np.ndarray] | None = None
    history: History | None = None
    seconds: float = 0.0


class JointTrainings:
    """The trainings of a search's fits.

    Parameters
    ----------
    most : int or "auto"
        Largest number of networks to train together. ``"auto"`` is 32 on an accelerator and 1 on a
        CPU.
    """

    def __init__(self, most: int | str) -> None:
        self.most = most
        self._found: list[JointTraining] = []
        self._data: dict[str, Training] = {}

    def collect(self, fit: Callable[[], Any]) -> "JointTraining | None":
        """Start a fit and end it before its training.

        Returns
        -------
        object or None
            Its training, or None if the fit failed or trains otherwise.
        """
        n_before = len(self._found)
        with _standing_in(self._note), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the real fit warns
            # The real fit fails in the same way, and the search handles it.
            with suppress(Exception, _Collected):
                fit()
        return self._found[-1] if len(self._found) > n_before else None

    def _note(self, trainer: "NetworkTrainer", training: Training) -> bool:
        if _can_join(trainer, training):
            # The candidates of a fold have the same data: keep it once.
            digest = digest_arrays(training.data())
            first = self._data.setdefault(digest, training)
            training = replace(
                training, images=first.images, y_encoded=first.y_encoded, weights=first.weights
            )
            self._found.append(JointTraining(trainer, training, _key(trainer, training, digest)))
        raise _Collected

    def train(self) -> int:
        """Train the networks that can be trained together, and return their number."""
        programs = defaultdict(list)
        for one in self._found:
            plan = one.training.plan
            programs[plan.network.compile_key(), plan.epochs, plan.batch_size].append(one)
        n_trained = 0
        for group in programs.values():
            most = _choose_most(self.most, group[0].training.plan.network.device)
            for first in range(0, len(group), most):
                part = group[first : first + most]
                if len(part) > 1:
                    _train_together(part)
                    n_trained += sum(one.state is not None for one in part)
        return n_trained

    @contextmanager
    def hand_over(self) -> Iterator[None]:
        """In this context, the fits that were started before get their trained networks."""
        waiting = defaultdict(list)
        for one in self._found:
            if one.state is not None:
                waiting[one.key].append(one)

        def stand_in(trainer: "NetworkTrainer", training: Training) -> bool:
            if not _can_join(trainer, training):
                return False
            key = _key(trainer, training, digest_arrays(training.data()))
            if not waiting.get(key):
                return False
            done = waiting[key].pop(0)
            assert done.state is not None
            assert done.history is not None
            # Without a random_state, the seed is another in each fit.
            trainer.network.plan = done.trainer.network.plan
            trainer.network.keep(done.state)
            trainer.history = done.history
            done.state = None
            return True

        with _standing_in(stand_in):
            yield


@contextmanager
def _standing_in(stand_in: Callable[["NetworkTrainer", Training], bool]) -> Iterator[None]:
    token = _stand_in.set(stand_in)
    try:
        yield
    finally:
        _stand_in.reset(token)


def _can_join(trainer: "NetworkTrainer", training: Training) -> bool:
    """Whether a training can be a part of a joint one."""
    from digitcnn.backend.optimizers import kind_of
    from digitcnn.backend.steps import has_jax_steps

    plan = training.plan.network
    return (
        training.is_plain
        and training.plan.schedule in ("one_cycle", None)
        and not plan.is_own
        and isinstance(plan.optimizer, str)
        and has_jax_steps(plan.device, kind_of(plan.optimizer))
        and not trainer.history.n_epochs
    )


def _key(trainer: "NetworkTrainer", training: Training, digest: str) -> str:
    """What a training depends on, except for its seed, which a second fit may draw again."""
    start = trainer.network.kept_weights()
    plan = training.plan.fingerprint(with_seed=False)
    return json.dumps([plan, digest, start and digest_arrays(start)], sort_keys=True, default=str)


def _choose_most(most: int | str, device: str) -> int:
    from digitcnn.backend.devices import on_processor

    if most == "auto":
        return 1 if on_processor(device) else _MOST_ON_ACCELERATOR
    return int(most)


def _train_together(group: list[JointTraining]) -> None:
    """Train networks that have a program in common."""
    from digitcnn.training.joint_loop import Epochs, start_states

    start = time.perf_counter()
    trainings, networks = [one.training for one in group], [one.trainer.network for one in group]
    with networks[0].training(is_watched=False) as compiled:
        epochs = Epochs(trainings, compiled, start_states(networks, compiled))
        for epoch in range(trainings[0].plan.epochs):
            epochs.run(epoch)
        states = epochs.states()
    seconds = (time.perf_counter() - start) / len(group)
    for one, state, history in zip(group, states, epochs.histories, strict=True):
        one.seconds = seconds
        # The search trains a network that diverged once more by itself, for the error.
        if all(np.isfinite(part).all() for part in [*state, np.array(history.batch_losses)]):
            one.state, one.history = state, history

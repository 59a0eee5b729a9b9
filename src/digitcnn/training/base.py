"""The steps of a fit: what an estimator's methods call, one after the other."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from digitcnn._utils.identity import digest_arrays
from digitcnn._utils.parameters import RULES, check_parameters
from digitcnn._utils.sklearn_callbacks import CALLBACK_STATE, FitTask
from digitcnn.backend import import_keras
from digitcnn.calibration import confidence_and_correctness, fit_temperature, with_temperature
from digitcnn.training.checkpoints import Checkpoint
from digitcnn.training.convergence import warn_if_at_chance
from digitcnn.training.data import TrainingData
from digitcnn.training.defaults import count_batches, settle
from digitcnn.training.network_plan import NetworkPlan, plan_network
from digitcnn.training.plan import TrainingPlan, check_goes_on, plan_training
from digitcnn.training.stored_network import StoredNetwork
from digitcnn.training.trainer import NetworkTrainer

# Parameters that say nothing about the trained network: they may change after `fit`, and count as
# they stand. `predict` reads the first three.
_READ_BY_PREDICT = ("test_time_augmentation", "fill_mode", "device")
_NOT_OF_THE_FIT = (*_READ_BY_PREDICT, "callbacks", "verbose", "warm_start")
# What `partial_fit` trains otherwise than `fit`.
_PARTIAL_FIT = {
    "epochs": 1,
    "schedule": None,
    "early_stopping": False,
    "validation_fraction": None,
    "checkpoint_dir": None,
}


class BaseNetworkClassifier(BaseEstimator):
    """What `DigitCNNClassifier` does within its public methods."""

    _trainer: NetworkTrainer
    classes_: np.ndarray
    image_shape_: tuple[int, int, int]
    pixel_range_: tuple[float, float]
    precision_: str
    temperature_: float
    validation_confidences_: np.ndarray | None
    validation_correct_: np.ndarray | None
    _fit_parameters: dict[str, Any]
    _has_whole_fit: bool

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Data that is refused, or a training that fails, leaves a fitted estimator as it was.

        What a training changes is assigned anew, and not written to, but for a network that the
        user holds.
        """
        before = dict(vars(self))
        restore = before["_trainer"].network.remember() if "_trainer" in before else None
        try:
            yield
        except BaseException:
            # What scikit-learn needs to take its callbacks down.
            kept = {name: vars(self)[name] for name in CALLBACK_STATE if name in vars(self)}
            self.__dict__.clear()
            self.__dict__.update({**before, **kept})
            if restore is not None:
                restore()
            raise

    def _parameters(self) -> dict[str, Any]:
        """This class's, though a subclass's constructor may not take all, and a subclass's own."""
        return {**{name: getattr(self, name) for name in RULES}, **self.get_params(deep=False)}

    def _note_parameters(self, goes_on: bool) -> dict[str, Any]:
        """Keep what the network is trained with; `set_params` may say otherwise afterwards.

        Returns
        -------
        dict
            All parameters of the training.

        Raises
        ------
        ValueError
            If a training that goes on is given what only a new network can have.
        """
        parameters = self._parameters()
        kept = {
            name: copy.copy(value) if isinstance(value, dict | list) else value
            for name, value in parameters.items()
            if name not in _NOT_OF_THE_FIT  # callbacks may hold what no copy can have
        }
        if goes_on:
            check_goes_on(self._fit_parameters, kept, self.image_shape_, self.pixel_range_)
        else:
            self._has_whole_fit = False
        self._fit_parameters = kept
        return parameters

    def _parameters_as_fitted(self) -> dict[str, Any]:
        """What describes the trained network: the parameters it was trained with.

        Those that have no part in it are as they stand; all are, before there is a network.
        """
        now = self._parameters()
        of_the_fit = vars(self).get("_fit_parameters", {})
        return {**now, **of_the_fit}

    def _plan(
        self,
        parameters: dict[str, Any],
        data: TrainingData,
        goes_on: bool,
        initial: list[np.ndarray] | None = None,
        is_part: bool = False,
    ) -> tuple[TrainingPlan, TrainingData, Checkpoint | None]:
        """A training's plan, what is left to train on, and what it may go on from.

        `initial` are the weights of a new network, where they are not random. `is_part` says that
        it is one of several that train together: those of `partial_fit`.
        """
        import_keras()  # the data is right; what follows is trained by it
        if is_part:
            parameters = {**parameters, **_PARTIAL_FIT}

        before = len(self._trainer.history.batch_losses) if goes_on else 0

        def plan(seed: int) -> tuple[TrainingPlan, TrainingData]:
            divided = data.hold_out(parameters["validation_fraction"], seed)
            n = len(divided.rows)
            settled = settle(parameters, n_images=n, is_part=is_part)
            n_batches = settled["epochs"] * count_batches(n, settled["batch_size"])
            planned = plan_training(
                settled,
                self._plan_network(settled, seed, before + n_batches),
                n_images=n,
                has_validation=divided.validation is not None,
            )
            return planned, divided

        seed = self._trainer.network.plan.seed if goes_on else _draw_seed(self.random_state)
        planned, divided = plan(seed)
        if parameters["checkpoint_dir"] is None:
            return planned, divided, None
        if self.callbacks:
            raise ValueError(
                "checkpoint_dir and callbacks do not go together: what a callback remembers is not "
                "in the checkpoint, and a training that goes on would not be the same"
            )
        validation = data.validation or ()
        start = initial
        if goes_on:
            start = self._trainer.network.get_state()
        identity = {
            "plan": planned.fingerprint(with_seed=goes_on or self.random_state is not None),
            "data": digest_arrays([data.images, data.y_encoded, data.weights, *validation]),
            "start": None if start is None else digest_arrays(start),
        }
        checkpoint = Checkpoint(self.checkpoint_dir, identity, seed)
        if checkpoint.seed != seed:  # drawn by a fit that was killed
            planned, divided = plan(checkpoint.seed)
        return planned, divided, checkpoint

    def _plan_network(
        self, parameters: dict[str, Any], seed: int, n_batches: int | None = None
    ) -> NetworkPlan:
        return plan_network(
            parameters,
            image_shape=self.image_shape_,
            pixel_range=self.pixel_range_,
            n_classes=len(self.classes_),
            seed=seed,
            goes_on=self._has_whole_fit,
            n_batches=n_batches,
        )

    def _start(
        self, plan: NetworkPlan, goes_on: bool, initial: list[np.ndarray] | None = None
    ) -> None:
        """A new network, with `initial` or random weights, or a copy of the trained one."""
        if goes_on:
            self._trainer = self._trainer.going_on(plan)
        else:
            self._trainer = NetworkTrainer(StoredNetwork(plan))
            if initial is not None:
                self._trainer.network.set_weights(initial)
        self.precision_ = plan.precision

    def _train(
        self,
        plan: TrainingPlan,
        data: TrainingData,
        callbacks: list[Any],
        checkpoint: Checkpoint | None,
    ) -> bool:
        """Train as planned.

        Returns
        -------
        bool
            False where Ctrl-C has cut the training short.
        """
        from digitcnn.training import schedules
        from digitcnn.training.progress import ProgressHint, TrainingProgress

        if plan.schedule is not None:
            schedules.check_one_schedule(plan.schedule, self.callbacks)
        # Copies: what a callback notes of a fit is not the estimator's parameter.
        self.callbacks_ = [copy.copy(callback) for callback in self.callbacks or []]
        has_validation = data.validation is not None
        called = schedules.schedule_callbacks(plan, has_validation=has_validation)
        called += [*callbacks, *self.callbacks_]
        first_epoch = self._trainer.history.n_epochs
        shown = TrainingProgress if self.verbose else ProgressHint
        progress = shown(plan.epochs, plan.n_batches, first_epoch)
        try:
            self._make_wrapper().fit(
                data.images,
                data.y_encoded,
                data.weights,
                epochs=plan.epochs,
                initial_epoch=first_epoch,
                plan=plan,
                rows=data.rows,
                validation=data.validation,
                callbacks=[*called, progress],
                checkpoint=checkpoint,
                # A user's callback is given the network, and may keep it.
                is_watched=bool(self.callbacks_),
            )
        finally:
            progress.close()
        return not self._trainer.history.is_interrupted

    def _make_wrapper(self) -> Any:
        """SciKeras's side of the trainer, which keeps nothing."""
        from digitcnn.training.scikeras import NetworkClassifier

        return NetworkClassifier(self._trainer)

    def _predict_uncalibrated(self, images: np.ndarray) -> np.ndarray:
        """Probabilities before the temperature."""
        check_parameters({name: getattr(self, name) for name in _READ_BY_PREDICT})
        self._trainer.network.move_to(self.device)
        if self.test_time_augmentation < 2:
            return self._trainer.predict_proba(images)
        from digitcnn.augmentation.distortion import draw_views

        views = draw_views(self.test_time_augmentation, self.image_shape_[:2])
        return self._trainer.predict_proba(images, views=views, fill_mode=self.fill_mode)

    def _calibrate(self, validation: tuple[np.ndarray, np.ndarray] | None) -> bool:
        """Learn what the probabilities are worth.

        Returns
        -------
        bool
            False where Ctrl-C came in between. Then nothing is known of them, as without
            validation data; the training is not lost.
        """
        self.temperature_ = temperature = self._given_temperature()
        self.validation_confidences_ = self.validation_correct_ = None
        if validation is None:
            return True
        images, y_encoded = validation
        try:
            probabilities = self._predict_uncalibrated(images)
            if self.temperature == "auto":
                temperature = fit_temperature(probabilities, y_encoded)
            noted = confidence_and_correctness(
                with_temperature(probabilities, temperature), y_encoded
            )
        except KeyboardInterrupt:
            return False
        self.temperature_ = temperature
        self.validation_confidences_, self.validation_correct_ = noted
        return True

    def _warn_if_at_chance(self, data: TrainingData) -> None:
        trainer = self._trainer
        # What a user's network reports, or one that went back towards a start, may not hold.
        is_known = not trainer.network.plan.is_own and self.init is None
        accuracy = trainer.history.epochs["accuracy"][-1] if is_known else None
        # Past `fit` and scikit-learn's decorator, to whoever calls it.
        warn_if_at_chance(data, trainer.predict_proba, accuracy=accuracy, stacklevel=4)

    def _given_temperature(self) -> float:
        return 1.0 if self.temperature == "auto" else float(self.temperature)

    def _tell_of_epochs(self, task: FitTask) -> Any:
        from digitcnn.training.schedules import EpochTasks

        temperature = self._given_temperature()

        def fitted(figures: dict[str, Any]) -> dict[str, Any]:
            """The attributes that make a copy of this estimator a fitted one."""
            trainer = self._trainer.snapshot(figures)
            return {"_trainer": trainer, "temperature_": temperature}

        return EpochTasks(task, fitted)

    def _raise_if_interrupted(self, is_whole: bool) -> None:
        """Pass Ctrl-C on: who has called `fit` must not take what it was cut to for the whole."""
        if is_whole:
            return
        interrupt = KeyboardInterrupt()
        interrupt.add_note(
            f"{type(self).__name__} is fitted with what it learned up to epoch {self.n_iter_}."
        )
        raise interrupt


def _draw_seed(random_state: int | np.random.RandomState | None) -> int:
    """A network's seed; without a random state from the operating system."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return int(np.random.SeedSequence(random_state).generate_state(1)[0] >> 1)

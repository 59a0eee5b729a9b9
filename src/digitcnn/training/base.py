"""The steps of a fit, which the public methods of the estimator call in order."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
from digitcnn.training.defaults import count_batches, resolve_auto
from digitcnn.training.network_plan import NetworkPlan, draw_seed, plan_network
from digitcnn.training.plan import TrainingPlan, check_goes_on, plan_training
from digitcnn.training.stored_network import StoredNetwork
from digitcnn.training.trainer import NetworkTrainer

if TYPE_CHECKING:
    import keras

    from digitcnn.training.schedules import EpochTasks
    from digitcnn.training.scikeras import NetworkClassifier

# Parameters that do not describe the trained network: changes after `fit` take effect at once.
# `predict` uses the first three.
_READ_BY_PREDICT = ("test_time_augmentation", "fill_mode", "device")
_NOT_OF_THE_FIT = (*_READ_BY_PREDICT, "callbacks", "verbose", "warm_start")
# Parameters that differ in `partial_fit`.
_PARTIAL_FIT = {
    "epochs": 1,
    "schedule": None,
    "early_stopping": False,
    "validation_fraction": None,
    "checkpoint_dir": None,
}


class BaseNetworkClassifier(BaseEstimator):
    """Private methods of `DigitCNNClassifier`."""

    _trainer: NetworkTrainer
    classes_: np.ndarray
    image_shape_: tuple[int, int, int]
    pixel_range_: tuple[float, float]
    precision_: str
    temperature_: float
    callbacks_: "list[keras.callbacks.Callback]"
    validation_confidences_: np.ndarray | None
    validation_correct_: np.ndarray | None
    _fit_parameters: dict[str, Any]
    _has_whole_fit: bool

    @contextmanager
    def _unchanged_on_error(self) -> Iterator[None]:
        """Restore a fitted estimator if its data is refused or its training fails.

        A training replaces attributes and does not modify them, except for a network that the user
        holds.
        """
        before = dict(vars(self))
        restore = before["_trainer"].network.remember() if "_trainer" in before else None
        try:
            yield
        except BaseException:
            # scikit-learn needs these to tear its callbacks down.
            kept = {name: vars(self)[name] for name in CALLBACK_STATE if name in vars(self)}
            self.__dict__.clear()
            self.__dict__.update({**before, **kept})
            if restore is not None:
                restore()
            raise

    def _parameters(self) -> dict[str, Any]:
        """All parameters: a subclass may add some, or not take all in its constructor."""
        return {**{name: getattr(self, name) for name in RULES}, **self.get_params(deep=False)}

    def _note_parameters(self, goes_on: bool, architecture: Any) -> dict[str, Any]:
        """Store the parameters of the training, with this architecture, away from `set_params`.

        Returns
        -------
        dict
            All parameters of the training.

        Raises
        ------
        ValueError
            If a parameter changed that only a new network can have.
        """
        parameters = {**self._parameters(), "architecture": architecture}
        kept = {
            name: copy.copy(value) if isinstance(value, dict | list) else value
            for name, value in parameters.items()
            if name not in _NOT_OF_THE_FIT  # callbacks may hold what cannot be copied
        }
        if goes_on:
            check_goes_on(self._fit_parameters, kept, self.image_shape_, self.pixel_range_)
        else:
            self._has_whole_fit = False
        self._fit_parameters = kept
        return parameters

    def _parameters_as_fitted(self) -> dict[str, Any]:
        """The parameters that the network was trained with.

        Those that do not describe the network have their present values, as all have before a fit.
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
        """Plan a training, hold out validation data and open the checkpoint.

        `initial` are the weights of a new network, or None for random ones. `is_part` is True for
        `partial_fit`.
        """
        import_keras()  # only after the data has been checked
        if is_part:
            parameters = {**parameters, **_PARTIAL_FIT}

        before = len(self._trainer.history.batch_losses) if goes_on else 0

        def plan(seed: int) -> tuple[TrainingPlan, TrainingData]:
            divided = data.hold_out(parameters["validation_fraction"], seed)
            n = len(divided.rows)
            resolved = resolve_auto(parameters, n_images=n, is_part=is_part)
            n_batches = resolved["epochs"] * count_batches(n, resolved["batch_size"])
            planned = plan_training(
                resolved,
                self._plan_network(resolved, seed, before + n_batches),
                n_images=n,
                has_validation=divided.validation is not None,
            )
            return planned, divided

        seed = self._trainer.network.plan.seed if goes_on else draw_seed(self.random_state)
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
        if checkpoint.seed != seed:  # the seed of the fit that was killed
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
        """Start from a new network, with `initial` or random weights, or from the trained one."""
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
            False if Ctrl-C ended the training early.
        """
        from digitcnn.training import schedules
        from digitcnn.training.progress import ProgressHint, TrainingProgress

        if plan.schedule is not None:
            schedules.check_one_schedule(plan.schedule, self.callbacks)
        # Copies, so that a fit does not change the callbacks in the parameters.
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
                # A user's callback may keep the network.
                is_watched=bool(self.callbacks_),
            )
        finally:
            progress.close()
        return not self._trainer.history.is_interrupted

    def _make_wrapper(self) -> "NetworkClassifier":
        """The stateless SciKeras wrapper of the trainer."""
        from digitcnn.training.scikeras import NetworkClassifier

        return NetworkClassifier(self._trainer)

    def _predict_uncalibrated(self, images: np.ndarray) -> np.ndarray:
        """Predict probabilities without the temperature."""
        check_parameters({name: getattr(self, name) for name in _READ_BY_PREDICT})
        self._trainer.network.move_to(self.device)
        if self.test_time_augmentation < 2:
            return self._trainer.predict_proba(images)
        from digitcnn.augmentation.distortion import draw_views

        views = draw_views(self.test_time_augmentation, self.image_shape_[:2])
        return self._trainer.predict_proba(images, views=views, fill_mode=self.fill_mode)

    def _calibrate(self, validation: tuple[np.ndarray, np.ndarray] | None) -> bool:
        """Fit the temperature, and store the validation confidences.

        Returns
        -------
        bool
            False after Ctrl-C. Then the estimator is fitted as without validation data.
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
        # The reported accuracy may not hold for a user's network, or for one with `init`.
        is_known = not trainer.network.plan.is_own and self.init is None
        accuracy = trainer.history.epochs["accuracy"][-1] if is_known else None
        # Points past `fit` and scikit-learn's decorator to the caller.
        warn_if_at_chance(data, trainer.predict_proba, accuracy=accuracy, stacklevel=4)

    def _given_temperature(self) -> float:
        return 1.0 if self.temperature == "auto" else float(self.temperature)

    def _tell_of_epochs(self, task: FitTask) -> "EpochTasks":
        from digitcnn.training.schedules import EpochTasks

        temperature = self._given_temperature()

        def fitted(figures: dict[str, Any]) -> dict[str, Any]:
            """The fitted attributes, for a copy of this estimator."""
            trainer = self._trainer.snapshot(figures)
            return {"_trainer": trainer, "temperature_": temperature}

        return EpochTasks(task, fitted)

    def _raise_if_interrupted(self, is_whole: bool) -> None:
        """Raise Ctrl-C again: the caller must not take a shortened training for a full one."""
        if is_whole:
            return
        interrupt = KeyboardInterrupt()
        interrupt.add_note(
            f"{type(self).__name__} is fitted with what it learned up to epoch {self.n_iter_}."
        )
        raise interrupt

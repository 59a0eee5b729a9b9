"""Searches that train several candidates as one network."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, check_cv, cross_validate

from digitcnn._typing import ArrayLike
from digitcnn._utils.parameters import check_max_together
from digitcnn._utils.sklearn_callbacks import has_callbacks
from digitcnn.backend import import_keras
from digitcnn.training.joint import JointTraining, JointTrainings


class _JointSearch:
    """What a search of scikit-learn needs in addition: see `JointGridSearchCV`."""

    estimator: Any
    cv: Any
    max_together: int | str
    n_trained_together_: int

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Fit all candidates, and the best one to all data.

        Parameters
        ----------
        X : array-like
            Images, or whatever `estimator` fits.
        y : array-like of shape (n,)
            Labels.
        **params : dict
            Further arguments for the `fit` of the estimator, such as ``sample_weight``, and
            ``groups`` for the splitter: as in `sklearn.model_selection.GridSearchCV`.

        Returns
        -------
        object
            This search.

        Raises
        ------
        ValueError
            If `max_together` is not as described, and as in
            `sklearn.model_selection.GridSearchCV`.
        """
        check_max_together(self.max_together)
        self.n_trained_together_ = 0
        self._given = X, y, params
        try:
            fitted: Self = super().fit(X, y, **params)  # type: ignore[misc]
        finally:
            del self._given
        return fitted

    def _run_search(self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None) -> Any:
        # scikit-learn's hook for searches of one's own. Before 1.9 there is no context.
        def evaluate(candidates: Iterable[dict[str, Any]], **more: Any) -> Any:
            return self._evaluate(evaluate_candidates, list(candidates), more)

        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        return super()._run_search(evaluate, **context)  # type: ignore[misc]

    def _evaluate(
        self,
        evaluate_candidates: Callable[..., Any],
        candidates: list[dict[str, Any]],
        more: dict[str, Any],
    ) -> Any:
        splits = [] if self._trains_one_by_one() else self._splits()
        if not splits:
            return evaluate_candidates(candidates, **more)
        joint = JointTrainings(self.max_together)
        started = [[self._start(joint, one, split) for split in splits] for one in candidates]
        self.n_trained_together_ = joint.train()
        with joint.hand_over():
            # The splits once more: those of a splitter without a seed would be others.
            results = evaluate_candidates(candidates, **{**more, "cv": check_cv(splits)})
        seconds = [[one.seconds if one else 0.0 for one in folds] for folds in started]
        results["mean_fit_time"] += np.mean(seconds, axis=1)
        return results

    def _trains_one_by_one(self) -> bool:
        """Whether no training can be a part of a joint one."""
        # scikit-learn's callbacks follow each fit.
        if self.max_together == 1 or has_callbacks(self):
            return True
        import_keras()
        import keras

        from digitcnn.backend.devices import on_processor

        is_alone = self.max_together == "auto" and on_processor("auto")
        return bool(is_alone or keras.backend.backend() != "jax")

    def _splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        X, y, params = self._given
        # An iterator of splits was read by scikit-learn, and is kept there since 1.9.
        cv = getattr(self, "_checked_cv_orig", None)
        if cv is None:
            cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        return list(cv.split(X, y, groups=params.get("groups")))

    def _start(
        self,
        joint: JointTrainings,
        candidate: dict[str, Any],
        split: tuple[np.ndarray, np.ndarray],
    ) -> JointTraining | None:
        """Start the fit of a candidate to a fold, up to its training."""
        X, y, params = self._given
        params = {name: value for name, value in params.items() if name != "groups"}

        def fit() -> None:
            cross_validate(
                clone(self.estimator).set_params(**clone(candidate, safe=False)),
                X,
                y,
                cv=[split],
                scoring=lambda *_: 0.0,
                params=params,
                n_jobs=1,
                error_score="raise",
            )

        return joint.collect(fit)


class JointGridSearchCV(_JointSearch, GridSearchCV):
    """Grid search that trains the networks of several candidates and folds together.

    It is a `sklearn.model_selection.GridSearchCV` in one process, with the same attributes and,
    except for rounding, the same scores. On a GPU, networks that differ only in numbers are trained
    as one program, with few large kernels instead of many small ones: see :doc:`/guide/search`.
    This requires Keras's JAX backend. All other networks are trained one after the other.

    Parameters
    ----------
    estimator : estimator object
        A `digitcnn.DigitCNNClassifier`, or a pipeline or another estimator with one inside.
    param_grid : dict or list of dict
        Names of parameters, each with a list of values.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in `sklearn.model_selection.GridSearchCV`, like all up to `return_train_score`.
    refit : bool, str or callable, default=True
        Whether, or by which score, to fit the best candidate to all data.
    cv : int, cross-validation generator, iterable or None, default=None
        The splitter of the folds.
    verbose : int, default=0
        How much the search prints.
    error_score : "raise" or float, default=nan
        The score of a fit that fails.
    return_train_score : bool, default=False
        Whether `cv_results_` has scores of the training data.
    max_together : int or "auto", default="auto"
        Largest number of networks to train together. Memory grows in proportion to it. ``"auto"``
        is 32 on an accelerator, and 1 on a CPU, where one after the other is faster. 1 trains all
        networks one after the other.

    Attributes
    ----------
    n_trained_together_ : int
        Number of networks that were trained together with others, without the final fit.
    cv_results_ : dict
        As in `sklearn.model_selection.GridSearchCV`. The time of a joint training counts in equal
        parts in ``mean_fit_time``.
    best_estimator_ : estimator object
        As in `sklearn.model_selection.GridSearchCV`, like all other attributes.
    best_params_ : dict
        The best candidate.
    best_score_ : float
        Its mean score.
    best_index_ : int
        Its index in `cv_results_`.

    See Also
    --------
    JointRandomizedSearchCV : The same for candidates that are drawn at random.

    Examples
    --------
    >>> from digitcnn import DigitCNNClassifier
    >>> from digitcnn.datasets import load_sample_digits
    >>> from digitcnn.search import JointGridSearchCV
    >>> X, y = load_sample_digits()
    >>> grid = {"learning_rate": [0.003, 0.006]}
    >>> search = JointGridSearchCV(DigitCNNClassifier(epochs=2, random_state=0), grid, cv=2)
    >>> search = search.fit(X[:200], y[:200])
    >>> sorted(search.best_params_)
    ['learning_rate']
    """

    def __init__(
        self,
        estimator: Any,
        param_grid: dict[str, Any] | list[dict[str, Any]],
        *,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        max_together: int | str = "auto",
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=1,  # the trained networks are in this process
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_together = max_together


class JointRandomizedSearchCV(_JointSearch, RandomizedSearchCV):
    """Randomized search that trains the networks of several candidates and folds together.

    It is to `sklearn.model_selection.RandomizedSearchCV` what `JointGridSearchCV` is to
    `sklearn.model_selection.GridSearchCV`.

    Parameters
    ----------
    estimator : estimator object
        A `digitcnn.DigitCNNClassifier`, or a pipeline or another estimator with one inside.
    param_distributions : dict or list of dict
        Names of parameters, each with a distribution or a list of values: for example from
        `digitcnn.recipes.search_space`.
    n_iter : int, default=10
        Number of candidates.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in `sklearn.model_selection.RandomizedSearchCV`, like all up to `return_train_score`.
    refit : bool, str or callable, default=True
        Whether, or by which score, to fit the best candidate to all data.
    cv : int, cross-validation generator, iterable or None, default=None
        The splitter of the folds.
    verbose : int, default=0
        How much the search prints.
    random_state : int, RandomState instance or None, default=None
        Draws the candidates.
    error_score : "raise" or float, default=nan
        The score of a fit that fails.
    return_train_score : bool, default=False
        Whether `cv_results_` has scores of the training data.
    max_together : int or "auto", default="auto"
        As in `JointGridSearchCV`.

    Attributes
    ----------
    n_trained_together_ : int
        As in `JointGridSearchCV`.
    cv_results_ : dict
        As in `JointGridSearchCV`, like all other attributes.

    See Also
    --------
    JointGridSearchCV : The same for a grid.

    Examples
    --------
    >>> from digitcnn.recipes import make_classifier, search_space
    >>> from digitcnn.search import JointRandomizedSearchCV
    >>> search = JointRandomizedSearchCV(
    ...     make_classifier("fast", epochs=6, random_state=0), search_space("fast"), n_iter=4
    ... )
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: dict[str, Any] | list[dict[str, Any]],
        *,
        n_iter: int = 10,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        random_state: int | np.random.RandomState | None = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        max_together: int | str = "auto",
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=1,  # the trained networks are in this process
            refit=refit,
            cv=cv,
            verbose=verbose,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_together = max_together

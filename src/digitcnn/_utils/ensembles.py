"""The networks of a model: of one classifier, or of an ensemble that answers with their mean."""

from typing import Any


def last_step(model: Any) -> Any:
    """The classifier: the last step of a pipeline, or the model itself."""
    return model.steps[-1][1] if hasattr(model, "steps") else model


def networks_of(model: Any) -> list[Any]:
    """The networks of a fitted model: those of an ensemble, or the one that it is.

    Parameters
    ----------
    model : DigitCNNClassifier, VotingClassifier or Pipeline
        Of a pipeline the last step counts.
    """
    clf = last_step(model)
    networks: list[Any] = getattr(clf, "estimators_", [clf])
    return networks


def named_networks(clf: Any, refusal: str) -> dict[str, Any]:
    """The networks of a fitted model by their names, if all that it does is to take their mean.

    Parameters
    ----------
    clf : DigitCNNClassifier or VotingClassifier
        The name of a single network is empty.
    refusal : str
        What cannot be done with another estimator.

    Raises
    ------
    ValueError
        If it is another estimator, or an ensemble that votes otherwise.
    """
    # What only asks for a model's networks does without scikit-learn.
    from sklearn.ensemble import VotingClassifier
    from sklearn.utils.validation import check_is_fitted

    is_ensemble = isinstance(clf, VotingClassifier)
    # An ensemble knows its classes before its members are trained.
    check_is_fitted(clf, "estimators_" if is_ensemble else None)
    networks = networks_of(clf) if is_ensemble else [clf]
    is_mean = not is_ensemble or (clf.voting == "soft" and clf.weights is None)
    if not is_mean or not all(hasattr(one, "_trainer") for one in networks):
        raise ValueError(
            f"{clf!r} {refusal}; expected a DigitCNNClassifier, or a "
            "VotingClassifier(voting='soft') of such, without weights"
        )
    # By what was fitted: `estimators` may name members that are dropped, before a fit or since.
    fitted = clf.named_estimators_ if is_ensemble else {"": clf}
    names = [name for name, one in fitted.items() if one != "drop"]
    return dict(zip(names, networks, strict=True))

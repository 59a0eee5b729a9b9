"""Training of networks: loop, schedules, progress, checkpoints, and the SciKeras wrapper."""


def clear_cache() -> None:
    """Delete the compiled networks that are kept for reuse. Fitted estimators keep their weights.

    Examples
    --------
    >>> from digitcnn.training import clear_cache
    >>> clear_cache()
    """
    # Imported here, because reading a checkpoint must not import Keras.
    from digitcnn.backend import cache

    cache.clear_cache()

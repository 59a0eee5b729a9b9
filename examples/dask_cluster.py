"""
A search on a Dask cluster
==========================

With joblib's Dask backend, scikit-learn's ``n_jobs`` uses a cluster of machines. Here the cluster
is two processes on this machine, or as many as it has GPUs. For another kind of cluster (SSH,
Slurm, Kubernetes), replace ``LocalCluster``.
"""

import joblib
import tensorflow as tf
from distributed import Client, LocalCluster
from sklearn.model_selection import GridSearchCV

from digitcnn import DigitCNNClassifier
from digitcnn.datasets import load_sample_digits

# %%
# There is a worker for each GPU, with one thread, so that it runs one fit at a time. With
# ``device="auto"``, the default, the worker named 0 uses the first GPU, the worker named 1 the
# second.


def make_cluster() -> LocalCluster:
    gpus = tf.config.list_physical_devices("GPU")
    return LocalCluster(
        n_workers=len(gpus) or 2, threads_per_worker=1, processes=True, dashboard_address=None
    )


# %%
# The search itself needs no change. If a worker dies, Dask starts another and repeats its fits.


def main() -> None:
    X, y = load_sample_digits()
    search = GridSearchCV(
        DigitCNNClassifier("relu-dropout", epochs=8, batch_size=32, random_state=0),
        {"learning_rate": [0.0003, 0.001, 0.003]},
        cv=2,
        n_jobs=-1,
        refit=False,
    )
    with make_cluster() as cluster, Client(cluster), joblib.parallel_config(backend="dask"):
        search.fit(X[:240], y[:240])
        print(f"{len(cluster.workers)} workers")
    for parameters, accuracy in zip(
        search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
    ):
        print(f"{parameters}: accuracy {accuracy:.3f}")


# %%
# The guard is needed because each worker is a new Python process that imports this file.

if __name__ == "__main__":
    main()

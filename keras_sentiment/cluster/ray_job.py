"""Prediction on a cluster: Ray Data distributes the parts of a plan to actors, which load the model once.

Only the numbers of parts are sent: a worker reads its rows and writes its file itself. Ray restarts a killed
worker and repeats its part.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import socket
from collections.abc import Iterator

from keras_sentiment.cluster.part_files import OutputFolder
from keras_sentiment.cluster.worker import Worker
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.escaping import shell
from keras_sentiment.inference.artifact import Artifact, is_artifact, open_artifact
from keras_sentiment.inference.engines import require_format, threads
from keras_sentiment.progress import Progress

# Bytes. The numbers of parts need little; Ray's default is a third of the memory.
OBJECT_STORE = 128 << 20
# A worker has one core, so each library starts one thread.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
# Ray reads these when it is imported or started. Variables that the user has set are kept.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default of later versions; Ray warns if it is not set
}
# The log of Ray's C++ code on standard error. It is kept for a remote cluster, because it says why one is
# lost.
QUIET_LOCALLY = {"RAY_BACKEND_LOG_LEVEL": "fatal"}
CONNECT_SECONDS = 10.0


def open_for_workers(path: str) -> Artifact:
    """Opens the artifact that the workers use.

    Raises:
        InputError: the folder is not an artifact, its format can't be opened, or Ray is not installed.
    """
    if not is_artifact(path):
        raise InputError(
            f"{path}: it is not an exported model, and workers have no Keras; "
            f"export it first: keras-sentiment export {shell(path)} OUT_DIR --format onnx"
        )
    artifact = open_artifact(path)
    require_format(artifact)
    if importlib.util.find_spec("ray") is None:
        raise InputError(f"Ray is not installed; {install_hint('ray')}")
    return artifact


def score(artifact: Artifact, folder: OutputFolder, workers: int | None = None, quiet: bool = True) -> None:
    """Writes the missing parts of a folder.

    Args:
        artifact: the exported model.
        folder: the output folder.
        workers: int, number of workers; by default the number of CPUs of the cluster.
        quiet: whether to show no progress.

    Raises:
        InputError: a worker can't read or write a part, or the cluster does not answer.
        KeyboardInterrupt: the user stopped the command; the message has the number of complete parts.
    """
    parts = folder.plan.parts.parts
    missing = folder.missing()
    if not missing:
        return
    there = sum(part.rows for part in parts) - sum(parts[number].rows for number in missing)
    try:
        with (
            _cluster(workers) as cpus,
            Progress("Predicting", sum(part.rows for part in parts), done=there, quiet=quiet) as progress,
        ):
            for rows in _results(artifact, folder, missing, workers or cpus):
                progress.update(rows)
    except KeyboardInterrupt:
        done = len(parts) - len(folder.missing())
        raise KeyboardInterrupt(
            f"Interrupted: {done:,} of {len(parts):,} parts are complete. Run the same command to continue."
        ) from None


def _results(artifact: Artifact, folder: OutputFolder, missing: list[int], workers: int) -> Iterator[int]:
    """Yields the number of rows of each part when its file is complete."""
    import ray.data

    # By default, Ray Data restarts a dead actor and repeats its part, without a limit.
    scored = ray.data.from_items(missing, override_num_blocks=len(missing)).map_batches(
        Worker,
        fn_constructor_args=(artifact.path.absolute(), folder),
        batch_size=1,
        # A worker gets one part at a time, so that no part waits for a slow worker.
        compute=ray.data.ActorPoolStrategy(size=min(workers, len(missing)), max_tasks_in_flight_per_actor=1),
        num_cpus=1,
        runtime_env={"env_vars": ONE_THREAD},
    )
    for row in scored.iter_rows():
        if row["fault"]:
            raise InputError(row["fault"])
        yield int(row["rows"])


@contextlib.contextmanager
def _cluster(workers: int | None) -> Iterator[int]:
    """Joins the cluster of RAY_ADDRESS, or starts a local one for the block; yields its number of CPUs.

    If this process has already joined a cluster, that one is used and left running.
    """
    address = os.environ.get("RAY_ADDRESS") or "local"
    for name, value in {**QUIET, **(QUIET_LOCALLY if address == "local" else {})}.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    # Ray's log records would mix with the lines of this program. Errors are raised as exceptions.
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # Ray prints what happens to workers on standard output, where only results belong.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        if ray.is_initialized():
            yield _cpus()
            return
        if address == "local":
            ray.init(
                address,
                num_cpus=workers or threads(),
                include_dashboard=False,
                object_store_memory=OBJECT_STORE,
                log_to_driver=False,
                logging_level=logging.CRITICAL,
            )
        else:
            _join(address)
        try:
            yield _cpus()
        finally:
            ray.shutdown()


def _join(address: str) -> None:
    import ray

    try:
        host, colon, port = address.rpartition(":")
        if colon and port.isdecimal() and "/" not in host:
            # If there is no cluster at the address, Ray ends the process instead of raising an error.
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"RAY_ADDRESS={address}: no cluster answers ({reason}); start the cluster or correct the address"
        ) from error


def _cpus() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))

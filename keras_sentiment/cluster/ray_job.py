"""Scoring on a cluster: Ray Data hands the parts of a plan to actors, which have opened the artifact once.

Only the numbers of parts travel: a worker reads its rows and writes its file by itself. Ray starts a killed
worker again, and its part with it.
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
from keras_sentiment.errors import InputError
from keras_sentiment.escaping import shell
from keras_sentiment.inference.artifact import Artifact, is_artifact, open_artifact
from keras_sentiment.inference.engines import require_format, threads
from keras_sentiment.progress import Progress

# Bytes. Numbers of parts need next to nothing; by itself Ray takes a third of the memory.
OBJECT_STORE = 128 << 20
# A worker is given one core: every library in it starts one thread.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
# Ray reads them at its import or when it starts; what a user has set stays.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # the default to come; it warns where nothing is said
}
# Of its C++, which would write on standard error. It's all that tells why another's cluster is lost.
QUIET_LOCALLY = {"RAY_BACKEND_LOG_LEVEL": "fatal"}
CONNECT_SECONDS = 10.0


def open_for_workers(path: str) -> Artifact:
    """Opens the artifact that workers are to score with.

    Raises:
        InputError: it is none, or of a format that isn't opened, or Ray is not installed.
    """
    if not is_artifact(path):
        raise InputError(
            f"{path}: not an exported model, and workers have no Keras; "
            f"export it first: keras-sentiment export {shell(path)} OUT_DIR --format onnx"
        )
    artifact = open_artifact(path)
    require_format(artifact)
    if importlib.util.find_spec("ray") is None:
        raise InputError('Ray is not installed: pip install "keras-sentiment[ray]"')
    return artifact


def score(artifact: Artifact, folder: OutputFolder, workers: int | None = None, quiet: bool = True) -> None:
    """Writes the parts that a folder lacks.

    Args:
        workers: how many; as many as the cluster has CPUs, unless said.
        quiet: no progress on standard error.

    Raises:
        InputError: what a worker says of a part, or no cluster answers.
        KeyboardInterrupt: with what to tell of the parts that are complete.
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
            f"Interrupted: {done:,} of {len(parts):,} parts are complete. The same command goes on."
        ) from None


def _results(artifact: Artifact, folder: OutputFolder, missing: list[int], workers: int) -> Iterator[int]:
    """Yields the rows of each part when its file is there."""
    import ray.data

    # An actor that dies is started again and its part is repeated, without end, which is Ray Data's default.
    scored = ray.data.from_items(missing, override_num_blocks=len(missing)).map_batches(
        Worker,
        fn_constructor_args=(artifact.path.absolute(), folder),
        batch_size=1,
        # One at a time, so that a worker's parts follow one another, and none waits for a slow worker.
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
    """Joins the cluster that RAY_ADDRESS names, or starts one here that ends with the block; gives its CPUs.

    One that is already joined is used, and stays.
    """
    address = os.environ.get("RAY_ADDRESS") or "local"
    for name, value in {**QUIET, **(QUIET_LOCALLY if address == "local" else {})}.items():
        os.environ.setdefault(name, value)
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    # Their records would stand between our lines; what ends the command is raised.
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
            # Where nobody answers Ray would end the process instead of raising an error.
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"RAY_ADDRESS={address}: no cluster answers there ({reason}); start or correct it"
        ) from error


def _cpus() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))

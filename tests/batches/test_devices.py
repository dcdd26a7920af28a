"""A batch that several devices share, of one process and of two: the same training as on one device."""

import dataclasses
import functools
import json
import os
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest

from helpers.tiny import INPUTS, TOKENIZER, build, make_corpus, make_split
from keras_sentiment.batches.devices import Devices, find_devices
from keras_sentiment.batches.review_batches import ReviewBatches
from keras_sentiment.errors import InputError
from keras_sentiment.runs.run import open_run
from keras_sentiment.scripts.command_line import commands

pytestmark = pytest.mark.filterwarnings("ignore:.*was not adapted")  # models of a test train as they are

BACKEND = keras.backend.backend()
needs_jax = pytest.mark.skipif(BACKEND != "jax", reason="Keras distributes on jax alone")
# 160 train reviews: steps of 9, which two devices pad to 10, the last one of 7.
COUNT, BATCH = 200, 9
SETTINGS = {
    "batch_size": BATCH,
    "precision": "float32",
    "sequence_length": 40,
    "head_dropout": 0.0,
    "ngram_buckets": 64,
    "learning_rate": 0.01,
    "pad_to": 40,  # one shape: each costs each process a compilation
}
TRANSFORMER = {
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "embedding_dropout": 0.0,
    "dropout": 0.0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@pytest.fixture(scope="module")
def data(folder):
    make_corpus(folder / "data", COUNT)
    return folder / "data"


# Runs commands in one process, which imports and connects once; it ends as the last of them does.
PROGRAM = """
import json, sys
from keras_sentiment.scripts.command_line import commands, run_command
*before, last = json.loads(sys.argv[1])
for arguments in before:
    commands.main(arguments, standalone_mode=False)
sys.argv = ["keras-sentiment", *last]
run_command(commands)
"""


def training(kind, data, run, preset, *more):
    """The arguments of a command that trains."""
    settings = SETTINGS | (TRANSFORMER if kind == "transformer" else {})
    words = [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    if kind == "bert":
        words += ["--preset", preset, "--trainable-blocks", "1"]
    return [f"train-{kind}", str(data), str(run), *words, *more]


def program(*trainings):
    return [sys.executable, "-c", PROGRAM, json.dumps(trainings)]


def launch(words, **environment):
    return subprocess.Popen(
        words,
        env={**os.environ, "KERAS_BACKEND": BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def launch_two(words):
    addresses = f"127.0.0.1:{free_port()}"
    return [
        launch(
            words,
            KERAS_DISTRIBUTION_JOB_ADDRESSES=addresses,
            KERAS_DISTRIBUTION_NUM_PROCESSES="2",
            KERAS_DISTRIBUTION_PROCESS_ID=str(number),
        )
        for number in (0, 1)
    ]


def ended(processes, status=0):
    found = [process.communicate(timeout=600)[0] for process in processes]
    assert [process.returncode for process in processes] == [status] * len(processes), "\n".join(found)
    return found


def weights_of(run):
    """But for biases of keys: no attention depends on them, and Adam makes steps of their rounding errors."""
    weights = open_run(run).load_model().weights
    return [keras.ops.convert_to_numpy(w) for w in weights if not w.path.endswith("key/bias")]


def assert_like(found, expected):
    for one, two in zip(weights_of(found), weights_of(expected), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    assert sorted(path.name for path in found.iterdir()) == sorted(path.name for path in expected.iterdir())
    assert open_run(found).config.temperature == pytest.approx(
        open_run(expected).config.temperature, rel=1e-2
    )


@pytest.fixture(scope="module")
def trainings(data, folder, bert_preset):
    """Gives the arguments of a training into a folder of a name; that of one device has run."""

    @functools.cache
    def one(kind):
        commands.main(of(kind, "one"), standalone_mode=False)

    def of(kind, name):
        more = ("--class-weight",) if kind == "transformer" else ()
        options = ("--epochs", "2", "--checkpoint-steps", "5", *more)
        return training(kind, data, folder / f"{kind}-{name}", bert_preset, *options)

    def both(kind, name):
        one(kind)
        return of(kind, name)

    return both


@needs_jax
@pytest.mark.parametrize("kind", ["transformer", pytest.param("bert", marks=pytest.mark.slow)])
def test_two_processes_train_like_one_even_when_both_are_killed(trainings, data, folder, bert_preset, kind):
    """In float32 without dropout; a row of each batch is padding."""
    arguments, run = trainings(kind, "two"), folder / f"{kind}-two"
    processes = launch_two(program(arguments))
    while not list(run.glob("checkpoints/step-00000-0000010.npz")):
        assert processes[0].poll() is None, processes[0].communicate()[0]
    for process in processes:
        process.kill()
        process.communicate()
    assert not (run / "model.keras").exists()

    taken = folder / f"{kind}-taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    refused = training(kind, data, taken, bert_preset)
    told = ended(launch_two(program([*arguments, "--resume"], refused)), status=2)
    assert all("name another folder" in text for text in told)
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert [text.count("Saved") for text in told] == [1, 0]  # by the process that writes
    assert_like(run, folder / f"{kind}-one")


@needs_jax
def test_two_devices_of_a_process_train_like_one(trainings, folder):
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    ended([launch(program(trainings("transformer", "pair")), XLA_FLAGS=flags)])
    assert_like(folder / "transformer-pair", folder / "transformer-one")


@needs_jax
def test_more_devices_than_there_are(cli, data, folder, bert_preset):
    status, _, told = cli(*training("transformer", data, folder / "many", bert_preset, "--devices", "3"))
    assert status == 2
    assert "--devices must be from 1 to the 1 that are here. Received: --devices=3" in told
    assert not (folder / "many").exists()


@pytest.mark.skipif(BACKEND == "jax", reason="jax trains on several devices")
def test_other_backends_say_what_to_do(monkeypatch):
    assert find_devices(1).count == find_devices().count == 1
    with pytest.raises(InputError, match=rf"--devices 2: the backend {BACKEND} .* set KERAS_BACKEND=jax"):
        find_devices(2)
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(InputError, match=r"KERAS_DISTRIBUTION_….* set KERAS_BACKEND=jax"):
        find_devices()


def some_split(soft):
    split = make_split([*range(3, 38)] * 3)
    likely = np.float32([[0.8, 0.2], [0.1, 0.9]])[split.labels]
    return dataclasses.replace(split, soft_labels=likely) if soft else split


def shared(process, processes=2, devices=4, soft=False, **options):
    names = tuple(f"cpu:{number}" for number in range(devices))
    return ReviewBatches(
        some_split(soft),
        TOKENIZER,
        INPUTS,
        10,
        7,
        devices=Devices(names, processes, process),
        **options,
    )


@pytest.mark.once
@pytest.mark.parametrize("weights", [None, {0: 0.5, 1: 3.0}])
@pytest.mark.parametrize("soft", [False, True])
def test_shares_of_a_batch_make_up_the_batch(weights, soft):
    alone = ReviewBatches(some_split(soft), TOKENIZER, INPUTS, 10, 7)
    parts = [shared(process, class_weight=weights, soft=soft) for process in (0, 1)]
    assert {part.num_batches for part in parts} == {alone.num_batches}
    for index in range(alone.num_batches):
        inputs, labels = alone[index]
        found = [part[index] for part in parts]
        assert {len(each[1]) for each in found} == {-(-len(labels) // 4) * 2}
        joined = {name: np.concatenate([each[0][name] for each in found]) for name in inputs}
        row_weights = np.concatenate([each[2] for each in found])
        rows, full = len(labels), len(row_weights)
        for name in inputs:
            np.testing.assert_array_equal(joined[name][:rows], inputs[name])
        np.testing.assert_array_equal(np.concatenate([each[1] for each in found])[:rows], labels)
        of_label = np.array([1.0, 1.0] if weights is None else [0.5, 3.0])
        labels = labels.argmax(axis=1) if soft else labels
        np.testing.assert_allclose(row_weights[:rows], of_label[labels] * full / rows, rtol=1e-6)
        assert not row_weights[rows:].any()
        assert (joined["token_ids"][rows:, 0] == TOKENIZER.cls_id).all()
        assert (joined["padding_mask"][rows:].sum(axis=1) == 1).all()


@pytest.mark.once
def test_an_empty_share_is_all_padding():
    last = shared(3, processes=4, devices=4)
    step = last.batch_sizes.index(min(last.batch_sizes))
    rows = last.batch_sizes[step]
    inputs, labels, weights = last[step]
    assert len(labels) == -(-rows // 4)
    assert len(inputs["token_ids"]) == len(weights) == len(labels)


def test_rows_that_fill_a_batch_change_no_loss():
    """They have weights of zero."""
    model = build()
    split = make_split([9, 12, 20])
    names = ("cpu:0", "cpu:1")
    plain = ReviewBatches(split, TOKENIZER, INPUTS, 3, 7)[0]
    filled = ReviewBatches(split, TOKENIZER, INPUTS, 3, 7, devices=Devices(names))[0]
    assert len(filled[1]) == 4
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = [
        float(keras.ops.convert_to_numpy(loss(labels, model(inputs, training=True), *weights)))
        for inputs, labels, *weights in (plain, filled)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)

"""What holds for every test: a backend, quiet logs, fixed seeds; and what many share, made once a session."""

from __future__ import annotations

import os
from pathlib import Path

# Before the first import of Keras or TensorFlow, which read them once.
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# jax compiles each program once, and not once a model: processes of tests share what is compiled, too.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / "build" / "jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Compiling takes longer than what is compiled: tiny models run a few steps.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
)

import random
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from keras_sentiment.data.corpus import Corpus
    from keras_sentiment.inference.artifact import Artifact
    from keras_sentiment.runs.run import Run


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Every test starts from the same random state, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    # Tests that do not need Keras should not wait for its import.
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Corpus:
    """A prepared corpus of 200 made-up reviews; not to be written to."""
    from helpers.tiny import make_corpus

    return make_corpus(tmp_path_factory.mktemp("corpus") / "data")


@pytest.fixture(scope="session")
def trained_run(corpus, tmp_path_factory) -> Run:
    """A tiny Transformer, trained on the corpus; not to be written to."""
    from helpers.tiny import train

    return train(corpus, tmp_path_factory.mktemp("trained") / "run")


@pytest.fixture(scope="session")
def bert_preset(tmp_path_factory) -> str:
    """The folder of a tiny BERT with random weights, and its vocabulary."""
    from helpers.tiny import make_bert_preset

    return make_bert_preset(tmp_path_factory.mktemp("preset") / "bert")


@pytest.fixture(scope="session")
def artifacts(trained_run, corpus, tmp_path_factory) -> dict[str, Artifact]:
    """The trained run in each format; on torch alone, which exports. Not to be written to."""
    from keras_sentiment.exporting.exporter import export_run

    formats = ("onnx", "onnx_int8", "openvino", "tf_saved_model", "torch")
    out = tmp_path_factory.mktemp("artifacts")
    made = export_run(trained_run, out, formats, data=corpus.path, force=True, say=lambda _: None)
    return {artifact.format: artifact for artifact in made}


@pytest.fixture
def engine():
    """A model for a server that counts words."""
    from helpers.served import WordEngine  # with it come the server's packages, which few tests need

    return WordEngine()


@pytest.fixture
def port(engine):
    """Of a server of that model."""
    from helpers.served import make_classifier, serving

    with serving(make_classifier(engine)) as port:
        yield port


@pytest.fixture
def cli(monkeypatch, capfd):
    """Runs `keras-sentiment` with some arguments; returns its exit status and its two streams."""
    from keras_sentiment.scripts import command_line

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["keras-sentiment", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            command_line.main()
        except SystemExit as stop:
            status = stop.code
        return status, *capfd.readouterr()

    return call

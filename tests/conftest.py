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
# Ray's workers would wait for whatever else runs.
os.environ.setdefault("RAY_worker_niceness", "0")

import random
import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import keras

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
def transformer(corpus, tmp_path_factory) -> tuple[keras.Model, Run]:
    """A tiny Transformer, not trained, and the run that it was saved in; not to be written to."""
    from helpers.tiny import build, save_run

    model = build()
    return model, save_run(tmp_path_factory.mktemp("runs") / "transformer", corpus, model)


@pytest.fixture(scope="session")
def bert(corpus, bert_preset, tmp_path_factory) -> tuple[keras.Model, Run]:
    """A tiny BERT, not trained, and the run that it was saved in; not to be written to."""
    from helpers.tiny import make_bert

    return make_bert(bert_preset, corpus, tmp_path_factory.mktemp("runs") / "bert")


@pytest.fixture
def copy(transformer, tmp_path) -> Path:
    """The path of a complete run that a test may damage."""
    return Path(shutil.copytree(transformer[1].path, tmp_path / "copy"))


@pytest.fixture(scope="session")
def exported_run(corpus, tmp_path_factory) -> Run:
    """A run with a temperature and a threshold, that many texts lie on both sides of."""
    from helpers.exported import save_scattered
    from helpers.tiny import build

    return save_scattered(tmp_path_factory.mktemp("exported") / "small", corpus, build(), seed=100)


@pytest.fixture(scope="session")
def artifacts(exported_run, corpus, tmp_path_factory) -> dict[str, Artifact]:
    """That run in each format, by name; on torch alone, which exports. Not to be written to."""
    from keras_sentiment.exporting.exporter import export
    from keras_sentiment.inference.artifact import GRAPH_FILES

    out = tmp_path_factory.mktemp("artifacts") / "out"
    made = export(exported_run, out, list(GRAPH_FILES), data=corpus.path, force=True)
    assert [artifact.path for artifact in made] == [out / name for name in GRAPH_FILES]
    assert {item.name for item in out.iterdir()} == set(GRAPH_FILES)
    return dict(zip(GRAPH_FILES, made, strict=True))


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
    from keras_sentiment import progress
    from keras_sentiment.scripts import command_line

    monkeypatch.setattr(progress, "SECONDS", 3600.0)  # a slow machine has no more lines to show

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

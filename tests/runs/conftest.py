"""What the tests of runs share, made once a module."""

import shutil

import pytest

from helpers.tiny import build, make_corpus, save_run


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("runs") / "data", 60)


@pytest.fixture(scope="module")
def transformer(corpus, tmp_path_factory):
    model = build()
    return model, save_run(tmp_path_factory.mktemp("runs") / "transformer", corpus, model)


@pytest.fixture
def copy(transformer, tmp_path):
    """The path of a run that a test may damage."""
    return shutil.copytree(transformer[1].path, tmp_path / "copy")

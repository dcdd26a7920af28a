"""What the tests of evaluation share, made once a session; not to be written to."""

import dataclasses

import pytest

from helpers.pages import HOSTILE
from helpers.tiny import RECIPE, make_corpus, train


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    return make_corpus(tmp_path_factory.mktemp("report") / "data", 300)


@pytest.fixture(scope="session")
def run(corpus, tmp_path_factory):
    return train(corpus, tmp_path_factory.mktemp("report") / "tiny <run>", RECIPE.replace(sequence_length=8))


@pytest.fixture(scope="session")
def split(corpus):
    """The test part, with one review that is more than a review."""
    part = corpus.splits["test"]
    records = [record._replace(text=HOSTILE) if n == 3 else record for n, record in enumerate(part.records())]
    return dataclasses.replace(part, records=lambda: iter(records))

"""What the tests of a cluster's work share, made once a module."""

import pytest

from helpers.served import write_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("artifact") / "words")


@pytest.fixture(autouse=True)
def short_parts(monkeypatch, request):
    """A module may say how many rows a part has."""
    monkeypatch.setattr("keras_sentiment.cluster.partition.PART_ROWS", getattr(request.module, "ROWS", 4))

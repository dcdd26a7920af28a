"""Fixtures for the tests of prediction on a cluster."""

import pytest

from helpers.served import write_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return write_artifact(tmp_path_factory.mktemp("artifact") / "words")


@pytest.fixture(autouse=True)
def short_parts(monkeypatch, request):
    """Sets the rows of a part to `ROWS` of the test module, or 4."""
    monkeypatch.setattr("keras_sentiment.cluster.partition.PART_ROWS", getattr(request.module, "ROWS", 4))

"""How many connections there may be."""

import resource

import pytest

from keras_sentiment.errors import InputError
from keras_sentiment.serving import descriptors
from keras_sentiment.serving.descriptors import MAX_CONNECTIONS, connection_limit

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("files", "most"),
    [(64, 32), (128, 64), (1024, 960), (1 << 20, MAX_CONNECTIONS), (resource.RLIM_INFINITY, MAX_CONNECTIONS)],
)
def test_as_many_as_files_may_be_open(files, most, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda name: (files, files))
    assert connection_limit(0) == most
    assert connection_limit(7) == 7


def test_more_than_that_is_a_mistake(monkeypatch):
    monkeypatch.setattr(descriptors, "_file_limit", lambda: 1024)
    assert connection_limit(960) == 960
    with pytest.raises(InputError, match=r"max_connections=961: .* 1024 files.* allows 960 .*ulimit -n"):
        connection_limit(961)

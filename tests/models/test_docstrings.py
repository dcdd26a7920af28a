"""The examples in the docstrings of layers and models run."""

import doctest
import importlib

import pytest

import keras_sentiment

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore:.*was not adapted")]

MODULES = ("dropout", "encoder_block", "layers", "ngrams", "precision")


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    found = doctest.DocTestFinder().find(importlib.import_module(f"keras_sentiment.models.{module}"))
    # tests/test_examples.py runs those of the public names.
    tests = [
        test for test in found if test.examples and test.name.split(".")[-1] not in keras_sentiment.__all__
    ]
    assert tests
    for test in tests:
        output = []
        assert doctest.DocTestRunner().run(test, out=output.append).failed == 0, "".join(output)

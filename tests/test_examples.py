"""The examples in the docstrings of the public names run."""

import ast
import doctest
import re
import shutil
from pathlib import Path

import keras
import pytest

import keras_sentiment
from helpers.tiny import RECIPE, TOKENIZER, WORDS
from keras_sentiment.recipes import Recipe

pytestmark = pytest.mark.once

# A dict has no docstring of its own, so the docstring of `Recipe` shows both.
CONSTANTS = {"BERT_RECIPES", "TRANSFORMER_RECIPES"}
DOCUMENTED = [name for name in keras_sentiment.__all__ if name not in CONSTANTS]
REFERENCE = Path(__file__).parents[1] / "docs" / "reference.md"


def examples_of(name):
    """Returns the examples of a name and of its methods."""
    found = doctest.DocTestFinder(exclude_empty=True).find(getattr(keras_sentiment, name), name, module=False)
    return [test for test in found if test.examples]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus of 200 texts of three words; the first word determines the label."""
    folder = tmp_path_factory.mktemp("examples")
    TOKENIZER.save(folder / "words")
    pairs = [
        (f"{first} {second} {third}", {"good": "positive", "bad": "negative"}[first])
        for first in ("good", "bad")
        for second in WORDS
        for third in WORDS
    ]
    return keras_sentiment.prepare(pairs, folder / "data", tokenizer=str(folder / "words"), quiet=True)


@pytest.fixture(scope="module")
def good_run(corpus, tmp_path_factory):
    """A run that is trained on this corpus."""
    recipe = RECIPE.replace(epochs=8, patience=0, sequence_length=64)
    return keras_sentiment.train(corpus, tmp_path_factory.mktemp("good") / "run", recipe, quiet=True)


@pytest.fixture
def world(corpus, good_run, tmp_path, monkeypatch):
    """Returns the names that the examples use, with a run in the folder that they use."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(good_run.path, "runs/films")
    run = keras_sentiment.open_run("runs/films")
    names = {name: getattr(keras_sentiment, name) for name in keras_sentiment.__all__}
    return {**names, "keras": keras, "corpus": corpus, "run": run, "classifier": keras_sentiment.load(run)}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_examples_run(name, world):
    tests = examples_of(name)
    assert tests, f"{name} has no example"
    if name != "prepare":  # the example of `prepare` creates the folder
        shutil.copytree(world["corpus"].path, "data/films")
    for test in tests:
        test.globs = dict(world)
        told = []
        runner = doctest.DocTestRunner(verbose=False)
        runner.run(test, out=told.append)
        assert runner.summarize(verbose=False).failed == 0, "".join(told)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstrings_describe_every_argument(name):
    """Every argument of a function and every field of a class."""
    value = getattr(keras_sentiment, name)
    code = value.__init__ if isinstance(value, type) else value
    arguments = code.__code__.co_varnames[: code.__code__.co_argcount + code.__code__.co_kwonlyargcount]
    assert [a for a in arguments if a != "self" and not re.search(rf"\b{a}\b", value.__doc__)] == []


def test_the_example_of_recipe_shows_the_constants():
    assert all(re.search(rf">>> .*\b{name}\b", Recipe.__doc__) for name in CONSTANTS)


def test_the_reference_page_has_every_name():
    described = re.findall(r"^### `(\w+)", REFERENCE.read_text("utf-8"), re.MULTILINE)
    assert sorted(described) == sorted(keras_sentiment.__all__)


def test_the_users_script_has_every_name():
    """`make lint` checks the script with `mypy --strict`."""
    tree = ast.parse((Path(__file__).parent / "typing" / "user_script.py").read_text("utf-8"))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert set(keras_sentiment.__all__) <= used

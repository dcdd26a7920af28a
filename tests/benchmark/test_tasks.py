"""The contenders of each task, and the figures of their timings."""

import pickle

import numpy as np
import pytest

from keras_sentiment.benchmark import tasks
from keras_sentiment.benchmark.setting import Setting
from keras_sentiment.benchmark.tasks import Contenders, Entry, require_setting
from keras_sentiment.benchmark.turns import Contender, Timing
from keras_sentiment.errors import InputError
from keras_sentiment.recipes import BERT_RECIPES, TRANSFORMER_RECIPES, Recipe
from keras_sentiment.scripts.benchmark_speed import TASKS

pytestmark = pytest.mark.once

CPU = Setting("cpu", "float32", 1)


def test_operations_of_a_block():
    """They equal a count of each matrix product, for two reviews, without padding."""

    def products(length, width, inner):
        projections = 4 * length * width * width + 2 * length * width * inner
        return 2 * (projections + 2 * length * length * width)

    lengths = np.array([10, 30])
    forward = (products(10, 128, 256) + products(30, 128, 256)) / 2
    assert tasks._operations(lengths, 1, 0, 128, 256) == pytest.approx(forward)
    # The backward pass of a trainable block counts twice; a frozen block has none.
    assert tasks._operations(lengths, 2, 4, 128, 256) == pytest.approx((2 + 3 * 4) * forward)


def contenders(setting=CPU, backends=("torch", "jax")):
    return Contenders("data", 64, 1, backends, setting, np.array([10, 30]))


def test_the_figures_of_a_row():
    contender = Contender("ours", print, (), {})
    timing = Timing(100, 10.0, facts={"device": "cpu", "precision": "float32", "threads": 1})
    row = tasks._row(Entry(contender, 4.0, ("numpy",)), timing, {"loop": Timing(10, 5.0)}, 200.0)
    assert row["times_as_fast_as"] == {"loop": 5.0}
    assert row["reviews_per_second"] == 10
    assert row["share_of_peak"] == pytest.approx(0.2)
    assert (row["device"], row["precision"], row["threads"]) == ("cpu", "float32", 1)
    assert row["versions"] == {"numpy": np.__version__}


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("task", TASKS)
def test_contenders_of_a_task(task, precision):
    setting = Setting("cpu", precision, 1)
    entries = contenders(setting).entries(task)
    assert 1 <= sum(entry.peer for entry in entries) < len(entries)
    assert len({entry.contender.name for entry in entries}) == len(entries)
    for entry in entries:
        contender = entry.contender
        assert pickle.loads(pickle.dumps(contender)) == contender  # it is sent to another process
        given = [a for a in contender.arguments if isinstance(a, (Setting, Recipe))]
        assert [a.training.precision if isinstance(a, Recipe) else a.precision for a in given] == [precision]
        assert contender.cores == 1
        assert contender.environment["OMP_NUM_THREADS"] == "1"
        assert contender.environment["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize("kind", ["transformer", "bert"])
def test_training_is_compared_with_equal_settings(kind):
    """The recipes are the loop's network, the network alone in batches of 32, and the default."""
    entries = {entry.contender.name: entry.contender for entry in contenders().entries(f"train-{kind}")}
    recipes = {name: c.arguments[2] for name, c in entries.items() if isinstance(c.arguments[2], Recipe)}
    ours = "keras_sentiment, torch, the loop's network"
    loop = recipes[ours]
    assert entries[ours].arguments[1] == entries["plain torch loop, padded to 512"].arguments[1]
    assert (loop.inputs.pad_to, loop.training.batch_size) == (512, 32)
    assert loop.model.ngrams == 0
    for backend in ("torch", "jax"):
        alone = recipes[f"keras_sentiment, {backend}, network alone"]
        assert (alone.model.ngrams, alone.training.batch_size) == (0, 32)
    default = (TRANSFORMER_RECIPES if kind == "transformer" else BERT_RECIPES)["default"]
    expected = default.replace(precision="float32", preset="minilm" if kind == "bert" else None)
    assert recipes["keras_sentiment, torch, default recipe"] == expected


@pytest.mark.parametrize(
    ("part", "found"), [("device", "gpu"), ("precision", "mixed_bfloat16"), ("threads", 2)]
)
def test_a_contender_with_another_setting_is_refused(part, found):
    facts = {"device": "cpu", "precision": "float32", "threads": 1}
    require_setting("it", CPU, facts)
    with pytest.raises(
        InputError, match=rf"it: its {part} is {found}, not .*; leave its backend out with --backend"
    ):
        require_setting("it", CPU, {**facts, part: found})


def test_int8_weights_are_allowed():
    facts = {"device": "cpu", "threads": 1}
    require_setting("it", CPU, {**facts, "precision": "float32, weights int8"})
    with pytest.raises(InputError, match="precision"):
        require_setting("it", CPU, {**facts, "precision": "int8"})


def test_the_steps_end_with_the_default_recipe():
    entries = contenders().entries("steps-transformer")
    recipes = [entry.contender.arguments[-1] for entry in entries]
    assert [recipe.inputs.pad_to for recipe in recipes[:3]] == [512, 512, "longest"]
    assert len({recipe.training.batch_size for recipe in recipes[:3]}) == 1
    assert recipes[0].model.attention_dropout > 0
    assert recipes[-1] == TRANSFORMER_RECIPES["default"].replace(precision="float32")

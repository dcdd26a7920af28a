"""The figures made of the contenders' timings."""

import pickle

import numpy as np
import pytest

from keras_sentiment.benchmark import tasks
from keras_sentiment.benchmark.turns import Timing
from keras_sentiment.recipes import TRANSFORMER_RECIPES
from keras_sentiment.scripts.benchmark_speed import TASKS

pytestmark = pytest.mark.once


def test_useful_operations_of_a_block():
    """Counted product by product for two reviews of one block that trains, padding left out."""

    def products(length, width, inner):
        projections = 4 * length * width * width + 2 * length * width * inner
        return 2 * (projections + 2 * length * length * width)

    lengths = np.array([10, 30])
    forward = (products(10, 128, 256) + products(30, 128, 256)) / 2
    assert tasks._operations(lengths, 1, 0, 128, 256) == pytest.approx(forward)
    # What trains is run once forward and twice backward, what is frozen only forward.
    assert tasks._operations(lengths, 2, 4, 128, 256) == pytest.approx((2 + 3 * 4) * forward)


def test_ratios_are_to_peers():
    row = tasks._row("ours", Timing(100, 10.0), {"loop": Timing(10, 5.0)}, 0.02)
    assert row["times_as_fast_as"] == {"loop": 5.0}
    assert row["reviews_per_second"] == 10
    assert row["share_of_peak"] == pytest.approx(0.2)


@pytest.mark.parametrize("bfloat16", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_contenders_of_a_task(task, bfloat16):
    entries = tasks._Field("data", 64, 1, ("torch", "jax"), bfloat16, np.array([10, 30])).entries(task)
    assert 1 <= sum(entry.peer for entry in entries) < len(entries)
    assert len({entry.contender.name for entry in entries}) == len(entries)
    told = [entry for entry in entries if "bfloat16" in entry.contender.name]
    assert bool(told) == (bfloat16 and (task.startswith("train") or task.startswith("steps")))
    for entry in entries:
        assert pickle.loads(pickle.dumps(entry.contender)) == entry.contender  # they go to another process


def test_steps_end_with_the_recipe_that_is_the_default():
    entries = tasks._Field("data", 64, 1, ("torch",), False, np.array([10, 30])).entries("steps-transformer")
    recipes = [entry.contender.arguments[-1] for entry in entries]
    assert [recipe.inputs.pad_to for recipe in recipes[:3]] == [512, 512, "longest"]
    assert len({recipe.training.batch_size for recipe in recipes[:3]}) == 1
    assert recipes[0].model.attention_dropout > 0
    assert recipes[-1] == TRANSFORMER_RECIPES["default"]

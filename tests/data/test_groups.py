"""Groups of reviews, from the source to the split that is evaluated."""

import json

import numpy as np
import pandas as pd
import pytest

from helpers.made_up import VOCABULARY, make_reviews
from helpers.readers import write_tree
from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.encoded_split import Split, concatenate
from keras_sentiment.data.evaluation_split import open_evaluation_split
from keras_sentiment.data.groups import NEIGHBOURS, number_groups, where_all_known
from keras_sentiment.data.preparation import prepare, prepare_corpus
from keras_sentiment.data.summary import summarize
from keras_sentiment.errors import InputError
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once

LABELS = ["negative", "positive"]
BY_FILM = PrepareConfig(group_column="film")


def grouped(count=200, films=23):
    """Reviews of films, in random order."""
    rng = np.random.default_rng(1)
    return [
        review._replace(group=f"film {film}")
        for review, film in zip(make_reviews(count), rng.integers(0, films, count), strict=True)
    ]


def partition(split, name_of):
    """The number of each group by its name; checks that a name has exactly one number."""
    found = {}
    for record, number in zip(split.records(), split.groups.tolist(), strict=True):
        assert found.setdefault(name_of(record), number) == number
    assert len(set(found.values())) == len(found)
    return found


def imdb(folder, parts=("train", "test"), count=120, word="worda"):
    """Writes reviews in aclImdb's layout."""
    files = {
        f"{part}/{label}/{n}_{rating}.txt": f"{part} {label} {word} {n}"
        for part in parts
        for label, rating in (("neg", 2), ("pos", 9))
        for n in range(count)
    }
    return write_tree(folder, files)


def block(record):
    """The group of a review of aclImdb."""
    *part, label, name = record.source.split("/")
    return (*part, label, int(name.split("_")[0]) // NEIGHBOURS)


def test_a_named_group_has_the_same_number_in_all_splits(tmp_path, tokenizer):
    named = grouped()
    info = prepare_corpus(named, tmp_path / "data", tokenizer, quiet=True)
    film = {review.source: review.group for review in named}
    corpus = open_corpus(tmp_path / "data")
    together = {}
    for name, split in corpus.splits.items():
        found = partition(split, lambda record: film[record.source])
        assert len(found) == info["splits"][name]["groups"]
        assert not together.keys() & found.keys()  # a film is in one split
        assert not set(together.values()) & set(found.values())
        together |= found
    assert len(together) == 23
    counts = [str(split["groups"]) for split in info["splits"].values()]
    assert ["groups", *counts] in [line.split() for line in summarize(info).splitlines()]


def test_neighbouring_positions_are_a_group(tmp_path, tokenizer):
    """A group has fifty positions of one label and one part of the source."""
    corpora = [
        prepare_corpus(make_reviews(400, positions=True), tmp_path / "made", tokenizer, quiet=True),
        prepare(imdb(tmp_path / "imdb"), tmp_path / "data", tokenizer="learn", quiet=True).info,
    ]
    made, folder = (open_corpus(tmp_path / name) for name in ("made", "data"))
    for split in made.splits.values():
        partition(split, lambda record: (record.label, int(record.source[5:]) // NEIGHBOURS))
    numbers = [partition(split, block) for split in folder.splits.values()]
    assert [len(found) for found in numbers] == [6, 2, 6]
    # The last block of train is divided between two splits: it has the same number in both.
    assert {key: numbers[0][key] for key in numbers[1]} == numbers[1]
    assert not set(numbers[0].values()) & set(numbers[2].values())
    assert [info["splits"]["test"]["groups"] for info in corpora] == [2, 6]


@pytest.mark.parametrize("divided", [False, True])
def test_a_given_test_source_has_groups_unless_it_is_split_itself(tmp_path, divided):
    """If the test source has splits itself, its positions can't be combined, so it has no groups."""
    source = imdb(tmp_path / "imdb")
    test = imdb(tmp_path / "other", ("train", "test") if divided else ("test",), word="wordb")
    corpus = prepare(
        source / "train",
        tmp_path / "data",
        test=test if divided else test / "test",
        tokenizer="learn",
        quiet=True,
    )
    groups = {name: part["groups"] for name, part in corpus.info["splits"].items()}
    assert groups == {"train": 6, "validation": 2, "test": None if divided else 6}
    assert (corpus.splits["test"].groups is None) == divided
    if not divided:
        numbers = [set(partition(corpus.splits[name], block).values()) for name in ("train", "test")]
        assert not numbers[0] & numbers[1]


def test_a_split_with_a_review_without_group_has_no_groups(tmp_path, tokenizer):
    named = [
        review._replace(split="test" if n % 3 == 0 else None, group=None if n == 9 else review.group)
        for n, review in enumerate(grouped())
    ]
    info = prepare_corpus(named, tmp_path / "data", tokenizer, quiet=True)
    corpus = open_corpus(tmp_path / "data")
    assert info["splits"]["test"]["groups"] is corpus.splits["test"].groups is None
    assert not (tmp_path / "data" / "test" / "groups.npy").exists()
    assert info["splits"]["train"]["groups"] == len(np.unique(corpus.splits["train"].groups))


def test_without_groups_there_is_no_file(prepared):
    corpus = open_corpus(prepared)
    assert not list(prepared.rglob("groups.npy"))
    assert [split.groups for split in corpus.splits.values()] == [None] * 3
    assert "groups" not in summarize(corpus.info)


def test_storing_groups_does_not_change_the_splits(tmp_path):
    """The fingerprints are those from before groups were stored."""
    tokenizer = Tokenizer(VOCABULARY)
    table = pd.DataFrame(
        {
            "text": [f"review number {n} is {'good' if n % 2 else 'bad'}" for n in range(300)],
            "label": [n % 2 for n in range(300)],
            "film": [f"film {n % 37}" for n in range(300)],
        }
    )
    tokenizer.save(tmp_path / "words")
    expected = {
        "table": [(240, "f1220b7852c57823"), (30, "5fe2b50c2a236411"), (30, "056fcb7805bfd5e9")],
        "films": [(224, "2ecfb162137b1210"), (41, "f9994eaf7a65f52a"), (35, "7b91a3777685db1e")],
    }
    for name, config in (("table", None), ("films", BY_FILM)):
        corpus = prepare(table, tmp_path / name, config=config, tokenizer=str(tmp_path / "words"), quiet=True)
        found = [(part["reviews"], part["fingerprint"][:16]) for part in corpus.info["splits"].values()]
        assert found == expected[name]


def test_group_numbers():
    named, positions = np.array([4, -1, 4, -1, -1, -1, 0]), np.array([-1, 49, 7, 50, 0, -1, -1])
    numbers = number_groups(named, positions, np.zeros(7, np.int32), np.zeros(7, np.int8))
    assert numbers.tolist() == [4, 5, 4, 6, 5, -1, 0]
    assert where_all_known(numbers) is where_all_known(numbers[:0]) is None
    assert where_all_known(numbers[:5]).tolist() == [4, 5, 4, 6, 5]
    unknown = np.full(3, -1)
    assert number_groups(unknown, unknown, np.zeros(3, int), np.zeros(3, int)).tolist() == [-1] * 3


def test_parts_of_a_split_keep_their_groups(tmp_path, tokenizer):
    prepare_corpus(grouped(), tmp_path / "data", tokenizer, quiet=True)
    splits = open_corpus(tmp_path / "data").splits
    train, test = splits["train"], splits["test"]
    group_of = dict(zip((record.source for record in train.records()), train.groups.tolist(), strict=True))
    for part in (train.take([1, 5, 60]), train.subsample(50, 1), train.encoded_by(TOKENIZER)):
        assert part.groups.tolist() == [group_of[record.source] for record in part.records()]
    both = concatenate(test, train)
    assert both.groups.tolist() == [*test.groups.tolist(), *train.groups.tolist()]
    assert concatenate(train, Split.from_texts(["worda"], tokenizer)).groups is None
    assert Split.from_texts(["worda", "wordb"], tokenizer, groups=np.array([3, 3])).groups.tolist() == [3, 3]


def test_a_source_that_is_not_prepared_has_groups(tmp_path):
    rows = reviews(60)
    table = pd.DataFrame(
        {
            "text": [review.text for review in rows],
            "label": [review.label for review in rows],
            "film": [f"film {n % 7}" for n in range(60)],
        }
    )
    _, split = open_evaluation_split(table, None, TOKENIZER, LABELS, BY_FILM)
    assert len(partition(split, lambda record: (int(record.source.split()[-1]) - 1) % 7)) == 7
    assert open_evaluation_split(table, None, TOKENIZER, LABELS, PrepareConfig())[1].groups is None
    folder = imdb(tmp_path / "imdb")
    for name, blocks in (("test", 6), ("train", 6), (None, 6)):
        _, split = open_evaluation_split(folder, name, TOKENIZER, LABELS, PrepareConfig())
        assert len(partition(split, block)) == blocks
    _, split = open_evaluation_split(folder, None, TOKENIZER, LABELS, PrepareConfig(), order=())
    assert len(partition(split, block)) == 12


def test_a_long_number_is_not_a_position(tmp_path):
    """Some file names are a date and time."""
    folder = write_tree(
        tmp_path / "films",
        {
            f"{label}/2026112618553200{n:06}_1.txt": f"{label} {n}"
            for label in ("neg", "pos")
            for n in range(9)
        },
    )
    corpus = prepare(folder, tmp_path / "data", tokenizer="learn", quiet=True)
    assert corpus.splits["train"].groups is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.unlink(),
        lambda file: file.write_bytes(file.read_bytes()[:-4]),
        lambda file: np.save(file, np.load(file)[:-1]),
        lambda file: np.save(file, np.load(file).astype(np.int32)),
        lambda file: np.save(file, np.load(file) - 1000),
        lambda file: np.save(file, np.arange(len(np.load(file)))),
        lambda file: np.save(file, np.load(file)[:, None]),
    ],
)
def test_damaged_groups_are_an_error(tmp_path, tokenizer, damage):
    prepare_corpus(grouped(), tmp_path / "data", tokenizer, quiet=True)
    damage(tmp_path / "data" / "validation" / "groups.npy")
    with pytest.raises(
        InputError, match=r"validation: the corpus is damaged \(groups\.npy.*--overwrite"
    ) as caught:
        open_corpus(tmp_path / "data")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("change", [lambda part: part.pop("groups"), lambda part: part.update(groups="many")])
def test_a_data_json_without_groups_is_an_error(prepared, change):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    change(info["splits"]["test"])
    (prepared / "data.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match=r"data\.json: a key is missing or wrong.*--overwrite"):
        open_corpus(prepared)

"""Preparation of a corpus: cleaning, splitting, encoding, in bounded memory, written atomically."""

import tracemalloc

import numpy as np
import pytest
from rich.cells import cell_len

from helpers.made_up import VOCABULARY, contents, make_reviews
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare_corpus
from keras_sentiment.data.reviews import Review
from keras_sentiment.data.summary import summarize
from keras_sentiment.errors import InputError
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once


def test_a_prepared_corpus_has_the_reviews(tmp_path, tokenizer):
    reviews = make_reviews()
    info = prepare_corpus(
        reviews, tmp_path / "data", tokenizer, source="made", tokenizer_name="tiny", quiet=True
    )
    corpus = open_corpus(tmp_path / "data")
    assert corpus.info == info
    assert corpus.labels == ["negative", "positive"]
    assert info["tokenizer"] == {"name": "tiny", "sha256": corpus.tokenizer().sha256, "vocabulary_size": 31}
    by_source = {review.source: review for review in reviews}
    seen = []
    for name, split in corpus.splits.items():
        assert isinstance(split.ids, np.memmap)
        assert split.ids.dtype == np.uint16
        assert len(split) == len(split.lengths) == info["splits"][name]["reviews"]
        assert split.fingerprint == info["splits"][name]["fingerprint"]
        assert split.lengths.sum() == len(split.ids) == info["splits"][name]["tokens"]
        for index, record in enumerate(split.records()):
            review = by_source[record.source]
            assert record.text == clean(review.text)
            assert (
                record.label
                == corpus.labels[split.labels[index]]
                == {"neg": "negative", "pos": "positive"}[review.label]
            )
            np.testing.assert_array_equal(split[index], tokenizer.encode([record.text])[0])
            seen.append(record.source)
    assert sorted(seen) == sorted(by_source)


def test_a_large_vocabulary_gets_wide_ids(tmp_path):
    tokenizer = Tokenizer([*VOCABULARY, *(f"filler{i}" for i in range(70_000)), "lastword"])
    reviews = [review._replace(text=review.text + " lastword") for review in make_reviews(20)]
    prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)
    split = open_corpus(tmp_path / "data").splits["train"]
    assert split.ids.dtype == np.int32
    assert all(split[i][-1] == tokenizer.vocabulary_size - 1 for i in range(len(split)))


def test_the_fingerprint_does_not_depend_on_the_order(tmp_path, tokenizer):
    for name, reviews in (("a", make_reviews()), ("b", make_reviews()), ("c", make_reviews()[::-1])):
        prepare_corpus(reviews, tmp_path / name, tokenizer, quiet=True)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    a, c = open_corpus(tmp_path / "a"), open_corpus(tmp_path / "c")
    assert a.info == c.info
    prepare_corpus(make_reviews(seed=1), tmp_path / "d", tokenizer, quiet=True)
    assert open_corpus(tmp_path / "d").info["fingerprint"] != a.info["fingerprint"]
    flipped = [r._replace(label="neg" if r.label == "pos" else "pos") for r in make_reviews()]
    prepare_corpus(flipped, tmp_path / "e", tokenizer, quiet=True)
    assert open_corpus(tmp_path / "e").info["fingerprint"] != a.info["fingerprint"]


def test_splits_share_no_cleaned_text(tmp_path, tokenizer):
    reviews = make_reviews(100) * 2 + [r._replace(text=f"  {r.text}\n<br>") for r in make_reviews(100)]
    info = prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)
    texts = [set(split.texts()) for split in open_corpus(tmp_path / "data").splits.values()]
    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]
    assert not texts[1] & texts[2]
    # Copies go into the split of their text, so none is dropped.
    assert info["dropped"] == {"validation": 0, "train": 0}
    counts = {name: split["reviews"] for name, split in info["splits"].items()}
    assert sum(counts.values()) == 300
    assert 230 <= counts["train"] <= 250


def test_texts_that_differ_only_in_form_share_no_splits(tmp_path, tokenizer):
    """They go into one split; if the source has a test part, copies of its texts are dropped from train."""
    forms = (
        "Café No. {}, GREAT!",
        "cafe no.{},great !",
        "CAFE\u0301  NO. {}, GREAT\uff01",
        "café no. {}, great!",
    )
    pairs = [
        Review(form.format(number), "pos" if number % 2 else "neg", f"{number}")
        for number in range(60)
        for form in forms
    ]
    prepare_corpus(pairs, tmp_path / "data", tokenizer, quiet=True)
    splits = open_corpus(tmp_path / "data").splits
    assert sum(map(len, splits.values())) == 240
    found = {name: {record.source for record in split.records()} for name, split in splits.items()}
    assert not found["train"] & (found["validation"] | found["test"])
    assert not found["validation"] & found["test"]

    own = [review._replace(split="test" if number % 4 == 0 else None) for number, review in enumerate(pairs)]
    with pytest.raises(InputError, match=r"label 'negative' has no review for the train split"):
        prepare_corpus(own, tmp_path / "own", tokenizer, quiet=True)
    more = [
        Review(f"film {n} {'good' if n % 2 else 'bad'}", "pos" if n % 2 else "neg", "") for n in range(200)
    ]
    info = prepare_corpus([*own, *more], tmp_path / "own", tokenizer, quiet=True)
    assert sum(info["dropped"].values()) == 180
    assert [warning for warning in info["warnings"] if "the same text" in warning]


def test_a_film_is_in_one_split(tmp_path, tokenizer):
    prepare_corpus(make_reviews(200, positions=True)[::-1], tmp_path / "data", tokenizer, quiet=True)
    splits = open_corpus(tmp_path / "data").splits
    found = {name: sorted(int(r.source[5:]) for r in split.records()) for name, split in splits.items()}
    assert found == {"train": [*range(160)], "validation": [*range(160, 180)], "test": [*range(180, 200)]}


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, Interrupted])
@pytest.mark.parametrize("place", ["reading", "encoding", "saving"])
def test_an_interruption_leaves_no_files(tmp_path, tokenizer, monkeypatch, error, place):
    def reviews():
        yield from make_reviews()
        if place == "reading":
            raise error

    def broken(*arguments):
        raise error

    path = tmp_path / "new" / "data"
    if place == "encoding":
        monkeypatch.setattr(Tokenizer, "encode", broken)
    if place == "saving":
        monkeypatch.setattr(Tokenizer, "save", broken)
    with pytest.raises(error):
        prepare_corpus(reviews(), path, tokenizer, quiet=True)
    assert list(tmp_path.iterdir()) == []

    monkeypatch.undo()
    prepare_corpus(make_reviews(seed=1), path, tokenizer, quiet=True)
    before = contents(tmp_path)
    if place == "reading":
        with pytest.raises(error):
            prepare_corpus(reviews(), path, tokenizer, overwrite=True, quiet=True)
        assert contents(tmp_path) == before


@pytest.mark.parametrize("text", ["", " \n", "<br /><br />", "\u200b", "\u0301"])
def test_an_empty_review_is_an_error(tmp_path, tokenizer, text):
    reviews = make_reviews()
    reviews[30] = reviews[30]._replace(text=text)
    with pytest.raises(InputError, match=r"made:30: the review has no .* remove it"):
        prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_empty_reviews_are_counted(tmp_path, tokenizer):
    reviews = make_reviews()
    for index in (30, 40, 50):
        reviews[index] = reviews[index]._replace(text="")
    with pytest.raises(InputError, match=r"^3 rows can't be used: made:30: .* \(also made:40, made:50\)"):
        prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)


def test_a_review_of_five_megabytes(tmp_path, tokenizer):
    long = "worda wordb " * 450_000
    reviews = [Review(long, "pos", "long"), *make_reviews(40)]
    prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)
    lengths = [split.lengths.max() for split in open_corpus(tmp_path / "data").splits.values()]
    assert max(lengths) == 900_000


def test_one_label_is_refused(tmp_path, tokenizer):
    reviews = [review for review in make_reviews() if review.label == "pos"]
    with pytest.raises(InputError, match="every review has the label 'pos'"):
        prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)


def test_a_corpus_in_another_language_gets_a_warning(tmp_path, tokenizer):
    # The only unknown word of each review is the number at its end.
    reviews = [review for review in make_reviews() if len(review.text) > 100]
    assert prepare_corpus(reviews, tmp_path / "a", tokenizer, quiet=True)["warnings"] == []
    # A vocabulary with the letters of another alphabet spells every word, so no token is unknown.
    letters = Tokenizer(
        [*VOCABULARY, *"абвгд", *(f"##{letter}" for letter in "абвгд0123456789"), *"0123456789"]
    )
    reviews = [review._replace(text=f"абвгд дгвба {i}") for i, review in enumerate(make_reviews())]
    info = prepare_corpus(reviews, tmp_path / "c", letters, quiet=True)
    assert info["splits"]["train"]["unknown_tokens"] == 0
    assert "into 4." in info["warnings"][0]
    reviews = [review._replace(text=f"слово{i} и ещё worda") for i, review in enumerate(make_reviews())]
    info = prepare_corpus(reviews, tmp_path / "b", tokenizer, quiet=True)
    assert info["splits"]["train"]["unknown_tokens"] == 3 * 160
    assert info["warnings"][0].startswith("75% of the tokens")


def test_memory_does_not_grow_with_the_text(tmp_path, tokenizer, monkeypatch):
    def reviews(count):
        for i in range(count):
            yield Review(f"worda wordb {i} " * 400, "pos" if i % 2 else "neg", str(i))

    monkeypatch.setattr("keras_sentiment.data.chunks.CHUNK_REVIEWS", 20)
    peaks = []
    for count in (50, 400):
        tracemalloc.start()
        prepare_corpus(reviews(count), tmp_path / str(count), tokenizer, quiet=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 350 more reviews have 2 MB more text and 0.8 MB more ids.
    assert peaks[1] - peaks[0] < 300_000


def test_summary_has_the_counts_of_each_split(tmp_path, tokenizer):
    text = summarize(prepare_corpus(make_reviews(2000), tmp_path / "data", tokenizer, quiet=True))
    assert text.splitlines()[0].split() == ["train", "validation", "test"]
    for row in ("reviews 1,600 200 200", "label negative 800 100 100", "label positive 800 100 100"):
        assert row.split() in [line.split() for line in text.splitlines()]


@pytest.mark.parametrize(
    "names", [["0", "1"], ["映画", "y" * 100, "e\u0301"], [f"l{n:02}" for n in range(14)]]
)
def test_summary_columns_align_for_any_label(names):
    counts = {name: 10 * (n + 1) for n, name in enumerate(names)}
    splits = {
        part: {"reviews": sum(counts.values()), "tokens": 9, "groups": groups, "labels": counts}
        for part, groups in (("train", 12_345), ("validation", None), ("test", 1))
    }
    dropped = {"validation": 0, "train": 0}
    rest = {"dropped": dropped, "contradictions": 0, "rejected": 0, "label_names": {}}
    table = summarize({"labels": names, "splits": splits, **rest}).splitlines()[:-2]
    assert len({cell_len(line) for line in table}) == 1
    assert all(name[:39] in "\n".join(table) for name in names[-10:])
    if len(names) > 10:
        others = sum(counts[name] for name in names[:-10])
        assert table[-1].split() == ["4", "other", "labels", *[str(others)] * 3]

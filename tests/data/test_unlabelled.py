"""Unlabelled texts: from anywhere, without held-out ones."""

import pytest

from helpers.masked import unlabelled
from helpers.tiny import TOKENIZER, reviews
from keras_sentiment.data.config import PrepareConfig
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.preparation import prepare, prepare_corpus
from keras_sentiment.data.readers.unlabelled import read_unlabelled
from keras_sentiment.data.summary import summarize
from keras_sentiment.errors import InputError
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once


def test_unlabelled_texts_come_from_anywhere(tmp_path):
    folder = tmp_path / "aclImdb"
    for name, text in {
        "train/unsup/10_0.txt": "ten",
        "train/unsup/9_0.txt": "nine",
        "train/pos/1_9.txt": "x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "lines.txt").write_text("nine\nten\n")
    (tmp_path / "films.csv").write_text("review,label\nnine,pos\nten,\n")
    for source in (folder, folder / "train", folder / "train" / "unsup", tmp_path / "lines.txt"):
        found = list(read_unlabelled(source))
        assert [(review.text, review.label) for review in found] == [("nine", ""), ("ten", "")], source
    config = PrepareConfig(text_column="review")
    assert [review.text for review in read_unlabelled(tmp_path / "films.csv", config)] == ["nine", "ten"]
    (tmp_path / "films.xlsx").write_text("")
    (tmp_path / "empty").mkdir()
    for name, message in (
        ("none", "no such file"),
        ("films.xlsx", "a spreadsheet"),
        ("empty", r"no \.txt files"),
    ):
        with pytest.raises(InputError, match=message):
            list(read_unlabelled(tmp_path / name))


def test_held_out_texts_are_not_among_the_unlabelled(tmp_path):
    named = reviews(60)
    more = (
        [review._replace(label="") for review in named]
        + unlabelled(5, seed=9)
        + [named[0]._replace(text="<br>")]
    )
    info = prepare_corpus(named, tmp_path / "data", TOKENIZER, unlabelled=more, quiet=True)
    corpus = open_corpus(tmp_path / "data")
    known = {text for name in ("validation", "test") for text in corpus.splits[name].texts()}
    found = list(corpus.unlabelled.texts())
    assert not known & set(found)
    assert len(found) == 60 - len(known) + 5 == info["unlabelled"]["reviews"]
    assert set(corpus.unlabelled.labels.tolist()) == {-1}
    assert f"{len(found)} reviews" in summarize(info).partition("unlabelled")[2].partition("\n")[0]


def test_a_vocabulary_is_learned_from_what_may_be_seen(tmp_path):
    named = reviews(60)
    # A word of its own for each text: those that are held out must not have reached the vocabulary.
    own = [
        review._replace(text=f"{review.text} {chr(97 + i // 26)}{chr(97 + i % 26)}zz")
        for i, review in enumerate(named)
    ]
    prepare_corpus(own, tmp_path / "data", 4000, unlabelled=unlabelled(5), quiet=True)
    corpus = open_corpus(tmp_path / "data")
    words = set(corpus.tokenizer().vocabulary)
    for name, split in corpus.splits.items():
        for text in split.texts():
            assert (text.split()[-1] in words) == (name == "train")
    assert {"good", "film", "[MASK]"} <= words
    again = Tokenizer.load(tmp_path / "data" / "tokenizer")
    assert [ids.tolist() for ids in again.encode(["a good film"])] == [
        ids.tolist() for ids in corpus.tokenizer().encode(["a good film"])
    ]
    with pytest.raises(
        InputError, match=r"vocabulary_size must be at least \d+.* Received: vocabulary_size=9"
    ):
        prepare_corpus(own, tmp_path / "small", 9, quiet=True)
    assert not (tmp_path / "small").exists()


def test_options_tell_of_the_first_source_and_of_others_like_it(tmp_path):
    """`--delimiter` is no fault of a .txt file that is given beside."""
    rows = [f"{'good' if n % 2 else 'bad'} film {n}" for n in range(40)]
    (tmp_path / "it.dat").write_text("".join(f"{n % 2};{text}\n" for n, text in enumerate(rows)))
    (tmp_path / "test.jsonl").write_text("".join(f'{{"text": "x {n}", "label": {n}}}\n' for n in range(2)))
    (tmp_path / "more.txt").write_text("one; two\nthree\n")
    (tmp_path / "more.csv").write_text("9;four\n9;five;5\n9;six\n")
    config = PrepareConfig(input_format="csv", delimiter=";", columns=("label", "text"))
    for name, kept in (("more.txt", ["one; two", "three"]), ("more.csv", ["four", "six"])):
        corpus = prepare(
            tmp_path / "it.dat",
            tmp_path / "data",
            test=tmp_path / "test.jsonl",
            unlabelled=tmp_path / name,
            config=config,
            on_error="skip",
            tokenizer="learn",
            vocabulary_size=100,
            overwrite=True,
            quiet=True,
        )
        assert list(corpus.unlabelled.texts()) == kept
        assert corpus.info["splits"]["test"]["reviews"] == 2
        assert corpus.info["rejected"] == (name == "more.csv")

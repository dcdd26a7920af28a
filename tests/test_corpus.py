"""The prepared corpus on disk: whole or not at all, and the same ids out as in."""

import io
import json
import pickle
import tracemalloc

import numpy as np
import pytest

from keras_sentiment.data.chunks import in_chunks
from keras_sentiment.data.corpus import open_corpus
from keras_sentiment.data.encoded_split import Split
from keras_sentiment.data.preparation import prepare_corpus, summarize
from keras_sentiment.data.reviews import Review
from keras_sentiment.errors import InputError
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.tokenizer import Tokenizer

pytestmark = pytest.mark.once

WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(VOCABULARY)


def make_reviews(count: int = 200, positions: bool = False, seed: int = 0) -> list[Review]:
    rng = np.random.default_rng(seed)
    return [
        Review(
            " <br />".join(rng.choice(WORDS, rng.integers(1, 30))) + f" {i}",
            ["neg", "pos"][i % 2],
            f"made:{i}",
            position=i if positions else None,
        )
        for i in range(count)
    ]


def contents(path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}


def test_what_is_written_is_what_is_read(tmp_path, tokenizer):
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
            np.testing.assert_array_equal(split.ids_of(index), tokenizer.encode([record.text])[0])
            seen.append(record.source)
    assert sorted(seen) == sorted(by_source)


def test_a_large_vocabulary_gets_wide_ids(tmp_path):
    tokenizer = Tokenizer([*VOCABULARY, *(f"filler{i}" for i in range(70_000)), "lastword"])
    reviews = [review._replace(text=review.text + " lastword") for review in make_reviews(20)]
    prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)
    split = open_corpus(tmp_path / "data").splits["train"]
    assert split.ids.dtype == np.int32
    assert all(split.ids_of(i)[-1] == tokenizer.vocabulary_size - 1 for i in range(len(split)))


def test_same_reviews_same_bytes_and_order_does_not_reach_the_fingerprint(tmp_path, tokenizer):
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
    assert info["dropped"]["train"] > 0
    assert sum(split["reviews"] for split in info["splits"].values()) + sum(info["dropped"].values()) == 300


def test_films_do_not_straddle(tmp_path, tokenizer):
    prepare_corpus(make_reviews(200, positions=True)[::-1], tmp_path / "data", tokenizer, quiet=True)
    splits = open_corpus(tmp_path / "data").splits
    found = {name: sorted(int(r.source[5:]) for r in split.records()) for name, split in splits.items()}
    assert found == {"train": [*range(160)], "validation": [*range(160, 180)], "test": [*range(180, 200)]}


class Interrupted(BaseException):
    pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, Interrupted])
@pytest.mark.parametrize("place", ["reading", "encoding", "saving"])
def test_an_interruption_leaves_nothing_new(tmp_path, tokenizer, monkeypatch, error, place):
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


def test_only_a_corpus_is_overwritten(tmp_path, tokenizer):
    path = tmp_path / "data"
    path.mkdir()
    prepare_corpus(make_reviews(), path, tokenizer, quiet=True)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--overwrite"):
        prepare_corpus(make_reviews(seed=1), path, tokenizer, quiet=True)
    assert contents(tmp_path) == before
    prepare_corpus(make_reviews(seed=1), path, tokenizer, overwrite=True, quiet=True)
    assert contents(tmp_path) != before
    assert [item.name for item in tmp_path.iterdir()] == ["data"]

    (path / "thesis.txt").write_text("years of work")
    strange = tmp_path / "home"
    strange.mkdir()
    (strange / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("text")
    before = contents(tmp_path)
    for taken in (path, strange, tmp_path / "file"):
        with pytest.raises(InputError, match=str(taken)):
            prepare_corpus(make_reviews(), taken, tokenizer, overwrite=True, quiet=True)
    assert contents(tmp_path) == before


def test_a_link_to_a_corpus_stays_a_link(tmp_path, tokenizer):
    prepare_corpus(make_reviews(), tmp_path / "there", tokenizer, quiet=True)
    (tmp_path / "here").symlink_to(tmp_path / "there")
    prepare_corpus(make_reviews(100), tmp_path / "here", tokenizer, overwrite=True, quiet=True)
    assert (tmp_path / "here").is_symlink()
    assert open_corpus(tmp_path / "there").info["splits"]["train"]["reviews"] == 80


@pytest.mark.parametrize("text", ["", " \n", "<br /><br />", "\u200b", "\u0301"])
def test_empty_reviews_are_named(tmp_path, tokenizer, text):
    reviews = make_reviews()
    reviews[30] = reviews[30]._replace(text=text)
    with pytest.raises(InputError, match=r"made:30: the review has no .* remove it"):
        prepare_corpus(reviews, tmp_path / "data", tokenizer, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_empty_reviews_are_counted(tmp_path, tokenizer):
    reviews = make_reviews()
    for index in (30, 40, 50):
        reviews[index] = reviews[index]._replace(text="")
    with pytest.raises(InputError, match=r"made:30: .*, and 2 more like it"):
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
    # The number at the end of each made review is its only unknown word.
    reviews = [review for review in make_reviews() if len(review.text) > 100]
    assert prepare_corpus(reviews, tmp_path / "a", tokenizer, quiet=True)["warnings"] == []
    # A vocabulary that has another alphabet's letters spells every word, and nothing is unknown.
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
    # 350 more reviews are 2 MB more text and 0.8 MB more ids.
    assert peaks[1] - peaks[0] < 300_000


def test_chunks_are_few_and_short():
    texts = ["a" * 10] * 3000 + ["b" * 5_000_000, "c" * 3_000_000, "d" * 3_000_000]
    chunks = list(in_chunks(iter(texts)))
    assert [text for chunk in chunks for text in chunk] == texts
    assert [len(chunk) for chunk in chunks] == [1024, 1024, 952, 1, 1, 1]


def test_summary_counts(tmp_path, tokenizer):
    text = summarize(prepare_corpus(make_reviews(2000), tmp_path / "data", tokenizer, quiet=True))
    assert "1,600 reviews" in text
    assert "800 negative, 800 positive" in text


# Opening


@pytest.fixture
def prepared(tmp_path, tokenizer):
    prepare_corpus(make_reviews(), tmp_path / "data", tokenizer, quiet=True)
    return tmp_path / "data"


def test_folders_that_are_no_corpus(tmp_path, prepared):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError, match="not a prepared corpus"):
            open_corpus(path)
    (prepared / "data.json").write_text("{")
    with pytest.raises(InputError, match="not a prepared corpus"):
        open_corpus(prepared)


def test_a_later_format_is_refused(prepared):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    (prepared / "data.json").write_text(json.dumps({**info, "format_version": 2}))
    with pytest.raises(InputError, match="format 2"):
        open_corpus(prepared)


def test_other_cleaning_rules_are_refused(prepared):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    (prepared / "data.json").write_text(json.dumps({**info, "cleaning_version": 0}))
    with pytest.raises(InputError, match=r"version 0 of the rules.*prepare it again"):
        open_corpus(prepared)


@pytest.mark.parametrize("name", ["ids.npy", "offsets.npy", "labels.npy", "texts.jsonl"])
def test_damage_is_noticed(prepared, name):
    file = prepared / "validation" / name
    data = file.read_bytes()
    file.unlink()
    with pytest.raises(InputError, match="validation: damaged"):
        open_corpus(prepared)
    if name.endswith(".npy"):
        file.write_bytes(data[:-4])
        with pytest.raises(InputError, match="validation: damaged"):
            open_corpus(prepared)


def write_header(file, header):
    """An array that has a header alone."""
    file.write_bytes(np.lib.format.magic(1, 0) + len(header).to_bytes(2, "little") + header.encode())


def zipped(array):
    """What `np.savez` writes, and `np.load` reads as well as an array."""
    file = io.BytesIO()
    np.savez(file, array)
    return file.getvalue()


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}}}\n"


class Hostile:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("ids.npy", lambda file: np.save(file, np.array([Hostile()], object))),
        ("ids.npy", lambda file: file.write_bytes(pickle.dumps(Hostile()))),
        ("ids.npy", lambda file: file.write_bytes(zipped(np.array([Hostile()], object)))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(1000000000000,)"))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(10000000000000000000000,)"))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(-1,)"))),
        ("ids.npy", lambda file: write_header(file, HEADER.format("<u2", "(9L,)"))),
        ("ids.npy", lambda file: write_header(file, "{'descr': ((((")),
        ("ids.npy", lambda file: np.save(file, np.load(file) + np.uint16(60_000))),
        ("ids.npy", lambda file: np.save(file, np.load(file).astype("float32"))),
        ("ids.npy", lambda file: np.save(file, np.load(file)[:, None])),
        ("offsets.npy", lambda file: np.save(file, np.append(np.load(file)[-2::-1], np.load(file)[-1]))),
        ("offsets.npy", lambda file: np.save(file, np.append(-1, np.load(file)[1:]))),
        ("labels.npy", lambda file: np.save(file, np.load(file) + np.int32(1))),
        ("labels.npy", lambda file: np.save(file, np.load(file) - np.int32(1))),
    ],
)
def test_arrays_that_are_none_of_ours(prepared, name, damage):
    damage(prepared / "validation" / name)
    with pytest.raises(InputError, match="validation: damaged") as caught:
        open_corpus(prepared)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[0]],
        lambda lines: [*lines[:-1], b"{\n"],
        lambda lines: [*lines[:-1], b"[" * 100_000],
        lambda lines: [*lines[:-1], b'{"text": 1, "label": "negative", "source": ""}\n'],
        lambda lines: [*lines[:-1], b'{"text": "\\ud800", "label": "negative", "source": ""}\n'],
        lambda lines: [*lines[:-1], b'{"text": "good", "label": "joy", "source": ""}\n'],
        lambda lines: [*lines[:-1], b"\xff\n"],
    ],
)
def test_damaged_texts_are_named(prepared, damage):
    file = prepared / "validation" / "texts.jsonl"
    file.write_bytes(b"".join(damage(file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InputError, match=r"texts\.jsonl"):
        list(open_corpus(prepared).splits["validation"].records())


@pytest.mark.parametrize(
    "changes", [{"labels": "ab"}, {"labels": ["a", "a"]}, {"splits": {}}, {"tokenizer": None}]
)
def test_a_damaged_description_is_named(prepared, changes):
    info = json.loads((prepared / "data.json").read_text("utf-8"))
    (prepared / "data.json").write_text(json.dumps({**info, **changes}))
    with pytest.raises(InputError, match=r"data\.json: it lacks or mistakes a key"):
        open_corpus(prepared)


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"format_version": Infinity}', '{"format_version": 1e999}']
)
def test_a_description_that_is_none(prepared, content):
    (prepared / "data.json").write_text(content)
    with pytest.raises(InputError, match="not a prepared corpus"):
        open_corpus(prepared)


def test_another_tokenizer_is_noticed(prepared):
    file = prepared / "tokenizer" / "vocab.txt"
    file.write_text("\n".join(reversed(file.read_text("utf-8").split("\n")[:-1])) + "\n", "utf-8")
    with pytest.raises(InputError, match="its tokenizer is not the one"):
        open_corpus(prepared)


# Splits


def assert_same_reviews(split: Split, indices, part: Split) -> None:
    records = list(split.records())
    assert list(part.records()) == [records[i] for i in indices]
    assert len(part) == len(indices)
    for place, index in enumerate(indices):
        np.testing.assert_array_equal(part.ids_of(place), split.ids_of(index))
        assert part.labels[place] == split.labels[index]


def test_take(prepared):
    split = open_corpus(prepared).splits["train"]
    for indices in ([0, 3, 4, 159], [], range(160)):
        assert_same_reviews(split, list(indices), split.take(indices))
    assert split.take(range(160)).fingerprint == split.fingerprint
    assert split.take(range(159)).fingerprint != split.fingerprint
    assert_same_reviews(split, [7], split.take([2, 7]).take([1]))
    for wrong in ([3, 3], [4, 3], [-1], [160]):
        with pytest.raises(ValueError, match="indices"):
            split.take(wrong)


def test_limit_is_stratified_and_seeded(tokenizer):
    names = ["a"] * 90 + ["b"] * 9 + ["c"]
    split = Split.from_texts([f"worda {i}" for i in range(100)], tokenizer, ["a", "b", "c"], names)
    for size, counts in ((50, [45, 4, 1]), (20, [17, 2, 1]), (3, [1, 1, 1]), (99, [89, 9, 1])):
        np.testing.assert_allclose(np.bincount(split.subsample(size, 0).labels, minlength=3), counts, atol=1)
        assert len(split.subsample(size, 0)) == size
    texts = [list(split.subsample(50, seed).texts()) for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]
    assert split.subsample(100, 0) is split
    with pytest.raises(InputError, match="3 labels"):
        split.subsample(2, 0)


def test_a_split_in_memory_is_what_preparation_writes(prepared, tokenizer):
    split = open_corpus(prepared).splits["test"]
    by_source = {review.source: review for review in make_reviews()}
    reviews = [by_source[record.source] for record in split.records()]
    memory = Split.from_reviews(reviews, tokenizer, ["negative", "positive"])
    assert_same_reviews(split, range(len(split)), memory)
    assert memory.fingerprint == split.fingerprint
    assert memory.ids.dtype == split.ids.dtype
    with pytest.raises(InputError, match="made:0: label 'neg'"):
        Split.from_reviews(make_reviews(), tokenizer, ["anger", "joy"])
    with pytest.raises(InputError, match="empty: the review has no"):
        Split.from_reviews([Review("<br>", "pos", "empty")], tokenizer, ["negative", "positive"])


def test_texts_without_labels(tokenizer):
    split = Split.from_texts(["worda", "", "<b>wordb</b> wordc"], tokenizer)
    assert split.lengths.tolist() == [1, 0, 2]
    assert split.labels.tolist() == [-1, -1, -1]
    assert list(split.texts()) == ["worda", "", "wordb wordc"]
    assert len(Split.from_texts([], tokenizer)) == 0


def test_splits_reach_worker_processes(prepared, tokenizer):
    split = open_corpus(prepared).splits["train"]
    for each in (split.take([1, 2]), Split.from_texts(["worda"], tokenizer)):
        copy = pickle.loads(pickle.dumps(each))
        assert_same_reviews(each, range(len(each)), copy)

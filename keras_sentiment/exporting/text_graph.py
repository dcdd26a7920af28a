"""Cleaning and tokenization as a TensorFlow graph, which gives the same ids as `cleaning` and `tokenizer`.

A SavedModel that takes text contains this graph. It calls an operation of tensorflow-text and not KerasHub's
WordPiece layer, which limits a word to 100 bytes instead of 100 characters: a word of 40 Hangul syllables has
more. The operation's own normalization is not BERT's (it folds case with NFKC), so a table that is computed
with `Tokenizer` maps the characters.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from tokenizers import normalizers, pre_tokenizers

from keras_sentiment.text.cleaning import (
    CHARACTERS,
    COMMENT_PATTERN,
    ENTITIES,
    ENTITY_PATTERN,
    LINE_END_PATTERN,
    LINE_END_REPLACEMENT,
    TAG_PATTERN,
)
from keras_sentiment.text.tokenizer import MAX_CHARACTERS_PER_WORD, NORMALIZATION, UNK, Tokenizer

if TYPE_CHECKING:
    import tensorflow as tf

_NUM_CODEPOINTS = 0x110000
_PAGE = 256  # codepoints
_SELF = 0  # in a replacement: the character itself
_SPACE = ord(" ")


def text_graph(tokenizer: Tokenizer) -> tf.Module:
    """Returns the graph of a tokenizer.

    Args:
        tokenizer: the tokenizer whose ids the graph gives.

    Returns:
        A `tf.Module` to keep as an attribute of whatever is saved. Calling it with a string[batch] of raw
        texts in UTF-8 returns an int32 `tf.RaggedTensor` [batch, length] of ids, not cut and without
        special tokens. Bytes that are not UTF-8 count for nothing, as U+FFFD does in BERT.
    """
    import tensorflow as tf
    import tensorflow_text as tf_text

    pages, codes, replacements = _character_tables()
    lengths = [len(replacement) for replacement in replacements]
    inner = np.array([codepoint for replacement in replacements for codepoint in replacement], np.int32)

    class TextGraph(tf.Module):
        def __init__(self) -> None:
            super().__init__(name="text_graph")
            self.entities = tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(list(ENTITIES), list(ENTITIES.values())), default_value=""
            )
            self.wordpiece = tf_text.FastWordpieceTokenizer(
                vocab=list(tokenizer.vocabulary),
                unknown_token=UNK,
                no_pretokenization=True,
                token_out_type=tf.int32,
                support_detokenization=False,
                max_bytes_per_word=4 * MAX_CHARACTERS_PER_WORD,
            )

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, texts: tf.Tensor) -> tf.RaggedTensor:
            texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
            # regex_split ends a text at NUL. Cleaning drops NUL and U+FFFD alike.
            texts = tf.strings.regex_replace(texts, r"\x00", "\ufffd")
            texts = tf.strings.regex_replace(texts, COMMENT_PATTERN, " ")
            texts = tf.strings.regex_replace(texts, TAG_PATTERN, " ")
            texts = tf.strings.regex_replace(texts, LINE_END_PATTERN, LINE_END_REPLACEMENT)
            texts = self.decode_entities(texts)
            words = tf.strings.split(self.map_characters(texts))  # ragged string[batch, words]
            too_long = tf.strings.length(words.flat_values, unit="UTF8_CHAR") > MAX_CHARACTERS_PER_WORD
            words = words.with_flat_values(tf.where(too_long, UNK, words.flat_values))
            return self.wordpiece.tokenize(words).merge_dims(1, 2)

        def decode_entities(self, texts: tf.Tensor) -> tf.Tensor:
            parts = tf_text.regex_split(texts, ENTITY_PATTERN, ENTITY_PATTERN)  # ragged string[batch, parts]
            decoded = self.entities.lookup(parts.flat_values)
            known = tf.not_equal(decoded, "")
            parts = parts.with_flat_values(tf.where(known, decoded, parts.flat_values))
            return tf.strings.reduce_join(parts, axis=-1)

        def map_characters(self, texts: tf.Tensor) -> tf.Tensor:
            characters = tf.strings.unicode_decode(texts, "UTF-8")  # ragged int32[batch, characters]
            flat = characters.flat_values
            page = tf.gather(tf.constant(pages), flat // _PAGE)
            code = tf.gather_nd(tf.constant(codes), tf.stack([page, flat % _PAGE], axis=-1))
            replaced = tf.gather(tf.RaggedTensor.from_row_lengths(inner, lengths), code)
            itself = tf.repeat(flat, replaced.row_lengths())
            values = replaced.flat_values
            replaced = replaced.with_flat_values(tf.where(tf.equal(values, _SELF), itself, values))
            mapped = characters.with_flat_values(replaced).merge_dims(1, 2)
            return tf.strings.unicode_encode(mapped, "UTF-8")

    return TextGraph()


def _character_tables() -> tuple[np.ndarray, np.ndarray, list[list[int]]]:
    """Returns what cleaning and BERT's normalization turn each character into.

    A table can hold that, since both treat each character alone: the normalization removes the marks whose
    order depends on their neighbours, and its lower case has no final sigma.

    Returns:
        pages: int32[codepoints / 256], the row of `codes` that holds a codepoint's page.
        codes: int32[distinct pages, 256], positions in `replacements`.
        replacements: lists of codepoints, where 0 stands for the character itself.
    """
    # All characters are normalized in one text, separated by a rune, which normalization keeps. Planes 4 to
    # 13 have no characters yet, and normalization keeps their codepoints.
    rune = "\u16a0"
    asked = itertools.chain(range(0xD800), range(0xE000, 0x40000), range(0xE0000, _NUM_CODEPOINTS))
    assigned = [codepoint for codepoint in asked if chr(codepoint) != rune]
    cleaned = (CHARACTERS.get(chr(c), chr(c)) for c in assigned)
    normalized = normalizers.BertNormalizer(**NORMALIZATION).normalize_str(rune.join(cleaned)).split(rune)
    punctuation, kept = _split_characters("".join(set("".join(normalized))))

    positions: dict[tuple[int, ...], int] = {(_SELF,): 0}
    code_of = np.zeros(_NUM_CODEPOINTS, np.int32)
    for codepoint, text in zip(assigned, normalized, strict=True):
        replacement: list[int] = []
        for character in text:
            inner = _SELF if ord(character) == codepoint else ord(character)
            if character in punctuation:
                replacement += [_SPACE, inner, _SPACE]
            else:
                replacement.append(inner if character in kept else _SPACE)
        code_of[codepoint] = positions.setdefault(tuple(replacement), len(positions))
    codes, pages = np.unique(code_of.reshape(-1, _PAGE), axis=0, return_inverse=True)
    return pages.astype(np.int32), codes, [list(replacement) for replacement in positions]


def _split_characters(characters: str) -> tuple[set[str], set[str]]:
    """Returns the characters that are words of their own for BERT, and all that are no white space."""
    # Between two letters punctuation becomes a word, and white space disappears.
    pieces: list[Any] = pre_tokenizers.BertPreTokenizer().pre_tokenize_str("a" + "a".join(characters) + "a")
    words = [word for word, _ in pieces]
    return {word for word in words if word != "a" and len(word) == 1}, set("".join(words))

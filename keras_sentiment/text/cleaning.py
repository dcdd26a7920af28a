"""The cleaning of a review, as rules that work the same in Python and in a TensorFlow graph.

A rule is a pattern or a table at module level. `clean` applies them with `re`, and `text_graph` applies them
with RE2. The patterns use neither flags nor `\\s`, `\\w`, `\\d`, because these match different characters in
`re` and in RE2. Each pattern needs time proportional to the length of the text, for any text.

A changed rule changes token ids, so increase `CLEANING_VERSION` with it.
"""

from __future__ import annotations

import html
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from html.entities import name2codepoint

CLEANING_VERSION = 2

# HTML element names, obsolete ones included. Other words in angle brackets are text of the reviewer:
# <insert film name>, <sigh>.
ELEMENTS = (
    "a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote"
    " body br button canvas caption center cite code col colgroup data datalist dd del details dfn dialog"
    " dir div dl dt em embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6"
    " head header hgroup hr html i iframe img input ins kbd label legend li link main map mark marquee"
    " menu meta meter nav nobr noframes noscript object ol optgroup option output p param picture pre"
    " progress q rp rt ruby s samp script section select small source span strike strong style sub summary"
    " sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr"
)


def _either_case(names: Iterable[str]) -> str:
    """Return a pattern for the names in any case, with first letters factored out for speed."""
    by_first_letter = defaultdict(list)
    for name in names:
        letters = [f"[{c}{c.upper()}]" if c.isalpha() else c for c in name]
        by_first_letter[letters[0]].append("".join(letters[1:]))
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in by_first_letter.items())


COMMENT_PATTERN = "<!--(?:.|\n)*?-->"
# A tag with text after its name must contain an `=`: "if a <b and c> d" is not a tag.
TAG_PATTERN = f"</?(?:{_either_case(ELEMENTS.split())})(?:[ \t\n\r\f/][^<>=]*=[^<>]*|[ \t\n\r\f/]*)>"

# Yelp, Amazon and others write line ends as a backslash and an n. C:\\new is not a line end.
LINE_END_PATTERN = r"(^|[^:\\])(?:(?:\\r)?\\n)+"
LINE_END_REPLACEMENT = r"\1 "

ENTITY_PATTERN = "&(?:[A-Za-z][A-Za-z0-9]{1,7}|#[0-9]{2,5}|#[xX][0-9A-Fa-f]{2,4});"


def _entity_table() -> dict[str, str]:
    """Return each spelling of each entity that is decoded, with its character."""
    table = {f"&{name};": chr(codepoint) for name, codepoint in name2codepoint.items()}
    table["&apos;"] = "'"
    # Numeric entities: ASCII to Cyrillic, general punctuation, currency signs, and each character that has a
    # named entity. HTML 5 reads 128 to 159 as Windows-1252, as html.unescape does.
    numbers = {*range(0x20, 0x530), *range(0x2000, 0x20D0), 0xFEFF, *map(ord, table.values())}
    for number in sorted(numbers):
        decoded = html.unescape(f"&#{number};") or chr(number)
        for form in (f"{number}", f"{number:03}", f"{number:04}", f"x{number:x}", f"x{number:X}"):
            table[f"&#{form};"] = table[f"&#{form.replace('x', 'X')};"] = decoded
    return table


ENTITIES = _entity_table()


def _character_table() -> dict[str, str]:
    """Return each character that is replaced, with its replacement: zero or more characters."""
    table: dict[str, str] = {}
    # Invisible characters are removed. BERT drops them too; here the stored text loses them as well.
    invisible = itertools.chain(
        range(0x20), [0x7F, 0xAD, 0x61C, 0x180E], range(0x200B, 0x2010), range(0x202A, 0x202F),
        range(0x2060, 0x2070), [0xFEFF], range(0xFFF9, 0xFFFE), range(0xD800, 0xE000),
    )  # fmt: skip
    table.update((chr(c), "") for c in invisible)
    spaces = itertools.chain(
        range(0x09, 0x0E), [0xA0, 0x1680], range(0x2000, 0x200B), [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
    )
    table.update((chr(c), " ") for c in spaces)
    # A C1 control character is a Windows-1252 character that was decoded as Latin-1. The ellipsis and the two
    # dashes, by far the most frequent ones, become a space. BERT drops all C1 characters, so a space changes
    # ids only if it separates two words ("okay\x85so what").
    table.update((chr(c), bytes([c]).decode("cp1252", "ignore")) for c in range(0x80, 0xA0))
    table.update((c, " ") for c in "\x85\x96\x97")
    # Compatibility characters for letters and digits: Roman numerals, circled letters, ligatures, full-width
    # forms, mathematical alphabets. NFKC is not applied to all of Unicode: it would turn ½, ´, … and ² into
    # other tokens, and it differs between Unicode versions.
    compatible = itertools.chain(
        range(0x2160, 0x2180), range(0x24B6, 0x24EA), range(0xFB00, 0xFB07), range(0xFF01, 0xFF5F),
        range(0x1D400, 0x1D800),
    )  # fmt: skip
    for character in map(chr, compatible):
        if (replacement := unicodedata.normalize("NFKC", character)) != character:
            table[character] = replacement
    return table


CHARACTERS = _character_table()


_COMMENT = re.compile(COMMENT_PATTERN)
_TAG = re.compile(TAG_PATTERN)
_LINE_END = re.compile(LINE_END_PATTERN)
_ENTITY = re.compile(ENTITY_PATTERN)
_CHARACTERS = str.maketrans(CHARACTERS)


def clean(text: str) -> str:
    """Clean a review: remove markup and invisible characters, decode entities, reduce white space.

    Cleaning is not idempotent: `&amp;lt;` becomes `&lt;`, and `&lt;` becomes `<`. Apply `escaped` to a
    cleaned text that has to be cleaned again.

    Args:
        text: str, any text; lone surrogates are allowed.

    Returns:
        str, on one line with single spaces; it is empty if the text is only markup and white space.

    Example:
        >>> clean("A <b>great</b>  film &amp; cast<br />")
        'A great film & cast'
    """
    if "<" in text:
        # No comment can begin after the last `-->`. To search there would take quadratic time.
        head, end, tail = text.rpartition("-->")
        text = _COMMENT.sub(" ", head + end) + tail
        text = _TAG.sub(" ", text)
    if "\\n" in text:
        text = _LINE_END.sub(LINE_END_REPLACEMENT, text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: ENTITIES.get(match[0], match[0]), text)
    return " ".join(text.translate(_CHARACTERS).split())


def escaped(cleaned: str) -> str:
    """Return a text that `clean` turns into exactly this cleaned text.

    Markup, entities and escaped line ends begin with `&`, `<` or a backslash. Each is replaced by its entity,
    which `clean` decodes after the other rules.
    """
    return cleaned.replace("&", "&amp;").replace("<", "&lt;").replace("\\", "&#92;")

"""From the bytes of an answer to its records, each a slice of them, unchanged."""

from __future__ import annotations

import codecs
import json
import mmap
import re
import sys
from itertools import islice
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from collector.base.text import redacted
from collector.source.errors import Unparsable, WrongAnswer
from collector.storage.profile import Record

# Of an answer in one piece; mapped it is memory that processes share.
Body = bytes | bytearray | mmap.mmap
_CHUNK = 1 << 20
# A body is split in pieces of about this many bytes: of two bytes of it an object of 80 can be made, so what comes out is
# counted as it comes. Where a piece ends is tried at so many places.
_SPLIT, _TRIES = 1 << 18, 8
# The settlement family says before its data what they are.
_HEAD = re.compile(rb'\s*({\s*(?:"metadata"\s*:\s*{[^{}]*}\s*,\s*)?"data"\s*:\s*)?\[')
_BETWEEN = re.compile(rb"}\s*(,)\s*{")


class _Envelope(msgspec.Struct):
    data: list[Raw]


_LIST = msgspec.json.Decoder(list[Raw])
_ENVELOPE = msgspec.json.Decoder(_Envelope)


def split(body: Body, most: int = sys.maxsize) -> list[Any]:
    """The records of a bare list, or of the list `data` of an object, as slices of `body`.

    Raises Unparsable for anything else: both shapes are served, by different endpoints. Raises WrongAnswer for more than
    `most` records.
    """
    return _split(body, most)[0]


def split_in_lines(body: Body, most: int = sys.maxsize) -> list[Any]:
    """As `split`, each record on a line of its own: without the line breaks between its parts."""
    records, has_breaks = _split(body, most)
    # Within a JSON text these bytes can only stand between tokens.
    return [bytes(record).translate(None, b"\r\n") for record in records] if has_breaks else records


def _split(body: Body, most: int) -> tuple[list[Any], bool]:
    """The records, and whether there are line breaks in the body."""
    if body[:3] == codecs.BOM_UTF8:
        body = body[3:]
    if body[:100].lstrip()[:1] == b"<":
        raise Unparsable(f"the answer is a web page and no data: {excerpt(body)}")
    has_breaks = _check_utf8(body)
    records = _split_in_pieces(body, most) if len(body) > 2 * _SPLIT else _split_whole(body)
    if len(records) > most:
        raise WrongAnswer(
            f"the answer holds more than {most:,} records, which is more than there can be in this window"
        )
    return records, has_breaks


def _split_in_pieces(body: Body, most: int) -> list[Any]:
    """As `split`, of a large body, in which a comma between two records becomes the end of one list and then the
    beginning of the next; it is left so unless `body` is bytes. Stops soon after `most` records."""
    head = _HEAD.match(body)
    if not head:
        raise Unparsable(f"the body is not a list of records: {excerpt(body)}")
    body = bytearray(body) if isinstance(body, bytes) else body
    view, at = memoryview(body), head.end() - 1
    records: list[Any] = []
    while len(body) - at > 2 * _SPLIT and len(records) <= most:
        found = _first_piece(body, view, at)
        if found is None:
            break
        records += found[0]
        at = found[1]
    if len(records) <= most:
        # One large record, or what is no list of records: of few commas little can be made.
        if bytes(view[at:]).count(b",") > 2 * _SPLIT:
            raise Unparsable(f"the body is not a list of records: {excerpt(body[at : at + 2_000])}")
        records += _split_whole((b'{"data":' if head[1] else b"") + bytes(view[at:]))
    return records


def _first_piece(body: bytearray | mmap.mmap, view: memoryview, at: int) -> tuple[list[Any], int] | None:
    """The records of a list that begins at `at`, up to a comma not far behind, and where that stands. What is a list when
    it ends there ends between two records: neither within one nor within a string."""
    for decode in (_LIST.decode, lambda piece: _split_slowly(bytes(piece), "no record ends where one should")):
        for between in islice(_BETWEEN.finditer(body, at + _SPLIT), _TRIES):
            comma = between.start(1)
            if comma - at > 2 * _SPLIT and bytes(view[at:comma]).count(b",") > 2 * _SPLIT:
                return None
            body[comma] = ord("]")
            try:
                records = decode(view[at : comma + 1])
            except (msgspec.DecodeError, RecursionError, Unparsable):
                body[comma] = ord(",")
            else:
                body[comma] = ord("[")
                return records, comma
    return None


def _split_whole(body: Body) -> list[Any]:
    try:
        try:
            return _LIST.decode(body)
        except msgspec.ValidationError:
            return _ENVELOPE.decode(body).data
    except msgspec.ValidationError as error:
        raise Unparsable(f"the body is not a list of records ({error}): {excerpt(body)}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        return _split_slowly(body, error)


def _split_slowly(body: Body, reason: object) -> list[bytes]:
    """Split JSON that the fast splitter refuses though it is valid: escapes of lone surrogates."""
    try:
        text = bytes(body).decode()
        # The list of records, and the object that it may be in, are two more.
        _check_depth(text, _DEEPEST + 2)
        whole = _JSON.decode(text)
        if isinstance(whole, dict):
            whole = whole["data"]
            at = text.index("[", text.index('"data"'))
        else:
            at = text.index("[")
        if not isinstance(whole, list):
            raise ValueError("no list")
        parts = []
        at += 1
        for item in whole:
            while text[at] in " \t\r\n,":
                at += 1
            value, stop = _JSON.raw_decode(text, at)
            if value != item:
                raise ValueError("another list")
            parts.append(text[at:stop].encode())
            at = stop
    except (ValueError, KeyError, IndexError, RecursionError):
        raise Unparsable(f"the body is not a list of records ({reason}): {excerpt(body)}") from None
    return parts


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Python refuses to make integers of thousands of digits, which are valid JSON; no value that is read has as many.
_JSON = json.JSONDecoder(parse_constant=_refuse, parse_int=lambda digits: int(digits[:100]))


# So many levels a record may have. How many Python decodes depends on its version and on the stack.
_DEEPEST = 512
_LEVELS = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]')


def _check_depth(text: str, most: int = _DEEPEST) -> None:
    """Raises ValueError when lists and objects stand more than `most` deep in one another."""
    if text.count("[") + text.count("{") <= most:
        return
    depth = 0
    for found in _LEVELS.finditer(text):
        if found[0][0] != '"':
            depth += 1 if found[1] else -1
            if depth > most:
                raise ValueError(f"more than {most} levels deep")


def decode(record: Record) -> Any:
    try:
        text = bytes(record).decode()
        _check_depth(text)
        return _JSON.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unparsable(f"a record is not JSON ({error}): {excerpt(bytes(record))}") from None


def decode_answer(body: bytes | bytearray) -> Any:
    """An answer as a whole, where it is no list of records. Raises Unparsable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unparsable(f"the answer is no JSON: {error}") from None


def _check_utf8(body: Body) -> bool:
    """Whether the body has line breaks. Raises Unparsable when it is not UTF-8."""
    decoder, has_breaks, has_more = codecs.getincrementaldecoder("utf-8")(), False, False
    try:
        for at in range(0, len(body), _CHUNK):
            piece = body[at : at + _CHUNK]
            has_breaks = has_breaks or b"\n" in piece or b"\r" in piece
            # What a piece ends with may be the beginning of a character.
            if has_more or not piece.isascii():
                decoder.decode(piece, at + _CHUNK >= len(body))
                has_more = bool(decoder.getstate()[0])
    except UnicodeDecodeError as error:
        raise Unparsable(f"the body is not UTF-8 ({error.reason})") from None
    return has_breaks


def excerpt(body: Body) -> str:
    return redacted(body[:2_000].decode("utf-8", "replace"), is_cut=len(body) > 2_000)[:80] if body else "it is empty"

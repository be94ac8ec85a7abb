"""Opening DICOM files that may be damaged, hostile, or no DICOM at all."""

from __future__ import annotations

import struct
import warnings
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_sam2.core.held_files import is_held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What pydicom raises on damaged files, besides its own InvalidDicomError; there is no common base.
_DAMAGE: tuple[type[Exception], ...] = (
    AttributeError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    RuntimeError,  # NotImplementedError too: a missing decoder
    OSError,
    EOFError,
    struct.error,
    zlib.error,
    MemoryError,
    OverflowError,
)
# More than this is a damaged or hostile file.
_MOST_INFLATED = 2**30


class SkipFile(Exception):
    """The file is no slice of a volume; the text is the reason, for ``source.skipped``, `remedy` what to do instead."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.remedy = remedy


@contextmanager
def quiet() -> Iterator[None]:
    """Header oddities that pydicom warns about are the rule in the field, not news for a user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def looks_like_dicom(path: Path) -> bool:
    """Tell whether the file has the DICOM prefix, or starts like a data set that lost it."""
    if is_held(path):
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(132)
    except OSError:
        return False
    # Without a preamble: group 2 or 8, little endian, with a low element number.
    return head[128:132] == b"DICM" or (len(head) > 8 and head[0] in (2, 8) and head[1] == 0 and head[3] == 0)


def refuse_bomb(path: Path) -> None:
    """Refuse a deflated file that would blow up when it is read, before it is parsed.

    Raises
    ------
    SkipFile
        If it inflates to more than a gibibyte.
    """
    from pydicom.filereader import read_file_meta_info

    with path.open("rb") as stream:
        # Prefix, then the group length of the file meta information: only such files can be deflated.
        head = stream.read(144)
        if head[128:136] != b"DICM\x02\0\0\0":
            return
        if str(read_file_meta_info(path).get("TransferSyntaxUID", "")) != "1.2.840.10008.1.2.1.99":
            return
        stream.seek(144 + int.from_bytes(head[140:144], "little"))
        inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while (chunk := inflater.unconsumed_tail or stream.read(2**16)) and not inflater.eof:
            size += len(inflater.decompress(chunk, 2**22))
            if size > _MOST_INFLATED:
                raise SkipFile("it inflates to more than 1 GiB", "Export it again without deflation, if you trust it.")


def damage() -> tuple[type[Exception], ...]:
    """Return what pydicom raises on damaged files."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (*_DAMAGE, InvalidDicomError, BytesLengthException)


def first_line(error: BaseException) -> str:
    """Return an exception's text in one line, without the details that follow, or its type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    # pydicom announces a list of decoders with a colon; its first entry is the reason.
    text = f"{lines[0]} {lines[1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
    return text.rstrip(".:")

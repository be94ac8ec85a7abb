"""A decoder for pydicom of what its own permissive ones leave out: JPEG lossless, and JPEG with 12 bits.

imagecodecs (BSD) brings libjpeg-turbo, which reads them; pydicom's other ways are a GPL library and GDCM.
The module has the shape that pydicom's ``add_plugin`` asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom import uid

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

PLUGIN = "napari-sam2"
SYNTAXES = (uid.JPEGLossless, uid.JPEGLosslessSV1, uid.JPEGExtended12Bit)

DECODER_DEPENDENCIES = dict.fromkeys(SYNTAXES, ("numpy", "imagecodecs"))


def register() -> None:
    """Offer the decoder to pydicom, once."""
    from pydicom.pixels import get_decoder

    for syntax in SYNTAXES:
        decoder = get_decoder(syntax)
        if PLUGIN not in decoder.available_plugins and is_available(syntax):
            decoder.add_plugin(PLUGIN, (__name__, "decode_frame"))


def is_available(_: str) -> bool:
    """Tell whether imagecodecs can be imported; pydicom asks for each transfer syntax."""
    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        return False
    return True


def decode_frame(source: bytes, runner: DecodeRunner) -> bytearray:
    """Decode one frame to bytes and tell pydicom how wide a sample is."""
    from imagecodecs import jpeg8_decode

    array: Any = jpeg8_decode(source)
    runner.set_option("bits_allocated", array.dtype.itemsize * 8)
    if array.ndim == 3:
        runner.set_option("planar_configuration", 0)
    return bytearray(array.tobytes())

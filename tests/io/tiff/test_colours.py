"""The values of a TIFF's pixels: channels, alpha, palettes, inks, and where the lowest value is white."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from skimage.color import rgb2lab

from napari_sam2.core.volume import ImageVolume
from napari_sam2.errors import ReadError
from napari_sam2.io import read_labels, read_volume

RANDOM = np.random.default_rng(0)
# (z, y, x, channel): the thousands say the channel.
CHANNELS = (np.arange(4) * 1000 + RANDOM.integers(0, 900, (3, 12, 14, 4))).astype(np.uint16)
COLOURS = np.clip(np.add.outer(np.arange(24) * 4, np.arange(32) * 4)[..., None] + [0, 20, 40], 0, 255).astype(np.uint8)


def stored(tmp_path, data: np.ndarray, name: str = "a.tif", **options: object) -> ImageVolume:
    tifffile.imwrite(tmp_path / name, data, **options)
    return read_volume(tmp_path / name)


def notes(volume: ImageVolume) -> str:
    return " ".join(volume.source.notes)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("planar", [False, True])
def test_the_values_of_a_grey_pixel_are_channels(tmp_path, count, name, planar) -> None:
    data = CHANNELS[..., :count]
    options: dict[str, object] = {"photometric": "minisblack", "planarconfig": "separate" if planar else "contig"}
    if ".ome" in name:
        options["metadata"] = {"axes": "ZSYX" if planar else "ZYXS"}
    volume = stored(tmp_path, np.ascontiguousarray(np.moveaxis(data, -1, 1)) if planar else data, name, **options)
    assert volume.axes == ("zcyx" if planar else "zyxc")
    assert np.array_equal(np.moveaxis(volume.array, volume.axes.index("c"), -1), data)
    assert "alpha" not in notes(volume)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize(("photometric", "count"), [("rgb", 3), ("minisblack", 1)])
def test_what_the_file_calls_alpha_is_left_out(tmp_path, kind, photometric, count) -> None:
    data = CHANNELS[0, ..., : count + 1]
    volume = stored(tmp_path, data, photometric=photometric, planarconfig="contig", extrasamples=[kind])
    assert np.array_equal(volume.array, data[..., :3] if count == 3 else data[..., 0])
    assert "the alpha channel was dropped" in notes(volume)


def test_a_channel_beside_colours_and_alpha_stays(tmp_path) -> None:
    data = np.concatenate([CHANNELS[0], CHANNELS[0, ..., :1]], -1)
    options = {"photometric": "rgb", "planarconfig": "contig", "extrasamples": ["unspecified", "unassalpha"]}
    assert np.array_equal(stored(tmp_path, data, **options).array, CHANNELS[0])


def test_several_alphas_are_channels(tmp_path) -> None:
    options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"] * 3}
    volume = stored(tmp_path, CHANNELS, **options)
    assert np.array_equal(volume.array, CHANNELS)
    assert "3 of its channels alpha" in notes(volume)


def test_alpha_is_found_where_metadata_name_it_a_channel(tmp_path) -> None:
    options = {"photometric": "rgb", "extrasamples": ["unassalpha"], "metadata": {"axes": "YXC"}}
    assert np.array_equal(stored(tmp_path, CHANNELS[0], **options).array, CHANNELS[0, ..., :3])


def test_channels_of_colours_are_one_axis(tmp_path) -> None:
    data = RANDOM.integers(0, 255, (2, 3, 12, 14, 3)).astype(np.uint8)
    volume = stored(tmp_path, data, "a.ome.tif", photometric="rgb", metadata={"axes": "CZYXS"})
    assert volume.axes == "czyx"
    for number in range(6):
        assert np.array_equal(volume.array[number], data[number // 3, ..., number % 3])


@pytest.mark.parametrize(
    ("data", "options", "mirrored"),
    [
        (np.arange(168, dtype=np.uint8).reshape(12, 14), {}, lambda a: 255 - a),
        (np.arange(168, dtype=np.uint16).reshape(12, 14), {"bitspersample": 12}, lambda a: 4095 - a),
        (np.arange(168, dtype=np.int16).reshape(12, 14), {}, lambda a: -1 - a),
        (np.arange(168).reshape(12, 14) % 3 == 0, {}, np.logical_not),
        (np.linspace(0, 1, 168, dtype=np.float32).reshape(12, 14), {}, lambda a: 1 - a),
        (np.tile(np.arange(168, dtype=np.uint8).reshape(12, 14), (3, 1, 1)), {"imagej": True}, lambda a: 255 - a),
    ],
)
def test_where_the_lowest_value_is_white_the_values_are_mirrored(tmp_path, data, options, mirrored) -> None:
    volume = stored(tmp_path, data, photometric="miniswhite", **options)
    assert volume.array.dtype == data.dtype
    assert volume.array == pytest.approx(mirrored(data))
    assert "bright is bright" in notes(volume)


def test_labels_are_what_is_stored(tmp_path) -> None:
    labels = RANDOM.integers(0, 9, (12, 14)).astype(np.uint8)
    volume = ImageVolume(labels, axes="yx")
    palette = RANDOM.integers(0, 65536, (3, 256)).astype(np.uint16)
    for options in ({"photometric": "miniswhite"}, {"photometric": "palette", "colormap": palette}):
        tifffile.imwrite(tmp_path / "l.tif", labels, **options)
        assert np.array_equal(read_labels(tmp_path / "l.tif", volume), labels)


def test_a_palette_becomes_rgb_page_by_page(tmp_path) -> None:
    index = RANDOM.integers(0, 256, (3, 12, 14)).astype(np.uint8)
    tables = RANDOM.integers(0, 256, (3, 3, 256)).astype(np.uint16)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page, table in zip(index, tables, strict=True):
            writer.write(page, photometric="palette", colormap=table * 257, metadata=None, contiguous=False)
    volume = read_volume(tmp_path / "a.tif")
    assert (volume.axes, volume.array.dtype) == ("zyxc", np.uint8)
    for picture, page, table in zip(volume.array, index, tables, strict=True):
        assert np.array_equal(picture, np.moveaxis(table[:, page], 0, -1))


def test_a_palette_of_greys_is_grey(tmp_path) -> None:
    index = RANDOM.integers(0, 256, (12, 14)).astype(np.uint8)
    table = np.tile(np.arange(255, -1, -1, dtype=np.uint16) * 257, (3, 1))
    volume = stored(tmp_path, index, photometric="palette", colormap=table)
    assert np.array_equal(volume.array, 255 - index)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_become_rgb(tmp_path, dtype) -> None:
    highest = np.iinfo(dtype).max
    colours = COLOURS.astype(dtype) * dtype(highest // 255)
    inks = np.concatenate([highest - colours, np.zeros_like(colours[..., :1])], -1)
    volume = stored(tmp_path, inks, photometric="separated")
    assert np.array_equal(volume.array, colours)
    assert "CMYK" in notes(volume)
    inks[..., 3] = highest
    assert not stored(tmp_path, inks, photometric="separated").array.any()


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_brightness_and_colour_differences_become_rgb(tmp_path, compression) -> None:
    red, green, blue = (COLOURS[..., i].astype(float) for i in range(3))
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    values = np.stack([y, (blue - y) / 1.772 + 128, (red - y) / 1.402 + 128], -1)
    data = np.rint(values).clip(0, 255).astype(np.uint8)
    volume = stored(tmp_path, data, photometric="ycbcr", compression=compression)
    assert volume.array == pytest.approx(COLOURS, abs=2)


def test_jpeg_is_rgb_already(tmp_path) -> None:
    assert stored(tmp_path, COLOURS, photometric="rgb", compression="jpeg").array == pytest.approx(COLOURS, abs=12)


def test_lab_becomes_rgb(tmp_path) -> None:
    lab = rgb2lab(COLOURS)
    bright = np.rint(lab[..., :1] * 2.55).astype(np.uint8)
    data = np.concatenate([bright, np.rint(lab[..., 1:]).astype(np.int8).view(np.uint8)], -1)
    volume = stored(tmp_path, data, photometric="cielab")
    assert volume.array == pytest.approx(COLOURS, abs=6)
    assert "CIELab" in notes(volume)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (CHANNELS[..., 0], {"bitspersample": 12}),
        (CHANNELS[..., 0] > 400, {}),
        (CHANNELS[..., 0].astype(np.float16), {}),
        (CHANNELS[..., 0].astype(np.float32), {"compression": "zlib", "predictor": True}),
        (CHANNELS[..., 0], {"compression": "lzw", "predictor": True}),
        (CHANNELS[..., 0].astype(">u2"), {"byteorder": ">"}),
    ],
)
def test_packed_half_and_predicted_values_are_all_there(tmp_path, data, options) -> None:
    volume = stored(tmp_path, data, photometric="minisblack", **options)
    assert np.array_equal(volume.array, data)
    assert volume.array.dtype != np.float16


def test_a_turned_picture_is_told(tmp_path) -> None:
    volume = stored(tmp_path, CHANNELS[0, ..., 0], photometric="minisblack", extratags=[(274, 3, 1, 4, True)])
    assert "orientation 4" in notes(volume)


def test_complex_values_are_refused_by_name(tmp_path) -> None:
    with pytest.raises(ReadError, match=r"a\.tif cannot be read as a volume: Values of type complex64"):
        stored(tmp_path, CHANNELS[..., 0].astype(np.complex64), photometric="minisblack")

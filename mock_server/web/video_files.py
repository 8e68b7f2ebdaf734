"""Video files: pictures encoded as MP4 with H.264, which browsers play without further codecs.

The same pictures give the same bytes: one thread, a fixed distance between key frames, no dates,
and colours that are converted here, because the encoder's conversion differs between processors.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from mock_server.web import extras

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

MEDIA_TYPE = "video/mp4"

_KEY_FRAME_INTERVAL = 48
# `ultrafast` omits everything that costs time, B-frames too: pictures are stored in the order in
# which they are shown, and old decoders can play them.
_ENCODER = {"preset": "ultrafast", "crf": "22", "x264-params": "threads=1:scenecut=0"}
# Pillow converts luma and chroma by BT.601; primaries and transfer curve are close to sRGB.
_BT601, _BT709, _NARROW = 6, 1, 1


def encoded(
    pictures: Iterable[Image], size: tuple[int, int], fps: int, tags: dict[str, str], frames: int
) -> bytes:
    """Return the file of `frames` pictures, which must be RGB and of even size.

    A picture that is repeated directly is converted once. Raises NotInstalled without PyAV.
    """
    extras.require("video")
    import av

    file = BytesIO()
    # Players read the index first, so it must stand first, but its length is known only at the end:
    # space is reserved. It needs up to 20 bytes for each picture, a fixed part, and the tags.
    index_bytes = 8192 + 24 * frames + sum(len(text.encode()) for text in tags.values())
    options = {"moov_size": str(index_bytes)}
    with av.open(file, "w", format="mp4", container_options=options) as container:
        container.metadata.update(tags)
        stream = container.add_stream("libx264", rate=fps, options=_ENCODER)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = _KEY_FRAME_INTERVAL
        stream.thread_count = 1
        context = stream.codec_context
        context.color_range, context.colorspace = _NARROW, _BT601
        context.color_primaries = context.color_trc = _BT709
        last: Image | None = None
        planes: list[bytes] = []
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame(*size, "yuv420p")
            if picture is not last:
                planes, last = _planes(picture, frame), picture
            for plane, data in zip(frame.planes, planes, strict=True):
                plane.update(data)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _planes(picture: Image, frame: VideoFrame) -> list[bytes]:
    """Return luma and, at half the size, both chromas, in rows of the frame's line size."""
    luma, blue, red = picture.convert("YCbCr").point(_NARROWED).split()
    bands = (luma, blue.reduce(2), red.reduce(2))
    return [
        band.crop((0, 0, plane.line_size, band.height)).tobytes()
        for band, plane in zip(bands, frame.planes, strict=True)
    ]


# Video uses a narrow range: 16 to 235 for luma, 16 to 240 for chroma.
_LUMA = [round(16 + level * 219 / 255) for level in range(256)]
_CHROMA = [round(128 + (level - 128) * 224 / 255) for level in range(256)]
_NARROWED = _LUMA + _CHROMA + _CHROMA

"""A browser plays our videos to the end, and the picture changes."""

import json
import re

import pytest

from mock_server.tests.browser import STAY, looked_at
from mock_server.web.pictures import Recipe
from mock_server.web.video_files import MEDIA_TYPE
from mock_server.web.videos import render_video

PAGE = """<!doctype html>
<video src="/video.mp4" autoplay muted></video>
<output></output>
<script>
const video = document.querySelector("video")
const seen = []
function look() {
  const canvas = new OffscreenCanvas(32, 32)
  const pen = canvas.getContext("2d")
  pen.drawImage(video, 0, 0, 32, 32)
  return Array.from(pen.getImageData(0, 0, 32, 32).data.filter((_, index) => index % 4 < 3))
}
function report() {
  document.querySelector("output").textContent = JSON.stringify({
    width: video.videoWidth, height: video.videoHeight, duration: video.duration,
    currentTime: video.currentTime, ended: video.ended, error: video.error?.message ?? "", seen,
  })
  done()
}
video.onloadeddata = () => seen.push(look())
video.onended = () => { seen.push(look()); report() }
video.onerror = report
</script>
"""


@pytest.mark.parametrize(
    ("width", "height", "frames", "fps"), [(272, 480, 8, 8), (333, 97, 12, 24)]
)
def test_a_browser_plays_a_video_to_its_end(tmp_path, width, height, frames, fps):
    video = render_video(
        Recipe("a quiet harbour", seed=7, width=width, height=height, frames=frames, fps=fps)
    )
    files = {
        "/": ("text/html", (PAGE + STAY).encode()),
        "/video.mp4": (MEDIA_TYPE, video),
    }

    document = looked_at(files, tmp_path)

    found = re.search("<output>(.*?)</output>", document)
    assert found is not None, document
    shown = json.loads(found[1])
    first, last = shown.pop("seen")
    assert shown == {
        "width": width // 2 * 2,
        "height": height // 2 * 2,
        "duration": pytest.approx(frames / fps, abs=0.01),
        "currentTime": pytest.approx(frames / fps, abs=0.01),
        "ended": True,
        "error": "",
    }
    moved = sum(abs(a - b) for a, b in zip(first, last, strict=True)) / len(first)
    assert moved > 3

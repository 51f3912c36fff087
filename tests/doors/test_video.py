"""Frames of videos by number: every codec, any order, broken files."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from crossvox.core.checks import CaptureError
from crossvox.doors import video
from crossvox.doors.video import close_videos, read_video_frame, video_facts

av = pytest.importorskip("av")

COUNT, SIZE = 30, (64, 48)
KINDS = [
    ("libx264", "mp4", "yuv420p", {"x264-params": "keyint=8:bframes=2:log-level=none"}),
    ("libx265", "mkv", "yuv420p", {"x265-params": "keyint=8:bframes=2:log-level=none"}),
    ("libx265", "mp4", "yuv420p10le", {"x265-params": "keyint=8:open-gop=1:log-level=none"}),
    ("mjpeg", "mov", "yuvj420p", {}),
    ("libx264", "mov", "yuv420p", {"x264-params": "keyint=8:open-gop=1:bframes=3:log-level=none"}),
]


def color_of(number: int) -> list[int]:
    return [40 + 6 * number, 220 - 5 * number, 90]


def write(
    path: Path, codec: str, pix_fmt: str, options: dict, turned: int = 0, how: dict | None = None
) -> Path:
    with av.open(str(path), "w", options=how or {}) as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt = pix_fmt
        if turned:
            stream.set_display_rotation(turned)
        for number in range(COUNT):
            image = np.full((SIZE[1], SIZE[0], 3), color_of(number), np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}")
def written(request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, ending, pix_fmt, options = request.param
    folder = tmp_path_factory.mktemp("videos")
    return write(folder / f"rgb.{ending}", codec, pix_fmt, options)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    codec, ending, pix_fmt, options = KINDS[0]
    return write(tmp_path_factory.mktemp("plain") / f"rgb.{ending}", codec, pix_fmt, options)


def found(path: Path, number: int) -> int:
    """Which frame the pixels are of."""
    pixels = read_video_frame(path, number)
    assert pixels.shape == (SIZE[1], SIZE[0], 3)
    means = pixels.reshape(-1, 3).mean(axis=0)
    errors = [np.abs(means - color_of(n)).max() for n in range(COUNT)]
    assert min(errors) < 5.5
    return int(np.argmin(errors))


def test_frames_come_by_number_in_any_order(written: Path) -> None:
    facts = video_facts(written)
    assert (facts.size, facts.frames, facts.turned_deg) == (SIZE, COUNT, 0)
    order = [*range(COUNT), 29, 0, 7, 8, 9, 3, 2, 1, 15, 16, 28, 17, 27, 5, 29, 29]
    assert [found(written, number) for number in order] == order
    close_videos()
    assert found(written, 19) == 19


def test_rising_order_decodes_each_frame_once(plain: Path, monkeypatch) -> None:
    close_videos()
    decoded = []
    real = video._decoded

    def counted(*args):
        for number, frame in real(*args):
            decoded.append(number)
            yield number, frame

    monkeypatch.setattr(video, "_decoded", counted)
    for number in range(COUNT):
        read_video_frame(plain, number)
    assert decoded == list(range(COUNT))
    read_video_frame(plain, COUNT - 2)  # kept
    assert len(decoded) == COUNT
    read_video_frame(plain, 12)  # from the key frame before it, at most
    assert len(decoded) <= COUNT + 9
    before = len(decoded)
    read_video_frame(plain, 25)  # a key frame lies between
    assert len(decoded) <= before + 9


def test_few_decoders_stay_open(tmp_path: Path, plain: Path) -> None:
    close_videos()
    copies = []
    for number in range(4):
        copies.append(tmp_path / f"{number}.mp4")
        copies[-1].write_bytes(plain.read_bytes())
    for number in (3, 4, 5):
        assert [found(copy, number) for copy in copies] == [number] * 4
    assert len(video._open) == video.OPEN_DECODERS


def test_threads_share_a_video(plain: Path) -> None:
    right = []

    def some(start: int) -> None:
        right.extend(found(plain, n) == n for n in range(start, COUNT, 4))

    threads = [threading.Thread(target=some, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * COUNT


def test_a_display_matrix_is_told_and_not_applied(tmp_path: Path) -> None:
    codec, _, pix_fmt, options = KINDS[0]
    turned = write(tmp_path / "turned.mp4", codec, pix_fmt, options, turned=-90)
    facts = video_facts(turned)
    assert facts.size == SIZE
    assert facts.turned_deg == 90
    assert read_video_frame(turned, 0).shape == (SIZE[1], SIZE[0], 3)


def test_a_video_that_is_replaced_is_read_anew(tmp_path: Path, plain: Path) -> None:
    path = tmp_path / "rgb.mp4"
    path.write_bytes(plain.read_bytes())
    assert found(path, 20) == 20
    codec, _, pix_fmt, _ = KINDS[0]
    write(path, codec, pix_fmt, {"x264-params": "keyint=1:log-level=none"})
    assert found(path, 20) == 20
    assert len(video._open) <= video.OPEN_DECODERS


@pytest.mark.parametrize("left", [0, 10, 0.5, 0.95])
def test_a_cut_mp4_is_refused_by_name(tmp_path: Path, plain: Path, left: float) -> None:
    data = plain.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: left if left > 1 else int(left * len(data))])
    for ask in (lambda: video_facts(cut), lambda: read_video_frame(cut, 0)):
        with pytest.raises(CaptureError, match=r"cut\.mp4, a video that cannot be read"):
            ask()


def test_an_mp4_in_fragments(tmp_path: Path) -> None:
    codec, _, pix_fmt, options = KINDS[0]
    how = {"movflags": "frag_keyframe+empty_moov"}
    path = write(tmp_path / "rgb.mp4", codec, pix_fmt, options, how=how)
    assert video_facts(path).frames == COUNT
    assert [found(path, number) for number in (29, 3, 17)] == [29, 3, 17]


def test_a_cut_mp4_with_its_index_in_front_gives_what_is_left(tmp_path: Path) -> None:
    codec, _, pix_fmt, options = KINDS[0]
    path = write(tmp_path / "rgb.mp4", codec, pix_fmt, options, how={"movflags": "faststart"})
    assert video_facts(path).frames == COUNT
    data = path.read_bytes()
    path.write_bytes(data[: int(0.9 * len(data))])
    assert found(path, 5) == 5
    with pytest.raises(CaptureError, match=r"frame 29 .*rgb\.mp4|rgb\.mp4.*frame 29"):
        read_video_frame(path, COUNT - 1)
    assert found(path, 6) == 6


def test_a_cut_mkv_gives_what_is_left(tmp_path: Path) -> None:
    codec, ending, pix_fmt, options = KINDS[1]
    whole = write(tmp_path / f"whole.{ending}", codec, pix_fmt, options)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: int(0.9 * whole.stat().st_size)])
    frames = video_facts(cut).frames
    assert 3 < frames < COUNT
    assert found(cut, 2) == 2
    with pytest.raises(CaptureError, match=r"cut\.mkv.*cut"):
        read_video_frame(cut, COUNT - 1)


def test_a_damaged_frame_costs_no_other_key_frame_its_pictures(tmp_path: Path) -> None:
    codec, _, pix_fmt, _ = KINDS[3]
    path = write(tmp_path / "rgb.mov", codec, pix_fmt, {})
    data = bytearray(path.read_bytes())
    starts = [at for at in range(len(data) - 3) if data[at : at + 3] == b"\xff\xd8\xff"]
    assert len(starts) == COUNT
    data[starts[5] : starts[6]] = bytes(starts[6] - starts[5])
    path.write_bytes(bytes(data))
    with pytest.raises(CaptureError, match=r"rgb\.mov.*frame 5 cannot be decoded"):
        read_video_frame(path, 5)
    assert [found(path, n) for n in (4, 6, 20)] == [4, 6, 20]
    assert video_facts(path).frames == COUNT


def test_damage_costs_frames_up_to_the_next_key_frame_and_no_time(
    tmp_path: Path, monkeypatch
) -> None:
    codec, _, pix_fmt, _ = KINDS[0]
    options = {"x264-params": "keyint=10:min-keyint=10:scenecut=0:bframes=0:log-level=none"}
    path = write(tmp_path / "rgb.mp4", codec, pix_fmt, options)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        broken = (packets[13].pos, packets[13].size)
    data = bytearray(path.read_bytes())
    data[broken[0] : broken[0] + broken[1]] = b"\xff" * broken[1]
    path.write_bytes(bytes(data))
    decoded = []
    real = video._decoded

    def counted(*args):
        for number, frame in real(*args):
            decoded.append(number)
            yield number, frame

    monkeypatch.setattr(video, "_decoded", counted)
    lost = []
    for number in [*range(COUNT), *range(COUNT)]:
        try:
            assert found(path, number) == number
        except CaptureError:
            lost.append(number)
    assert lost == 2 * list(range(13, 20))
    assert len(decoded) <= 2 * COUNT + 20


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    listed = tmp_path / "rgb.mp4"
    listed.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nother.mp4\n")
    for path in (listed, tmp_path, tmp_path / "missing.mp4"):
        with pytest.raises(CaptureError, match=r"cannot be read .*MP4, MOV"):
            read_video_frame(path, 0)


def test_without_pyav_the_extra_is_named(plain: Path, monkeypatch) -> None:
    close_videos()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CaptureError, match=r"crossvox\[captures\]"):
        video_facts(plain)

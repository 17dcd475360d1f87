"""Small media files, made once with ffmpeg and kept in a build folder."""

import fcntl
import hashlib
import struct
from pathlib import Path

from .processes import run

_FFMPEG = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-threads", "1")
_VIDEO = ("-f", "lavfi", "-i", "testsrc2=size=480x270:rate=25:duration=60")
_AUDIO = ("-f", "lavfi", "-i", "sine=frequency=440:duration=60")

CLIP, SONG, PHOTO, HUGE, MOVIE = "Clip.mp4", "Song.mp3", "Photo.jpg", "Huge.mp4", "Movie.mp4"
HUGE_BYTES = 4 << 30


def make(folder: Path) -> Path:
    """The folder with a film of a minute, a song, a photograph and a film of 4 GiB (a sparse file)."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        library = folder / "library"
        if not (library / HUGE).exists():
            library.mkdir(exist_ok=True)
            _generate(library)
    return library


def make_movie(folder: Path, size: int) -> Path:
    """A folder with one playable film of that size, mostly holes, for measurements."""
    library = make(folder)
    movies = folder / "movies"
    movies.mkdir(exist_ok=True)
    if not (movies / MOVIE).exists() or (movies / MOVIE).stat().st_size != size:
        pad(library / CLIP, movies / MOVIE, size)
    return movies


def _generate(library: Path) -> None:
    run(*_FFMPEG, *_VIDEO, *_AUDIO, "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-c:a", "aac",
        "-movflags", "+faststart", library / CLIP, timeout=120)  # fmt: skip
    run(*_FFMPEG, *_AUDIO, "-b:a", "96k", "-metadata", "title=Song", "-metadata", "artist=Lab", library / SONG)
    run(*_FFMPEG, "-f", "lavfi", "-i", "testsrc2=size=1280x720:duration=1", "-frames:v", "1", library / PHOTO)
    pad(library / CLIP, library / HUGE, HUGE_BYTES)


def pad(source: Path, target: Path, size: int) -> None:
    """A playable copy of `source`, `size` bytes long: an MP4 `free` box of holes follows its last box."""
    content = source.read_bytes()
    partial = target.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(content)
        file.write(struct.pack(">I4sQ", 1, b"free", size - len(content)))
        file.truncate(size)
    partial.rename(target)


def sha256(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()

"""Media players of others, without a screen."""

from pathlib import Path

from ..namespaces import Namespace
from ..processes import LabError, Process

_NOBODY = "65534"


def mpv(host: Namespace, url: str, frames: int = 8) -> str:
    """Plays a few frames and says what it saw."""
    done = host.run(
        "mpv", "--no-config", "--vo=null", "--ao=null", f"--frames={frames}", "--msg-level=all=info", url,
        check=False, timeout=25,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        if line.startswith("VO: ") and done.returncode == 0:
            return line
    raise LabError(f"mpv: {done.stdout[-300:]}{done.stderr[-300:]}")


def vlc(host: Namespace, work: Path, logs: Path, name: str, *words: str) -> Process:
    """VLC in the background, its thoughts in its log; as nobody, because it does not run as root."""
    home = work / f"vlc-{name}"
    home.mkdir(exist_ok=True)
    for folder in (work, home):
        folder.chmod(0o755 if folder == work else 0o777)
    return host.start(
        f"interop-vlc-{name}", "setpriv", "--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups", "env",
        f"HOME={home}", "vlc", "-I", "dummy", "-vv", "--no-color", "--vout", "vdummy", "--aout", "adummy",
        # VLC shows a picture to nobody only if something else asks for it too.
        "--video-filter", "scene", "--scene-path", home, "--scene-ratio", "25", "--scene-format", "jpg", *words,
        log=logs / f"interop-vlc-{name}.log",
    )  # fmt: skip

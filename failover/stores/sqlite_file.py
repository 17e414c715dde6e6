"""The database file itself: made safely, checked before it is trusted, set aside when broken.

Rules:
- It is made by us, empty, for its owner alone, and only where nothing is yet; SQLite then opens
  what exists and never makes one with the process' own mask.
- It is refused when somebody else could have put it there or could write to it.
- It is never opened here once it exists: closing any descriptor of it would drop the locks that
  SQLite holds on it in this process.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from failover.errors import StoreError

COMPANIONS = ("", "-wal", "-shm")  # the file and the two that SQLite keeps beside it
MOUNTS = Path("/proc/mounts")
NETWORK_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afs", "ceph", "glusterfs", "lustre")
)

Identity = tuple[int, int]


def prepare(path: Path) -> Identity:
    """Make the file if it is missing, and make sure that it can be trusted.

    Args:
        path: absolute path of the database.

    Returns:
        What tells this file from another one of the same name.

    Raises:
        StoreError: it can't be trusted, or its file system can't hold it.
        OSError: it can't be made or looked at.
    """
    _make_directory(path.parent)
    _check_directory(path.parent)
    _check_file_system(path.parent)
    no_follow = getattr(os, "O_NOFOLLOW", 0)  # Windows has none
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | no_follow, 0o600))
    for companion in COMPANIONS:
        _check_file(path.with_name(path.name + companion))
    found = identity(path)
    if found is None:
        raise StoreError(f"{path} vanished while it was being opened")
    return found


def identity(path: Path) -> Identity | None:
    """Tell which file has this name now.

    Args:
        path: path of the database.

    Returns:
        Device and number of the file, or None when there is none.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def set_aside(path: Path, broken: Identity) -> None:
    """Rename a broken file out of the way, with its companions, for somebody to look at.

    Args:
        path: path of the database.
        broken: the file that was found broken; another process may have replaced it already.

    Raises:
        OSError: it can't be renamed.
    """
    if identity(path) != broken:
        return
    suffix = f".corrupt-{time.time_ns() // 1_000_000}"
    for companion in COMPANIONS:
        source = path.with_name(path.name + companion)
        with suppress(FileNotFoundError):
            source.rename(path.with_name(path.name + suffix + companion))


def _make_directory(directory: Path) -> None:
    missing = []
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    for made in reversed(missing):
        made.mkdir(mode=0o700, exist_ok=True)


def _check_directory(directory: Path) -> None:
    mode = directory.stat().st_mode
    if hasattr(os, "getuid") and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise StoreError(
            f"everybody may write to {directory}, so the store in it can't be trusted; "
            "put it into a directory of its own"
        )


def _check_file(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path} is a link or no regular file; name the file itself")
    if not hasattr(os, "getuid"):
        return
    if found.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to another user; use a file of your own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StoreError(f"others may write to {path}; run: chmod 600 {path}")


def _check_file_system(directory: Path) -> None:
    """Refuse what can't share memory between machines, as write-ahead logging needs it."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    where = directory.resolve()
    longest, kind = Path(), ""
    for line in mounts.splitlines():
        _device, mounted, file_system, *_ = [*line.split(" "), "", "", ""]
        point = Path(mounted.replace("\\040", " "))
        if where.is_relative_to(point) and len(point.parts) >= len(longest.parts):
            longest, kind = point, file_system
    if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse."):
        raise StoreError(
            f"{directory} is on a network file system ({kind}), where SQLite can't be shared; "
            "use a local path or redis://"
        )

"""Runs a built stage as a container: no network, a root that is read-only, a user without rights.

`python -m scripts._image.container ROOT UID:GID FOLDER NAME=VALUE... -- COMMAND...` is process 1 of
the container; it needs root, and namespaces of its own.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys

_NO_NEW_PRIVILEGES = 38  # PR_SET_NO_NEW_PRIVS
_SET_FLAGS, _IS_UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP


def main(root: str, user: str, folder: str, *rest: str) -> None:
    """Become the command."""
    border = rest.index("--")
    with socket.socket() as any_socket:  # the loopback interface is down in a new namespace
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", _IS_UP))
    os.chroot(root)
    os.chdir(folder)
    uid, _, gid = user.partition(":")
    os.setgroups([])
    os.setgid(int(gid))
    os.setuid(int(uid))
    if ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError("no_new_privs cannot be set")
    environment = dict(pair.split("=", 1) for pair in rest[:border])
    command = rest[border + 1 :]
    os.execvpe(command[0], command, environment)


if __name__ == "__main__":
    main(*sys.argv[1:])

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away authorities and the server's certificate, made by openssl."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .layout import RestLabError

NAMES = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:engine.lab.test"


def make(directory: Path) -> None:
    """ca.pem with server.pem and server.key, and other-ca.pem that has nothing to do with them."""
    directory.mkdir(parents=True)
    for name in ("ca", "other-ca"):
        _openssl(
            "req",
            "-x509",
            *_new_key(directory / (name + ".key")),
            "-days",
            "3650",
            "-subj",
            "/C=US/O=lab.test/CN={}.rest.lab.test".format(name),
            "-out",
            directory / (name + ".pem"),
        )
    names, request = directory / "names.cnf", directory / "server.req"
    names.write_text(NAMES + "\n", encoding="ascii")
    _openssl(
        "req", *_new_key(directory / "server.key"), "-subj", "/C=US/O=lab.test/CN=engine.lab.test", "-out", request
    )
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        directory / "ca.pem",
        "-CAkey",
        directory / "ca.key",
        "-set_serial",
        "4097",
        "-days",
        "398",
        "-extfile",
        names,
        "-out",
        directory / "server.pem",
    )


def _new_key(path: Path) -> tuple[str | Path, ...]:
    return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256", "-keyout", path


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RestLabError("openssl {} failed: {}".format(arguments[0], done.stderr.strip()))

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and certificates of the engine, made by the real openssl."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .layout import LabError

STORE_PASSWORD = "mypass"
AUTHORITIES = {"ca": "/C=US/O=lab.test/CN=engine.lab.test.12345", "qemu-ca": "/C=US/O=lab.test/CN=qemu.engine.lab.test"}
TEMPLATES = ("cacert.template.in", "cert.template.in", "openssl.conf")
SERVICES = ("engine", "apache", "websocket-proxy", "jboss")


def make_pki(directory: Path, fqdn: str) -> None:
    """Fill the PKI directory: two authorities, one certificate per service, key stores and templates."""
    for name in ("private", "certs", "keys", "requests"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda item: _make_authority(directory, *item), AUTHORITIES.items()))
        list(pool.map(lambda name: _make_service(directory, name, fqdn), SERVICES))
    (directory / "apache-ca.pem").write_bytes((directory / "ca.pem").read_bytes())
    (directory / "keys" / "engine_id_rsa").write_bytes((directory / "keys" / "engine.key.nopass").read_bytes())
    _openssl(
        "pkcs12",
        "-export",
        "-nokeys",
        "-in",
        directory / "ca.pem",
        "-passout",
        "pass:" + STORE_PASSWORD,
        "-out",
        directory / ".truststore",
    )
    for name in ("serial.txt", "database.txt"):
        (directory / name).write_text("# {} of the lab\n".format(name), encoding="utf-8")
    for key in [*directory.glob("private/*"), *directory.glob("keys/*")]:
        key.chmod(0o600)


def make_templates(directory: Path) -> None:
    """The files of the PKI directory that belong to packages."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in TEMPLATES:
        (directory / name).write_text("# {} of the lab\n".format(name), encoding="utf-8")


def _make_authority(directory: Path, name: str, subject: str) -> None:
    _openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-sha256",
        "-days",
        "3650",
        "-subj",
        subject,
        "-keyout",
        directory / "private" / (name + ".pem"),
        "-out",
        directory / (name + ".pem"),
    )


def _make_service(directory: Path, name: str, fqdn: str) -> None:
    key, request = directory / "keys" / (name + ".key.nopass"), directory / "requests" / (name + ".req")
    certificate = directory / "certs" / (name + ".cer")
    subject = "/C=US/O=lab.test/CN=" + fqdn
    _openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", key, "-out", request)
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        directory / "ca.pem",
        "-CAkey",
        directory / "private" / "ca.pem",
        "-set_serial",
        str(4096 + SERVICES.index(name)),
        "-days",
        "398",
        "-sha256",
        "-out",
        certificate,
    )
    _openssl(
        "pkcs12",
        "-export",
        "-inkey",
        key,
        "-in",
        certificate,
        "-certfile",
        directory / "ca.pem",
        "-name",
        "1",
        "-passout",
        "pass:" + STORE_PASSWORD,
        "-out",
        directory / "keys" / (name + ".p12"),
    )


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError("openssl {} failed: {}".format(arguments[0], done.stderr.strip()))

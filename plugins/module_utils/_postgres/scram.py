# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SCRAM-SHA-256 verifiers of PostgreSQL: what the server stores instead of a password.

psycopg2 offers the same from 2.8 on; Enterprise Linux 8 has 2.7. Made here, the password never travels to the server,
its log or pg_stat_activity. Sources: RFC 5802, RFC 7677. Only for ASCII passwords: others would need SASLprep.
This file is private to the collection.
"""

import base64
import hashlib
import hmac
import os
import re

ITERATIONS = 4096
SALT_SIZE = 16
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")


def make_verifier(password: str) -> str:
    """Return a new verifier."""
    return _derive(password, os.urandom(SALT_SIZE), ITERATIONS)


def verifies(stored: str, password: str) -> bool:
    """Is what the server stores a SCRAM verifier of this password?"""
    found = _VERIFIER.fullmatch(stored)
    if not found:
        return False
    wanted = _derive(password, base64.b64decode(found.group(2)), int(found.group(1)))
    return hmac.compare_digest(wanted.encode(), stored.encode())


def _derive(password: str, salt: bytes, iterations: int) -> str:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored_key = hashlib.sha256(_sign(salted, b"Client Key")).digest()
    parts = (iterations, _encode(salt), _encode(stored_key), _encode(_sign(salted, b"Server Key")))
    return "SCRAM-SHA-256$%d:%s$%s:%s" % parts


def _sign(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()

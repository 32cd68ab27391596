# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verifiers of PostgreSQL, against the example of RFC 7677 and what psycopg2 makes."""

import base64

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._postgres import scram

# RFC 7677, section 3: password "pencil", this salt, 4096 iterations, and the server's proof that follows from them.
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
MADE_BY_POSTGRESQL = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    "$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_verifier_of_the_example_is_that_of_postgresql() -> None:
    assert scram._derive("pencil", base64.b64decode(SALT), 4096) == MADE_BY_POSTGRESQL
    assert scram.verifies(MADE_BY_POSTGRESQL, "pencil")
    assert scram.verifies(scram._derive("x", b"salt", 5000), "x")


def test_new_verifier_verifies_its_password_and_no_other() -> None:
    made = scram.make_verifier("Secret22")
    assert scram.verifies(made, "Secret22")
    assert not scram.verifies(made, "secret22")
    assert made != scram.make_verifier("Secret22")
    assert "Secret22" not in made


@pytest.mark.parametrize(
    "stored", ["", "md5" + "0" * 32, "SCRAM-SHA-256$4096:", MADE_BY_POSTGRESQL + "x y", "x" + MADE_BY_POSTGRESQL]
)
def test_anything_else_verifies_nothing(stored: str) -> None:
    assert not scram.verifies(stored, "pencil")
    assert not scram.verifies(stored, "")

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that have expired, or soon will, are named."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.certificates import warn_of_certificates
from ansible_collections.ovirt.backup.plugins.module_utils._common.times import from_iso

NOW = from_iso("2026-12-01T00:00:00Z")


@pytest.mark.parametrize(
    ("not_after", "words"),
    [
        ("2026-11-30T23:59:59Z", "have expired"),
        ("2026-12-01T00:00:00Z", "have expired"),
        ("2026-12-01T00:00:01Z", "expire within 30 days"),
        ("2026-12-31T00:00:00Z", "expire within 30 days"),
        ("2026-12-31T00:00:01Z", ""),
    ],
)
def test_certificate_is_named_by_when_it_ends(not_after: str, words: str) -> None:
    found = warn_of_certificates([{"path": "etc/pki/ovirt-engine/ca.pem", "not_after": not_after}], NOW)
    assert len(found) == bool(words)
    assert all(words in text and "ca.pem" in text and "OVESETUP_PKI/renew" in text for text in found)


def test_many_certificates_make_one_warning_with_the_first_three() -> None:
    many = [{"path": "%d.cer" % number, "not_after": "2020-01-0%dT00:00:00Z" % number} for number in range(1, 10)]
    (text,) = warn_of_certificates(many, NOW)
    assert text.startswith("9 certificates") and "3.cer" in text and "4.cer" not in text and "6 more" in text

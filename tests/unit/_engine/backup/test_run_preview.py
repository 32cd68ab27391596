# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode: the same answers as a run, and not one call that writes."""

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.backup.run import make_backup, preview_backup
from unit.fakes import world
from unit.fakes.engine_host import WRITING, FakeEngineHost, make_request


@pytest.mark.parametrize("profile", ["stock", "fast", "small"])
def test_preview_calls_no_writing_method(profile: str) -> None:
    host = FakeEngineHost()
    assert preview_backup(make_request(profile=profile, tmpdir="/srv/tmp"), host).changed
    assert not WRITING & set(host.calls)


def test_fake_knows_which_methods_write() -> None:
    methods = {name for name, value in vars(FakeEngineHost).items() if hasattr(value, "__wrapped__")}
    assert methods > WRITING
    host = FakeEngineHost()
    make_backup(make_request(profile="small"), host)
    assert set(host.calls) > WRITING


@pytest.mark.parametrize("profile", ["stock", "fast", "small"])
def test_planned_archive_has_the_keys_of_a_finished_one(profile: str) -> None:
    planned = preview_backup(make_request(profile=profile), FakeEngineHost())
    finished = make_backup(make_request(profile=profile), FakeEngineHost())
    assert set(planned.archive) == set(finished.archive)
    assert set(planned.archive["databases"]["dwh"]) == set(finished.archive["databases"]["dwh"])
    for key in ("path", "manifest", "identity", "log_path", "created", "version", "fqdn", "profile", "scopes"):
        assert planned.archive[key] == finished.archive[key]


def test_what_is_not_known_before_is_none_or_empty() -> None:
    archive = preview_backup(make_request(), FakeEngineHost()).archive
    assert (archive["size"], archive["sha256"], archive["os_version"], archive["certificates"]) == (None, None, "", [])
    assert archive["databases"]["dwh"]["size"] is None


def test_planned_rows_are_those_of_the_live_database() -> None:
    databases = preview_backup(make_request(), FakeEngineHost()).archive["databases"]
    assert databases["engine"]["tables"] == world.ENGINE_ROWS
    assert databases["dwh"]["rows"] == databases["dwh"]["live_rows"] == 7300


def test_planned_command_is_complete_and_holds_no_secret() -> None:
    cmd = preview_backup(make_request(), FakeEngineHost()).cmd
    assert cmd[:2] == ["/usr/bin/engine-backup", "--mode=backup"]
    assert {part.partition("=")[0] for part in cmd} >= {"--scope", "--file", "--log", "--tmpdir"}
    assert all("secret" not in part for part in cmd)


def test_leftovers_are_told_and_left() -> None:
    host = FakeEngineHost()
    host.leftovers = ["/srv/backup/.engine_backup-1"]
    assert preview_backup(make_request(), host).cleaned_up == host.leftovers == ["/srv/backup/.engine_backup-1"]


def test_manifest_of_a_killed_run_does_not_forbid_the_next() -> None:
    host = FakeEngineHost()
    host.existing = {"/srv/backup/x.manifest.json"}
    host.leftovers = ["/srv/backup/x.manifest.json"]
    assert preview_backup(make_request(path="/srv/backup/x"), host).changed

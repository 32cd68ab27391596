# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_backup makes proven archives, and none where there is one already."""

import re

import pytest

from .archive_mutations import flip
from .archive_steps import in_turns
from .archive_store import PROFILES, ArchiveStore, Made, manifest_of, read_manifest
from .db_probe import CHANGED_BY_BACKUPS, PREFIXES, count_rows
from .installation import Site
from .playbooks import Engine, backup, checked

KNOWN_BEFORE = ("path", "manifest", "version", "fqdn", "profile", "scopes")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_rows_read_back_from_the_archive_are_those_of_the_live_databases(
    profile: str, made: Made, site: Site
) -> None:
    databases = made.results[profile]["archive"]["databases"]
    for kind in sorted(set(PREFIXES) & set(databases)):
        read, live = databases[kind]["tables"], count_rows(site, kind)
        assert set(read) == set(live)
        assert {name for name in live if read[name] != live[name]} <= CHANGED_BY_BACKUPS
        assert databases[kind]["rows"] == sum(read.values()) > 0


@pytest.mark.parametrize("profile", PROFILES)
def test_the_manifest_says_what_the_result_says(profile: str, made: Made, site: Site) -> None:
    archive, path = made.results[profile]["archive"], made.paths[profile]
    content = read_manifest(path)
    assert archive["manifest"] == str(manifest_of(path))
    assert archive["identity"] == archive["log_path"] == content["log_path"]
    assert content["name"] == path.name
    for_restores = (content["dumps"].keys(), content["hosted_engine"])
    assert for_restores == (archive["databases"].keys(), "")
    shared = set(content) - {"name", "schema_version", "collection", "dumps", "hosted_engine"}
    assert {key: content[key] for key in shared} == {key: archive[key] for key in shared}
    assert archive["fqdn"] == site.fqdn
    assert archive["size"] == path.stat().st_size
    assert {item["path"] for item in archive["certificates"]} >= {"etc/pki/ovirt-engine/ca.pem"}
    for mode in (path.stat().st_mode, manifest_of(path).stat().st_mode):
        assert mode & 0o777 == 0o600


def test_each_profile_packs_in_its_own_way(made: Made) -> None:
    starts = {profile: path.read_bytes()[:4] for profile, path in made.paths.items()}
    assert starts["stock"][:2] == b"\x1f\x8b"
    assert starts["fast"][:2] == b"./"
    assert starts["small"] == b"\x28\xb5\x2f\xfd"
    formats = {profile: result["archive"]["databases"]["engine"]["format"] for profile, result in made.results.items()}
    assert formats == {"stock": "custom", "fast": "custom", "small": "plain"}
    sizes = {profile: path.stat().st_size for profile, path in made.paths.items()}
    assert sizes["small"] < sizes["stock"] <= sizes["fast"]


def test_the_engine_has_recorded_what_was_made(made: Made) -> None:
    for result in made.results.values():
        assert sorted(result["engine_record"]["scopes"]) == sorted(result["archive"]["scopes"])
        assert result["engine_record"]["not_in_archive"] == []
        assert result["engine_record"]["problem"] == ""


def test_no_process_shows_a_secret_in_its_command_line_or_environment(made: Made, site: Site) -> None:
    assert any(b"engine-backup" in seen and b"--mode=backup" in seen for seen in made.seen), "the tool was seen"
    shown = [secret for secret in site.secrets() for seen in made.seen if secret.encode() in seen]
    assert not shown


def test_four_runs_with_a_path_make_one_archive(engine: Engine, archive_store: ArchiveStore) -> None:
    scope = sorted({"db", engine.site.scopes[-1]})
    asked = backup(path=archive_store.directory / "new.backup", scope=scope)
    planned, made, *again = engine.play(checked(asked), asked, checked(asked), asked)
    assert [result["changed"] for result in (planned, made, *again)] == [True, True, False, False], planned
    assert {key: planned["archive"][key] for key in KNOWN_BEFORE} == {key: made["archive"][key] for key in KNOWN_BEFORE}
    assert set(planned["archive"]) == set(made["archive"])
    assert (planned["archive"]["sha256"], planned["diff"]["before"]) == (None, {"leftovers": []})
    after = planned["diff"]["after"]
    assert after["databases"]["engine"]["rows"] == planned["archive"]["databases"]["engine"]["rows"] > 0
    shown = rf'^\+ +"path": "{re.escape(after["path"])}"'
    assert re.search(shown, engine.plays[0].output, re.MULTILINE), "--diff prints it"
    assert [result["archive"] for result in again] == [made["archive"]] * 2
    assert [result["cmd"] for result in again] == [[], []]
    archive_store.assert_holds_new(made)


def test_a_young_proven_archive_is_enough_and_one_without_proof_or_with_a_changed_byte_is_not(
    engine: Engine, archive_store: ArchiveStore
) -> None:
    directory, least = archive_store.directory, engine.site.scopes[-1]
    older = directory / "older.backup"
    asked = backup(directory=directory, scope=[least], max_age=3600)
    everything = checked(backup(directory=directory, max_age=24 * 3600))
    content = bytearray(older.read_bytes())
    good, changed, made, again, *others = in_turns(
        engine,
        everything,
        lambda: older.write_bytes(flip(bytes(content), len(content) // 2)), everything,
        manifest_of(older).unlink, asked, asked,
        checked(backup(directory=directory, scope=[least])),
        checked(backup(directory=directory, scope=[least, "files"], max_age=3600)),
    )  # fmt: skip
    assert good["archive"]["path"] == str(older), "the archive of this very session is young"
    assert changed["changed"] and changed["archive"]["path"] != str(older)
    assert [result["changed"] for result in (good, made, again, *others)] == [False, True, False, True, True], made
    assert again["archive"]["path"] == made["archive"]["path"] != str(older)

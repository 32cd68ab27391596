# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before anything is written: each reason by its code, in a real run and in check mode alike."""

from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._archive.model import DumpReading
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import (
    BackupError,
    CommandError,
    Problem,
    Refused,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.credential_files import (
    names_database,
    replace_credentials,
)
from ansible_collections.ovirt.backup.plugins.module_utils._engine.restore.run import make_restore, preview_restore
from unit.fakes import world
from unit.fakes.errors import assert_refused, codes_of, error_of
from unit.fakes.faults import Change, both, having, installed
from unit.fakes.faults import no_change as good
from unit.fakes.restore_host import (
    LOCAL,
    PATH,
    STATE,
    WRITES,
    FakeRestoreHost,
    configuration,
    configured_settings,
    credentials,
    make_reading,
    make_request,
    rows,
)

LOG = "/var/log/ovirt-engine-backup/restore-one-20261122T134352Z.log"
DATA = "/var/lib/pgsql/data"


def archived(*more: str, **changes: Any) -> Change:
    """Change the archive."""
    return lambda host: host.stored.update({PATH: make_reading(*more)._replace(**changes)})


def dumped(**changes: Any) -> Change:
    """Change the dump of the engine."""

    def change(host: FakeRestoreHost) -> None:
        dump: DumpReading = make_reading().dumps["engine"]._replace(**changes)
        host.stored[PATH] = make_reading(engine=dump)

    return change


def fit(kind: str = "engine", **changes: Any) -> Change:
    """Change what the local database of a kind is."""

    def change(host: FakeRestoreHost) -> None:
        found = host.database(kind)
        found.fitness = found.fitness._replace(**changes)

    return change


def configured(kind: str = "engine", **changes: Any) -> Change:
    """Change what the archive's configuration says of a database; it can be logged in to all the same."""
    settings = configured_settings(kind)._replace(**changes)

    def rewrite(_path: str, text: str) -> str:
        return replace_credentials(text, kind, settings) if names_database(text, kind) else text

    def change(host: FakeRestoreHost) -> None:
        host.rewrite_archived(rewrite)
        if (settings.host, settings.port) != LOCAL:
            host.add_server(settings)

    return change


def small(**changes: str) -> Dict[str, str]:
    return dict(make_reading().small, **changes)


def on_second_server(host: FakeRestoreHost) -> None:
    host.add_server(credentials("engine"))


filled = rows("engine", vm_static=1)
other_password = both(
    filled, lambda host: host.servers[LOCAL].roles.update(engine="another"), having(shows_standing=True)
)
on_dead_server = both(configured(host="db.lab.test"), lambda host: host.servers.pop(("db.lab.test", 5432)))
no_access = both(on_second_server, lambda host: host.servers["db.lab.test", 5432].roles.clear())
filled_elsewhere = both(
    on_second_server, lambda host: host.servers["db.lab.test", 5432].databases["db_new"].rows.update(x=1)
)


def without_databases(host: FakeRestoreHost) -> None:
    host.servers[LOCAL].databases.clear()


def without_roles(host: FakeRestoreHost) -> None:
    host.servers[LOCAL].databases.clear()
    host.servers[LOCAL].roles.clear()


def given(**changes: Any) -> Dict[str, Any]:
    return {"credentials": {"engine": credentials("engine", **changes)}}


def escaped_password(host: FakeRestoreHost) -> None:
    """The engine drops the backslash before a colon, a shell keeps it."""
    host.rewrite_archived(lambda _path, text: text.replace("secret-of-engine", "p\\:w"))
    host.servers[LOCAL].roles["engine"] = "p:w"


def relative_archive(host: FakeRestoreHost) -> None:
    host.existing.add("one.backup")
    host.stored["one.backup"] = make_reading()


def with_managed_block(host: FakeRestoreHost) -> None:
    host.stored[PATH] = make_reading("managedblock")
    host.servers[LOCAL].add(configured_settings("managedblock"))
    host.installation = host.installation._replace(restorable=frozenset(["files", "db", "dwhdb"]))


HOSTED = {"public.vm_static": [("HostedEngine",)]}
CASES: Dict[str, Tuple[Change, Dict[str, Any], List[str]]] = {
    # the request
    "no archive": (having(existing=set()), {}, ["archive_missing"]),
    "relative path": (relative_archive, {"path": "one.backup"}, ["path_relative"]),
    "relative log": (good, {"log_path": "x.log"}, ["path_relative"]),
    "relative temporary directory": (good, {"tmpdir": "tmp"}, ["path_relative", "tmpdir_missing"]),
    "blank in the log": (good, {"log_path": "/srv/tmp/a b.log"}, ["path_blank"]),
    "no time": (good, {"timeout": 0}, ["option_out_of_range"]),
    "fewer than no jobs": (good, {"restore_jobs": -1}, ["option_out_of_range"]),
    # the host
    "no tool": (lambda host: host.fail("read_installation", CommandError("no tool", "tool_missing")), {}, [
        "tool_missing"]),
    "no program": (installed(missing_programs=("psql", "tar")), {}, ["program_missing", "program_missing"]),
    "engine up": (having(engine_pid=77), {}, ["engine_running"]),
    "notifier up": (having(services={"ovirt-engine-notifier": "active"}), {}, ["services_active"]),
    "log directory missing": (good, {"log_path": "/nowhere/x.log"}, ["log_directory_missing"]),
    "log exists": (lambda host: host.existing.add(LOG), {"log_path": LOG}, ["log_exists"]),
    "temporary directory missing": (good, {"tmpdir": "/nowhere"}, ["tmpdir_missing"]),
    "no room to unpack": (having(free={STATE: 1000}), {}, ["space_tmpdir"]),
    "no room for the databases": (having(free={DATA: 1000}), {}, ["space_data"]),
    # the archive
    "archive unreadable": (archived(problems=(Problem("archive_truncated", "cut"),)), {}, ["archive_truncated"]),
    "archive damaged": (archived(small=small(sha256sum="")), {}, ["member_unlisted"] * 6),
    "archive runs commands": (archived(small=small(config=world.CONFIG + "rm -rf /\n")), {}, ["config_forbidden"]),
    "manifest of another size": (
        lambda host: host.manifests.update({PATH: world.manifest(size=1)}), {}, ["manifest_disagrees"]),
    "newer archive": (archived(small=small(version="4.5.8\n")), {}, ["version_refused"]),

    "no version in the archive": (archived(small=small(version="")), {}, ["version_missing"]),
    "installed version unknown": (installed(version=""), {}, ["version_refused"]),
    "dump unreadable": (dumped(problem=Problem("dump_truncated", "cut"), tables=None), {}, ["dump_truncated"]),
    "scope not in the archive": (good, {"scopes": ["files", "keycloakdb"]}, ["scope_not_in_archive"]),
    "scope that is configured and not in the archive": (
        lambda host: host.config_files.update(configuration("keycloak")), {"scopes": ["db", "keycloakdb", "files"]},
        ["scope_not_in_archive"]),
    "nothing in the archive": (
        lambda host: host.stored.update({PATH: world.reading({}, with_files=False)}), {}, ["nothing_to_restore"]),
    "scope that the tool can not restore": (with_managed_block, {}, ["scope_unsupported"]),
    "hosted engine": (dumped(noted=HOSTED), {}, ["hosted_engine"]),
    # the targets
    "target not empty": (filled, {}, ["target_not_empty"]),
    "target with a view alone": (fit(objects=1), {}, ["target_not_empty"]),

    "password wrong": (
        lambda host: host.servers[LOCAL].roles.update(engine="other"), {"provision": ["none"]},
        ["database_login_failed"]),
    "database missing": (without_databases, {"provision": ["none"]}, ["database_missing"] * 2),
    "server missing": (
        lambda host: host.servers.clear(), {"provision": ["none"]}, ["database_unreachable"] * 2),
    "remote server missing": (on_dead_server, {}, ["database_unreachable"]),
    "wrong locale": (fit(collate="C"), {}, ["database_wrong_locale"]),
    "wrong character type": (fit("dwh", ctype="C"), {}, ["database_wrong_locale"]),
    "wrong language": (fit(lc_messages="C"), {}, ["database_wrong_lc_messages"]),
    "wrong owner": (fit(owner="postgres"), {}, ["database_wrong_owner"]),
    "missing extension": (fit(extensions=("plpgsql",)), {}, ["database_lacks_extension"]),
    "no configuration": (
        good, {"scopes": ["db"]}, ["database_unconfigured"]),
    "client too old for the dump": (dumped(dump_version="16.2"), {}, ["client_too_old"]),
    "client too old for the server": (both(fit(server_version_num=160001), fit("dwh", server_version_num=150001)), {}, [
        "client_too_old"]),
    "server too old": (fit(server_version_num=130005), {}, ["server_too_old"]),
    "password that sh reads otherwise": (escaped_password, {}, ["password_unusable"]),
    # credentials
    "credentials refused": (no_access, given(), ["database_login_failed"]),
    "credentials of a missing server": (good, given(), ["database_unreachable"]),
    "credentials of another port": (on_second_server, given(port=5433), ["database_unreachable"]),
    "credentials of a filled database": (filled_elsewhere, given(), ["target_not_empty"]),
    "awkward password": (on_second_server, given(password="a`b$c"), ["password_unsafe"]),
    "awkward name": (on_second_server, given(database="a b"), ["name_unsafe"]),
    "reserved user": (on_second_server, given(user="pg_me"), ["name_reserved"]),
    "host that is none": (on_second_server, given(host="a b"), ["host_invalid"]),
    "empty host": (on_second_server, given(host=""), ["host_invalid"]),
    "credentials that nothing needs": (
        on_second_server, {"credentials": {"keycloak": credentials("keycloak")}}, ["credentials_unused"]),
    "credentials and provisioning": (on_second_server, dict(given(), provision=["engine"]), ["provision_conflict"]),
    "credentials and provisioning of all": (on_second_server, dict(given(), provision=["all"]), [
        "provision_conflict"]),
    # provisioning
    "provision elsewhere": (configured(host="db.lab.test"), {"provision": ["all"]}, ["provision_not_local"]),
    "provision at another port": (configured(port=5433), {"provision": ["all"]}, ["provision_not_local"]),
    "provision secured": (configured(secured=True), {"provision": ["all"]}, ["provision_secured"]),
    "provision with a checked name": (configured(secured_validation=True), {"provision": ["all"]}, [
        "provision_secured"]),
    "provision beside a role": (without_databases, {}, ["provision_leftovers"] * 2),
    "provision with another password": (other_password, {}, ["provision_occupied"]),
    "provision on a server newer than the client": (
        both(without_roles, having(shows_standing=True, local_version=160001)), {}, ["client_too_old"] * 2),
    "provision on a server older than the dump": (
        both(without_roles, having(shows_standing=True, local_version=130005)), {}, ["server_too_old"] * 2),
    "provision what is filled": (filled, {"provision": ["all"]}, ["target_not_empty"]),
    # permissions
    "permissions without a role": (
        dumped(owners=("engine",), grantees=("engine", "reporter")), {"permissions": "restore"},
        ["permissions_impossible"]),
    "permissions of another owner": (dumped(owners=("other",)), {"permissions": "restore"}, [
        "permissions_impossible"]),
}  # fmt: skip


def problems_of(host: FakeRestoreHost, act: Any, **options: Any) -> List[str]:
    return codes_of(error_of(Refused, act, make_request(**options), host))


@pytest.mark.parametrize("act", [make_restore, preview_restore], ids=["run", "check mode"])
@pytest.mark.parametrize("name", list(CASES))
def test_reason_is_named_and_nothing_is_written(host: FakeRestoreHost, name: str, act: Any) -> None:
    assert_refused(CASES[name], act, make_request, host, WRITES)


def test_version_that_is_refused_is_refused_at_first_sight(host: FakeRestoreHost) -> None:
    archived(small=small(version="4.4.10\n"))(host)
    assert make_restore(make_request(), host).restore["version"] == "4.4.10"
    host = FakeRestoreHost()
    installed(version="4.4.10")(host)
    assert problems_of(host, make_restore) == ["version_refused"]
    assert "read_archive" not in host.calls


def test_everything_that_is_known_at_once_is_named_at_once_and_before_the_archive_is_read(
    host: FakeRestoreHost,
) -> None:
    host.engine_pid = 1
    host.services = {"ovirt-engine": "active"}
    installed(missing_programs=("psql",))(host)
    archived(small=small(version="4.6.0"))(host)
    found = problems_of(host, make_restore, timeout=0, credentials={"engine": credentials("engine", password="a b")})
    assert found == ["option_out_of_range", "password_unsafe", "program_missing", "engine_running", "services_active",
                     "version_refused"]  # fmt: skip
    assert "read_archive" not in host.calls


def test_everything_that_the_archive_and_the_targets_show_is_named_at_once(host: FakeRestoreHost) -> None:
    dumped(noted=HOSTED, dump_version="17.0")(host)
    fit(encoding="LATIN1", objects=3)(host)
    host.free = {STATE: 0, DATA: 0}
    shown = "hosted_engine database_wrong_encoding target_not_empty client_too_old space_tmpdir space_data"
    assert problems_of(host, make_restore) == shown.split()


def test_what_a_cleanup_will_have_changed_is_no_reason_to_refuse_its_preview(host: FakeRestoreHost) -> None:
    filled(host)
    host.engine_pid, host.services = 1, {"ovirt-engine": "active"}
    assert preview_restore(make_request(cleanup_planned=True), host).changed
    fit(encoding="LATIN1")(host)
    assert problems_of(host, preview_restore, cleanup_planned=True) == ["database_wrong_encoding"]


def test_files_of_the_host_say_where_the_databases_are_where_no_files_are_restored(host: FakeRestoreHost) -> None:
    dumped(noted=HOSTED)(host)
    host.config_files = configuration("engine")
    restored = make_restore(make_request(scopes=["db"], allow_hosted_engine=True), host).restore
    assert restored["databases"]["engine"]["name"] == "engine"


def test_lock_is_taken_where_it_can_be_before_the_run_looks_at_anything(host: FakeRestoreHost) -> None:
    assert problems_of(host, preview_restore, tmpdir="/nowhere") == ["tmpdir_missing"]
    assert "read_archive" not in host.calls
    host.locked_by_another = True
    host.calls.clear()
    assert error_of(BackupError, make_restore, make_request(), host).code == "locked"
    assert not {"remove_leftovers", "begin", "run_tool", "read_installation"} & set(host.calls)
    assert problems_of(host, preview_restore) == ["locked"]
    host.directories[STATE] = [Problem("directory_missing", "not there")]
    host.calls.clear()
    assert problems_of(host, make_restore) == ["directory_missing"]
    assert "lock" not in host.calls
    host = FakeRestoreHost()
    host.leftovers = [STATE + "/.engine_backup-1"]
    filled(host)
    assert problems_of(host, make_restore) == ["target_not_empty"]
    assert (host.leftovers, host.is_held) == ([], False), "a refused run removes leftovers all the same"

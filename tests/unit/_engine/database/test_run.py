# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of engine_database: everything is judged before the first step, and read again after the last."""

from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database.plan import plan, project
from ansible_collections.ovirt.backup.plugins.module_utils._engine.database.run import bring_about, describe, preview
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.pg_hba_rules import AddressRange, Client, Rule
from ansible_collections.ovirt.backup.plugins.module_utils._postgres.server_model import (
    Access,
    DatabaseRequest,
    DatabaseState,
    Found,
    LoginTrial,
    RoleState,
    Setting,
    Step,
)
from unit.fakes import world
from unit.fakes.errors import codes_of, error_of

FILE = "/data/pg_hba.conf"
CLIENT = Client("192.0.2.1/32", AddressRange(4, 100, 100))
OPEN = Rule(FILE, 1, "host", ("all",), ("all",), AddressRange(4, 0, 1000), "md5")
CLOSED = OPEN._replace(method="reject")
SETTINGS = {name: Setting(value, value, False, name == "max_connections") for name, value in world.ENOUGH.items()}
ROLE = RoleState(True, False, True, 0)
DATABASE = DatabaseState("engine", "UTF8", "en_US.UTF-8", "en_US.UTF-8", ("plpgsql", "uuid-ossp"), 0, 0, ())
ACCESS = Access(FILE, "host all all 10.0.0.0/8 md5\n", True, (OPEN,), (), True)


def request(state: str = "present", **changes: Any) -> DatabaseRequest:
    asked = DatabaseRequest(state, "engine", "engine", True, ("uuid-ossp",), (), (), False, False)
    return asked._replace(**changes)


def found(role: Optional[RoleState] = ROLE, database: Optional[DatabaseState] = DATABASE, **changes: Any) -> Found:
    known = Found(
        "15.1", False, "db", 5432, True, ("uuid-ossp",), (), SETTINGS, ACCESS, role, database, 0, LoginTrial(True, "")
    )
    return known._replace(**changes)


class FakeServer:
    """Stands as it was until the last step, and then as planned; or stays as it is."""

    def __init__(self, stands: Found, obeys: bool = True, fails_at: str = "") -> None:
        self.stands = stands
        self.obeys = obeys
        self.fails_at = fails_at
        self.performed: List[str] = []

    def read(self, asked: DatabaseRequest) -> Found:
        return project(asked, self.stands) if self.performed and self.obeys else self.stands

    def perform(self, step: Step) -> None:
        if step.action == self.fails_at:
            raise BackupError("it broke", "database_unwritable")
        self.performed.append(step.action)


def setting(name: str, value: str, now: str, waits: bool, restarts: bool) -> Dict[str, Any]:
    return {"settings": dict(SETTINGS, **{name: Setting(value, now, waits, restarts)})}


NOTHING = found(None, None)
APPLIES = request(applies_settings=True)
WORK = [
    (request(), found(), []),
    (request(), NOTHING, ["create_role", "create_database", "create_extension"]),
    (request(name=""), NOTHING, ["create_role"]),
    (request(), found(ROLE._replace(has_password=False)), ["set_password"]),
    (request(has_password=False), found(ROLE._replace(has_password=False)), []),
    (request(), found(database=DATABASE._replace(extensions=())), ["create_extension"]),
    (request(extensions=()), found(database=DATABASE._replace(extensions=())), []),
    (request(readers=("a", "b")), found(database=DATABASE._replace(readers=("a",))), ["grant_reading"]),
    (request(changes_owner=True), found(database=DATABASE._replace(owner="x")), ["change_owner"]),
    (request(clients=(CLIENT,)), found(), []),
    (request(clients=(CLIENT,)), found(access=ACCESS._replace(rules=(CLOSED,))), ["write_access_file", "reload"]),
    (request(clients=(CLIENT,)), found(access=ACCESS._replace(is_loaded=False)), ["reload"]),
    (request(), found(access=ACCESS._replace(is_loaded=False)), []),
    (request(), found(**setting("work_mem", "4", "4", False, False)), []),
    (APPLIES, found(**setting("work_mem", "4", "4", False, False)), ["set_parameter", "reload"]),
    (APPLIES, found(**setting("max_connections", "9", "150", True, True)), []),
    (APPLIES, found(**setting("max_connections", "9", "90", True, True)), ["set_parameter", "reload"]),
    (request("fenced"), found(), ["deny_login"]),
    (request("fenced"), found(sessions=3), ["deny_login", "end_sessions"]),
    (request("fenced"), found(ROLE._replace(can_login=False), sessions=1), ["end_sessions"]),
    (request("fenced"), found(ROLE._replace(can_login=False)), []),
    (request("unfenced"), found(ROLE._replace(can_login=False)), ["allow_login"]),
    (request("unfenced"), found(), []),
    (request("absent"), found(), ["drop_database", "drop_role"]),
    (request("absent"), found(database=None), ["drop_role"]),
    (request("absent"), NOTHING, []),
    (request("absent", clients=(CLIENT,)),
     found(None, None, access=ACCESS._replace(text="x\nhost engine engine 192.0.2.1/32 scram-sha-256\n")),
     ["write_access_file", "reload"]),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "stands", "steps"), WORK)
def test_what_is_missing_is_done_in_order_and_foretold(asked: DatabaseRequest, stands: Found, steps: List[str]) -> None:
    server = FakeServer(stands)
    foretold = preview(asked, server)
    assert server.performed == []
    done = bring_about(asked, server)
    assert server.performed == [step.action for step in done.steps] == [step.action for step in foretold.steps] == steps
    assert describe(asked, done.after) == describe(asked, foretold.after)
    if "max_connections" not in str(done.steps):  # what waits for a restart looks as before
        assert (describe(asked, done.before) != describe(asked, done.after)) is bool(steps)
    assert plan(asked, project(asked, stands)) == []


REFUSALS = [
    (request(), NOTHING._replace(has_locale=False), ["locale_missing"]),
    (APPLIES, found(has_locale=False), ["locale_missing"]),
    (request(), NOTHING._replace(available_extensions=()), ["extension_missing"]),
    (request(has_password=False), NOTHING, ["role_missing"]),
    (request(), found(ROLE._replace(can_login=False)), ["role_fenced"]),
    (request(), found(ROLE._replace(is_superuser=True)), ["role_is_superuser"]),
    (request(), found(is_standby=True), ["server_is_standby"]),
    (request(), found(database=DATABASE._replace(encoding="LATIN1")), ["database_wrong_encoding"]),
    (request(), found(database=DATABASE._replace(ctype="C")), ["database_wrong_locale"]),
    (request(), found(database=DATABASE._replace(owner="x")), ["database_wrong_owner"]),
    (request(changes_owner=True), found(database=DATABASE._replace(owner="x", objects=1)), ["database_wrong_owner"]),
    (request(), found(unknown_readers=("a", "b")), ["role_missing", "role_missing"]),
    (request(clients=(Client("x", None),)), found(), ["client_address_invalid"]),
    (request(clients=(CLIENT,)), found(access=ACCESS._replace(rules=(CLOSED,), text=None)), ["pg_hba_elsewhere"]),
    (request(clients=(CLIENT,)), found(access=ACCESS._replace(rules=(CLOSED,), is_writable=False)),
     ["pg_hba_unwritable"]),
    (request(clients=(CLIENT,)), found(access=ACCESS._replace(rules=(CLOSED,), errors=("line 1",))), ["pg_hba_broken"]),
    (request("fenced"), found(None), ["role_missing"]),
    (request("fenced"), found(database=None), ["database_missing"]),
    (request("unfenced"), found(database=DATABASE._replace(owner="x")), ["database_wrong_owner"]),
    (request("fenced", changes_owner=True), found(database=DATABASE._replace(owner="x")), ["database_wrong_owner"]),
    (request("absent"), found(database=DATABASE._replace(objects=1)), ["database_filled"]),
    (request("absent"), found(sessions=1), ["database_in_use"]),
    (request("absent"), found(ROLE._replace(used_by=2)), ["role_in_use"]),
    (request("absent", changes_owner=True), found(database=DATABASE._replace(owner="x")), ["database_wrong_owner"]),
    (request(name="a b", owner="c d"), NOTHING, ["name_unsafe", "name_unsafe"]),
    (request(), found(ROLE._replace(can_login=False), DATABASE._replace(encoding="X", collate="C", owner="x")),
     ["role_fenced", "database_wrong_encoding", "database_wrong_locale", "database_wrong_owner"]),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "stands", "codes"), REFUSALS)
@pytest.mark.parametrize("act", [preview, bring_about], ids=["check mode", "run"])
def test_everything_that_forbids_it_is_named_before_the_first_step(
    act: Any, asked: DatabaseRequest, stands: Found, codes: List[str]
) -> None:
    server = FakeServer(stands)
    assert codes_of(error_of(Refused, act, asked, server)) == codes
    assert server.performed == []


def test_line_that_is_to_be_written_elsewhere_is_told() -> None:
    elsewhere = found(access=ACCESS._replace(rules=(), text=None))
    with pytest.raises(Refused, match="host engine engine 192.0.2.1/32 scram-sha-256"):
        preview(request(clients=(CLIENT,)), FakeServer(elsewhere))


def test_access_that_does_not_change_is_not_judged() -> None:
    elsewhere = found(access=ACCESS._replace(text=None, is_writable=False))
    assert preview(request(clients=(CLIENT,)), FakeServer(elsewhere)).steps == []


@pytest.mark.parametrize(("action", "done"), [("create_extension", 2), ("create_role", 0)])
def test_failure_tells_what_was_done_before(action: str, done: int) -> None:
    error = error_of(BackupError, bring_about, request(), FakeServer(NOTHING, fails_at=action))
    assert (error.code, error.facts["changed"], len(error.facts["changes"])) == ("database_unwritable", done > 0, done)
    assert error.facts["phase"].startswith(action.replace("_", " the "))


def test_server_that_does_not_do_as_told_is_found_out() -> None:
    with pytest.raises(BackupError, match="still does not have: create the role 'engine'") as caught:
        bring_about(request(), FakeServer(NOTHING, obeys=False))
    assert caught.value.code == "server_disagrees"


def test_description_is_plain_data_without_a_secret() -> None:
    described = describe(request(clients=(CLIENT,)), found(access=ACCESS._replace(rules=())))
    assert described["pg_hba"] == {
        "file": FILE, "loaded": True, "lines": [],
        "missing": ["host engine engine 192.0.2.1/32 scram-sha-256"],
    }  # fmt: skip
    needs = {"value": "8192", "required": ">= 8192kB", "ok": True, "pending_restart": False}
    assert described["settings"]["work_mem"] == needs
    assert (described["database"]["exists"], described["database"]["password_matches"]) == (True, True)

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-setup: it takes the restored database or the run fails; a second run has nothing to do."""

from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._common.redact import MASK
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.otopi_model import SetupMemory
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.setup import (
    SetupRequest,
    preview_setup,
    set_up,
)
from unit.fakes.otopi_host import (
    AT_REST,
    DISPLAY_VERSION,
    LOG_PATH,
    POST,
    WRITING,
    FakeOtopiHost,
    broken_run,
    good_run,
    recorded,
    unsafe_place,
)

Change = Callable[[FakeOtopiHost], None]
ANSWER_FILE = "/var/lib/ovirt-engine-backup/.engine_backup-1/answers.conf"


def request(**changes: Any) -> SetupRequest:
    return SetupRequest("", "", 600, {}, {}, True, False, "")._replace(**changes)


def settled(host: FakeOtopiHost) -> None:
    host.memory = SetupMemory(False, DISPLAY_VERSION, "")


def test_a_restored_engine_is_set_up_and_that_is_proven() -> None:
    host = FakeOtopiHost()
    result = set_up(request(), host)
    assert (result.changed, result.setup["ran"], result.setup["restored"], result.rc) == (True, True, True, 0)
    assert (result.before["just_restored"], result.after["just_restored"]) == (True, False)
    assert result.setup["version"] == DISPLAY_VERSION
    assert result.setup["stages"][-1] == "Termination"
    assert result.setup["reasons"] == ["the engine database was restored from a backup"]
    assert result.log_path == LOG_PATH
    assert result.cmd == [
        "/usr/bin/engine-setup",
        "--accept-defaults",
        "--offline",
        "--config-append=" + ANSWER_FILE,
        "--log=" + LOG_PATH,
    ]
    assert host.written == {} and not host.is_held


def test_the_plan_is_the_result_that_a_run_would_have_and_writes_nothing() -> None:
    host = FakeOtopiHost()
    planned = preview_setup(request(), host)
    assert not WRITING & set(host.calls)
    done = set_up(request(), FakeOtopiHost())
    for key in ("version", "fqdn", "ran", "reasons", "restored", "answers"):
        assert planned.setup[key] == done.setup[key]
    assert planned.after == done.after and planned.cmd[:3] == done.cmd[:3]


@pytest.mark.parametrize("act", [set_up, preview_setup])
def test_a_second_run_has_nothing_to_do(act: Any) -> None:
    host = FakeOtopiHost()
    settled(host)
    result = act(request(), host)
    assert (result.changed, result.setup["ran"], result.setup["reasons"], result.cmd) == (False, False, [], [])
    assert result.before == result.after
    assert "run_otopi" not in host.calls


def test_what_it_will_be_told_once_an_archive_is_restored_is_known_on_a_fresh_host() -> None:
    fresh = FakeOtopiHost()
    restored = preview_setup(request(), fresh)
    fresh.installation = fresh.installation._replace(is_set_up=False, settings={}, owned=frozenset())
    fresh.state, fresh.memory = fresh.state._replace(answers={}), None
    fresh.calls.clear()
    foreseen = preview_setup(request(archive="/x.backup"), fresh)
    assert foreseen.setup["answers"] == restored.setup["answers"]
    assert foreseen.setup["reasons"] == ["the engine database was restored from a backup"]
    assert foreseen.setup["restored"] and "read_setup_memory" not in fresh.calls
    with pytest.raises(Refused) as caught:
        preview_setup(request(archive="/x.backup", answers={"x": "str:y"}), fresh)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == ["answer_invalid"]


REASONS: Dict[str, Tuple[Change, Dict[str, Any], str]] = {
    "another version is installed": (
        lambda host: setattr(host, "state", host.state._replace(display_version="4.5.8-1.el9")),
        {},
        "it last ran as 4.5.7, 4.5.8 is installed",
    ),
    "the database is older": (
        lambda host: setattr(host, "memory", SetupMemory(False, "4.5.6-1.el9", "")),
        {},
        "the engine database is of 4.5.6-1.el9",
    ),
    "credentials changed": (
        lambda host: setattr(host, "state", host.state._replace(was_configured_since=True)),
        {},
        "the credentials of a database were changed since it last ran",
    ),
    "asked for": (lambda host: None, {"again": True}, "it was asked for"),
    "another answer": (
        lambda host: None,
        {"answers": {"OVESETUP_DWH_CORE/enable": "bool:False"}},
        "the answer OVESETUP_DWH_CORE/enable is another one",
    ),
}


@pytest.mark.parametrize("name", sorted(REASONS))
def test_what_makes_a_run_necessary_is_named(name: str) -> None:
    change, options, reason = REASONS[name]
    host = FakeOtopiHost()
    settled(host)
    change(host)
    assert reason in preview_setup(request(**options), host).setup["reasons"]


def test_an_answer_that_is_not_written_down_makes_no_run_necessary() -> None:
    host = FakeOtopiHost()
    settled(host)
    assert not set_up(request(secret_answers={"OVESETUP_CONFIG/adminPassword": "str:hidden"}), host).changed


def test_secret_answers_are_given_and_shown_nowhere() -> None:
    host = FakeOtopiHost()
    secret = {"OVESETUP_OTHER/thing": "str:very-hidden"}
    result = set_up(request(secret_answers=secret, answers={"OVESETUP_X/password": "str:hidden-too"}), host)
    assert "OVESETUP_OTHER/thing=str:very-hidden\n" in host.kept[0]
    assert result.setup["answers"]["OVESETUP_OTHER/thing"] == result.setup["answers"]["OVESETUP_X/password"] == MASK
    assert "hidden" not in repr(result)
    assert {"very-hidden", "hidden-too"} <= set(host.passwords)


def no_post(host: FakeOtopiHost) -> None:
    host.installation = host.installation._replace(is_set_up=False)


def no_configuration(host: FakeOtopiHost) -> None:
    host.installation = host.installation._replace(settings={})


def down(host: FakeOtopiHost) -> None:
    host.fail("read_setup_memory", BackupError("Could not connect to 'engine'", "database_unreachable"))


REFUSALS: Dict[str, Tuple[Change, Dict[str, Any], List[str]]] = {
    "an empty database": (lambda host: setattr(host, "memory", None), {}, ["database_empty"]),
    "a database that is down": (down, {}, ["database_unreachable"]),
    "no files of an engine": (no_post, {}, ["not_set_up"]),
    "no configuration": (no_configuration, {}, ["database_unconfigured"]),
    "packages of two versions": (
        lambda host: setattr(host, "state", host.state._replace(engine_package="4.5.6-1.el9")),
        {},
        ["setup_version_mismatch"],
    ),
    "wrong answers": (
        lambda host: None,
        {"answers": {"x": "str:y"}, "secret_answers": {"OVESETUP_A/b": "bool:no"}},
        ["answer_invalid", "answer_invalid"],
    ),
    "an answer twice": (
        lambda host: None,
        {"answers": {"OVESETUP_A/b": "str:y"}, "secret_answers": {"OVESETUP_A/b": "str:z"}},
        ["answer_invalid"],
    ),
    "an unsafe directory": (
        lambda host: setattr(host, "places", host.places._replace(problems=unsafe_place())),
        {},
        ["tmpdir_unsafe"],
    ),
}


@pytest.mark.parametrize("act", [set_up, preview_setup])
@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_refused_before_anything_is_written(name: str, act: Any) -> None:
    change, options, codes = REFUSALS[name]
    host = FakeOtopiHost()
    change(host)
    with pytest.raises(Refused) as caught:
        act(request(**options), host)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == codes
    assert set(host.calls) & WRITING <= AT_REST
    assert not host.is_held


def test_a_new_engine_may_be_made_where_none_is_expected() -> None:
    host = FakeOtopiHost()
    no_post(host)
    host.memory = None
    result = preview_setup(request(expect_restored=False), host)
    assert result.setup["ran"] and result.setup["reasons"][0] == "it never ran to its end on this engine"
    assert "OVESETUP_DWH_CORE/enable" not in result.setup["answers"]


def after(**changes: Any) -> Change:
    def change(host: FakeOtopiHost) -> None:
        host.memory_after = SetupMemory(False, DISPLAY_VERSION, "")._replace(**changes)

    return change


def says_nothing(host: FakeOtopiHost) -> None:
    text = recorded("setup-after-restore", ANSWER_FILE)
    host.ran = good_run(text.replace("The engine DB has been restored", "Something"))
    host.memory = SetupMemory(True, DISPLAY_VERSION, "")


def emptied(host: FakeOtopiHost) -> None:
    host.memory_after = None


VIOLATIONS: Dict[str, Tuple[Change, List[str]]] = {
    "the mark of the restore is left": (after(just_restored=True), ["restore_mark_left"]),
    "the database is of another version": (after(product_version="4.5.6-1.el9"), ["product_version_wrong"]),
    "nothing was said of a restore": (says_nothing, ["restore_not_noticed", "restore_mark_left"]),
    "the database is empty": (emptied, ["database_empty"]),
}


@pytest.mark.parametrize("name", sorted(VIOLATIONS))
def test_a_run_that_ended_well_without_the_proof_is_a_failure(name: str) -> None:
    change, codes = VIOLATIONS[name]
    host = FakeOtopiHost()
    change(host)
    with pytest.raises(BackupError) as caught:
        set_up(request(), host)
    assert [problem["code"] for problem in caught.value.facts["problems"]] == codes
    assert caught.value.facts["phase"] == "proving"
    assert caught.value.facts["last_lines"] == ["the log"]


FAILURE = (
    "[ INFO  ] Stage: Initializing\n[ INFO  ] Stage: Misc configuration\n"
    "[ ERROR ] schema.sh: FATAL: Cannot execute sql command\n"
    "[ ERROR ] Failed to execute stage 'Misc configuration': Engine schema refresh failed\n"
    "[ ERROR ] Execution of setup failed\n"
)
QUESTION = (
    "[ INFO  ] Stage: Environment customization\n          Password of something new: [ ERROR ] Failed to execute"
    " stage 'Environment customization': End of file\n[ ERROR ] Execution of setup failed\n"
)


def test_a_stage_that_fails_is_named_with_its_errors() -> None:
    host = FakeOtopiHost()
    host.ran = broken_run(FAILURE)
    with pytest.raises(BackupError, match="Engine schema refresh failed") as caught:
        set_up(request(), host)
    assert caught.value.code == "setup_failed"
    assert caught.value.facts["stage"] == "Misc configuration"
    assert caught.value.facts["errors"][0] == "schema.sh: FATAL: Cannot execute sql command"
    assert caught.value.facts["stages"] == ["Initializing", "Misc configuration"]
    assert caught.value.facts["last_lines"] == ["the log", "says more"]
    assert host.written == {}


def test_a_question_without_an_answer_is_named() -> None:
    host = FakeOtopiHost()
    host.ran = broken_run(QUESTION, asked=("OVESETUP_NEW",))
    with pytest.raises(BackupError, match="QUESTION/1/OVESETUP_NEW") as caught:
        set_up(request(), host)
    assert caught.value.code == "question_unanswered"
    assert caught.value.facts["question"] == {
        "name": "OVESETUP_NEW",
        "text": "Password of something new:",
        "stage": "Environment customization",
    }


def test_a_question_that_is_asked_for_ever_is_named() -> None:
    host = FakeOtopiHost()
    stdout = "[ INFO  ] Stage: Environment customization\n" + "          Engine database host [localhost]:\n" * 9
    host.ran = broken_run(stdout, None, repeated="OVESETUP_DB_HOST")
    with pytest.raises(BackupError) as caught:
        set_up(request(), host)
    assert caught.value.code == "question_repeated"
    assert caught.value.facts["question"]["name"] == "OVESETUP_DB_HOST"
    assert caught.value.facts["question"]["text"] == "Engine database host [localhost]:"


def test_what_the_shell_complains_of_is_in_the_message() -> None:
    host = FakeOtopiHost()
    host.ran = broken_run("", 1, stderr="FATAL: Please execute as root user\n")
    with pytest.raises(BackupError, match="FATAL: Please execute as root user"):
        set_up(request(), host)


def test_components_that_the_backup_did_not_have_are_not_added() -> None:
    answers = preview_setup(request(), FakeOtopiHost()).setup["answers"]
    assert answers["OVESETUP_CONFIG/keycloakEnable"] == "bool:False"
    assert "OVESETUP_DWH_CORE/enable" not in answers  # the restored configuration answers that
    assert POST["OVESETUP_DWH_CORE/enable"] == "bool:True"


DUMPS: Dict[str, Any] = {  # what is there -> whether the dump of engine-setup may be large
    "a restored database and room": ({}, "str:pg_plain"),
    "room for a packed dump only": ({"free": 1999}, None),
    "a database with work of its own": ({"memory": SetupMemory(False, "4.5.6", "")}, None),
}


@pytest.mark.parametrize(("changes", "expected"), [pytest.param(*case, id=name) for name, case in DUMPS.items()])
def test_dump_of_a_restored_database_is_not_packed_where_there_is_room(
    changes: Dict[str, Any], expected: Optional[str]
) -> None:
    host = FakeOtopiHost()
    for name, value in changes.items():
        setattr(host, name, value)
    assert preview_setup(request(), host).setup["answers"].get("OVESETUP_DB/dumper") == expected

# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine-setup: it takes the restored database or the run fails; a second run has nothing to do."""

from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._common.errors import BackupError, Refused
from ansible_collections.ovirt.backup.plugins.module_utils._common.redact import MASK
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.otopi_model import SetupMemory, ToolOutcome
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.setup import (
    SetupRequest,
    preview_setup,
    set_up,
)
from unit.fakes.errors import assert_refused, codes_of, error_of
from unit.fakes.faults import Change, both, having, installed, no_change, replacing
from unit.fakes.otopi_host import (
    DISPLAY_VERSION,
    LOG_PATH,
    WRITING,
    FakeOtopiHost,
    broken_run,
    good_run,
    recorded,
    unsafe_place,
)

ANSWER_FILE = "/var/lib/ovirt-engine-backup/.engine_backup-1/answers.conf"


def request(**changes: Any) -> SetupRequest:
    return SetupRequest("", "", 600, {}, {}, True, False, "")._replace(**changes)


settled = having(memory=SetupMemory(False, DISPLAY_VERSION, ""))


DWH = "OVESETUP_DWH_CORE/enable"


def test_a_restored_engine_is_set_up_and_that_is_proven(host: FakeOtopiHost) -> None:
    result = set_up(request(), host)
    assert (result.changed, result.setup["ran"], result.setup["restored"], result.rc) == (True, True, True, 0)
    assert (result.before["just_restored"], result.after["just_restored"]) == (True, False)
    assert result.setup["version"] == DISPLAY_VERSION
    assert result.setup["stages"][-1] == "Termination"
    assert result.setup["reasons"] == ["the engine database was restored from a backup"]
    assert result.log_path == LOG_PATH
    options = ["--accept-defaults", "--offline", "--config-append=" + ANSWER_FILE, "--log=" + LOG_PATH]
    assert result.cmd == ["/usr/bin/engine-setup", *options]
    assert host.written == {} and not host.is_held


def test_the_plan_is_the_result_that_a_run_would_have_and_writes_nothing(host: FakeOtopiHost) -> None:
    planned = preview_setup(request(), host)
    assert not WRITING & set(host.calls)
    done = set_up(request(), FakeOtopiHost())
    for key in ("version", "fqdn", "ran", "reasons", "restored", "answers"):
        assert planned.setup[key] == done.setup[key]
    assert planned.after == done.after and planned.cmd[:3] == done.cmd[:3]


UNWRITTEN = {"secret_answers": {"OVESETUP_CONFIG/adminPassword": "str:hidden"}}  # down by engine-setup


@pytest.mark.parametrize("act", [set_up, preview_setup])
@pytest.mark.parametrize("options", [{}, UNWRITTEN], ids=["nothing new", "an answer that is not written down"])
def test_a_second_run_has_nothing_to_do(host: FakeOtopiHost, act: Any, options: Any) -> None:
    settled(host)
    result = act(request(**options), host)
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
    error = error_of(Refused, preview_setup, request(archive="/x.backup", answers={"x": "str:y"}), fresh)
    assert codes_of(error) == ["answer_invalid"]


REASONS: Dict[str, Tuple[Change, Dict[str, Any], str]] = {
    "another version": (replacing("state", display_version="4.5.8-1.el9"), {}, "last ran as 4.5.7, 4.5.8 is installed"),
    "the database is older": (having(memory=SetupMemory(False, "4.5.6-1.el9", "")), {}, "database is of 4.5.6-1.el9"),
    "credentials changed": (replacing("state", was_configured_since=True), {}, "the credentials of a database were"),
    "asked for": (no_change, {"again": True}, "it was asked for"),
    "another answer": (no_change, {"answers": {DWH: "bool:False"}}, "the answer %s is another one" % DWH),
}


@pytest.mark.parametrize("name", sorted(REASONS))
def test_what_makes_a_run_necessary_is_named(host: FakeOtopiHost, name: str) -> None:
    change, options, reason = REASONS[name]
    settled(host)
    change(host)
    assert reason in "; ".join(preview_setup(request(**options), host).setup["reasons"])


def test_a_new_engine_may_be_made_where_none_is_expected(host: FakeOtopiHost) -> None:
    both(installed(is_set_up=False), having(memory=None))(host)
    setup = preview_setup(request(expect_restored=False), host).setup
    assert (setup["ran"], setup["reasons"][0]) == (True, "it never ran to its end on this engine")
    assert DWH not in setup["answers"]


def test_secret_answers_are_given_and_shown_nowhere(host: FakeOtopiHost) -> None:
    secret = {"OVESETUP_OTHER/thing": "str:very-hidden"}
    result = set_up(request(secret_answers=secret, answers={"OVESETUP_X/password": "str:hidden-too"}), host)
    assert "OVESETUP_OTHER/thing=str:very-hidden\n" in host.kept[0]
    assert result.setup["answers"]["OVESETUP_OTHER/thing"] == result.setup["answers"]["OVESETUP_X/password"] == MASK
    assert "hidden" not in repr(result)
    assert {"very-hidden", "hidden-too"} <= set(host.passwords)


DOWN = BackupError("Could not connect to 'engine'", "database_unreachable")
WRONG = {"answers": {"x": "str:y"}, "secret_answers": {"OVESETUP_A/b": "bool:no"}}
TWICE = {"answers": {"A/b": "str:y"}, "secret_answers": {"A/b": "str:z"}}
REFUSALS: Dict[str, Tuple[Change, Dict[str, Any], List[str]]] = {
    "an empty database": (having(memory=None), {}, ["database_empty"]),
    "a database that is down": (lambda host: host.fail("read_setup_memory", DOWN), {}, ["database_unreachable"]),
    "no files of an engine": (installed(is_set_up=False), {}, ["not_set_up"]),
    "no configuration": (installed(settings={}), {}, ["database_unconfigured"]),
    "two versions": (replacing("state", engine_package="4.5.6-1.el9"), {}, ["setup_version_mismatch"]),
    "wrong answers": (no_change, WRONG, ["answer_invalid"] * 2),
    "an answer twice": (no_change, TWICE, ["answer_invalid"]),
    "an unsafe directory": (replacing("places", problems=unsafe_place()), {}, ["tmpdir_unsafe"]),
}


@pytest.mark.parametrize("act", [set_up, preview_setup])
@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_refused_before_anything_is_written(host: FakeOtopiHost, name: str, act: Any) -> None:
    assert_refused(REFUSALS[name], act, request, host, WRITING)


def says_nothing(host: FakeOtopiHost) -> None:
    text = recorded("setup-after-restore", ANSWER_FILE)
    host.ran = good_run(text.replace("The engine DB has been restored", "Something"))
    host.memory = SetupMemory(True, DISPLAY_VERSION, "")


VIOLATIONS: Dict[str, Tuple[Change, List[str]]] = {
    "the mark of the restore is left": (replacing("memory_after", just_restored=True), ["restore_mark_left"]),
    "another version": (replacing("memory_after", product_version="4.5.6-1.el9"), ["product_version_wrong"]),
    "nothing was said of a restore": (says_nothing, ["restore_not_noticed", "restore_mark_left"]),
    "the database is empty": (having(memory_after=None), ["database_empty"]),
}


@pytest.mark.parametrize(("change", "codes"), list(VIOLATIONS.values()), ids=list(VIOLATIONS))
def test_a_run_that_ended_well_without_the_proof_is_a_failure(
    host: FakeOtopiHost, change: Change, codes: List[str]
) -> None:
    change(host)
    error = error_of(BackupError, set_up, request(), host)
    assert (codes_of(error), error.facts["phase"]) == (codes, "proving")
    assert error.facts["last_lines"] == ["the log"]


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


def test_a_stage_that_fails_is_named_with_its_errors(host: FakeOtopiHost) -> None:
    host.ran = broken_run(FAILURE)
    error = error_of(BackupError, set_up, request(), host)
    assert (error.code, "Engine schema refresh failed" in error.message) == ("setup_failed", True)
    assert error.facts["stage"] == "Misc configuration"
    assert error.facts["errors"][0] == "schema.sh: FATAL: Cannot execute sql command"
    assert error.facts["stages"] == ["Initializing", "Misc configuration"]
    assert error.facts["last_lines"] == ["the log", "says more"]
    assert host.written == {}
    host.ran = broken_run("", 1, stderr="FATAL: Please execute as root user\n")
    assert "FATAL: Please execute as root user" in error_of(BackupError, set_up, request(), host).message


ENDLESS = "[ INFO  ] Stage: Environment customization\n" + "          Engine database host [localhost]:\n" * 9
QUESTIONS: Dict[str, Tuple[ToolOutcome, str, str, str]] = {
    "unanswered": (broken_run(QUESTION, asked=("OVESETUP_NEW",)), "OVESETUP_NEW", "Password of something new:", "QUES"),
    "repeated": (
        broken_run(ENDLESS, None, repeated="OVESETUP_DB"),
        "OVESETUP_DB",
        "Engine database host [localhost]:",
        "",
    ),
}


@pytest.mark.parametrize("end", list(QUESTIONS))
def test_a_question_that_nobody_answers_is_named(host: FakeOtopiHost, end: str) -> None:
    host.ran, name, text, hint = QUESTIONS[end]
    error = error_of(BackupError, set_up, request(), host)
    assert error.code == "question_" + end
    assert error.facts["question"] == {"name": name, "text": text, "stage": "Environment customization"}
    assert not hint or "QUESTION/1/OVESETUP_NEW" in error.message


DUMPS: Dict[str, Any] = {  # what is there -> whether the dump of engine-setup may be large
    "a restored database and room": (no_change, "str:pg_plain"),
    "room for a packed dump only": (having(free=1999), None),
    "a database with work of its own": (having(memory=SetupMemory(False, "4.5.6", "")), None),
}


@pytest.mark.parametrize(("change", "expected"), list(DUMPS.values()), ids=list(DUMPS))
def test_dump_of_a_restored_database_is_not_packed_where_there_is_room(
    host: FakeOtopiHost, change: Change, expected: Optional[str]
) -> None:
    change(host)
    assert preview_setup(request(), host).setup["answers"].get("OVESETUP_DB/dumper") == expected

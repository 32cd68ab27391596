# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What recorded runs of engine-setup and engine-cleanup say, and what runs say that end badly."""

from pathlib import Path
from typing import Dict, List, Optional, Tuple

import pytest
from ansible_collections.ovirt.backup.plugins.module_utils._engine.setup.otopi_output import (
    asked_questions,
    check_otopi,
    command_errors,
    describe_question,
    endless_question,
    last_told,
    read_output,
)

RECORDED = Path(__file__).resolve().parents[2] / "recorded"
CLEANUP_ANSWERS, SETUP_ANSWERS = "/root/answers-rm.conf", "/root/answers-rs.conf"
STAGES = tuple(
    "Initializing;Environment setup;Environment packages setup;Programs detection;Environment setup (late);Environment"
    " customization;Setup validation;Transaction setup;Misc configuration (early);Package installation;"
    "Misc configuration;Transaction commit;Closing up;Clean up;Pre-termination;Termination".split(";")
)
GOOD: Dict[str, Tuple[str, str, str, bool]] = {
    "cleanup-ok": ("cleanup", "20261122134359.xhhwi7na", "remove-20261122134358-72ytcg", False),
    "cleanup-2": ("cleanup", "20261122134604.8mmf_8ir", "remove-20261122134604-mrs1en", False),
    "cleanup-after-broken-restore": ("cleanup", "20261122134500.ij59v21e", "remove-20261122134459-m116o4", True),
    "setup-after-restore": ("setup", "20261122134550.99orm6aa", "setup-20261122134547-p4mi45", True),
}


def recorded(name: str) -> Tuple[int, str]:
    return int((RECORDED / (name + ".rc")).read_text()), (RECORDED / (name + ".stdout")).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_recorded_success_is_read(name: str) -> None:
    action, dump, log, says_restored = GOOD[name]
    status, stdout = recorded(name)
    printed = read_output(stdout)
    assert printed.stages == STAGES
    assert printed.dumps == ("/var/lib/ovirt-engine/backups/engine-%s.dump" % dump,)
    assert printed.log_path == "/var/log/ovirt-engine/setup/ovirt-engine-%s.log" % log
    assert printed.says_restored is says_restored
    assert printed.finished == action
    assert printed.errors == () and printed.failed_stage == "" and len(printed.warnings) == 2
    answers = CLEANUP_ANSWERS if action == "cleanup" else SETUP_ANSWERS
    post = "/etc/ovirt-engine-setup.conf.d/20-setup-ovirt-post.conf"
    assert printed.configuration_files == (post, answers)
    assert check_otopi("tool", action, status, printed, answers, "").code == ""


def test_every_recorded_run_of_these_tools_is_read() -> None:
    names = {path.stem for path in RECORDED.glob("*.rc") if path.stem.startswith(("cleanup-", "setup-"))}
    assert names == {*GOOD, "cleanup-again"}


def test_cleanup_where_nothing_is_set_up_is_read() -> None:
    status, stdout = recorded("cleanup-again")
    printed = read_output(stdout)
    assert (status, printed.failed_stage, printed.reason) == (11, "Environment setup", "Could not detect product setup")
    assert printed.configuration_files == (CLEANUP_ANSWERS,)
    assert printed.errors[0] == "Could not detect a completed product setup"
    outcome = check_otopi("engine-cleanup", "cleanup", status, printed, CLEANUP_ANSWERS, "")
    assert outcome.code == "cleanup_failed"
    assert "in the stage 'Environment setup'" in outcome.message
    assert "Could not detect a completed product setup" in outcome.message


def failure(text: str) -> str:
    return "[ INFO  ] Stage: Initializing\n[ INFO  ] Stage: Environment customization\n%s" % text


PROMPT = "          Engine admin password: "
END = "[ ERROR ] Failed to execute stage 'Environment customization': End of file\n[ INFO  ] Stage: Clean up\n"
OUTCOMES: Dict[str, Tuple[Optional[int], str, str, str, str]] = {
    # status, output, repeated question, code, part of the message
    "another action": (0, "[ INFO  ] Execution of cleanup completed successfully\n", "", "tool_incomplete", "status 0"),
    "no last line": (0, failure(""), "", "tool_incomplete", "did not say that the setup is completed"),
    "answers not read": (
        0,
        "          Configuration files: /etc/a.conf\n          Log file: /x\n"
        "[ INFO  ] Execution of setup completed successfully\n",
        "",
        "answers_not_read",
        "/srv/work/answers.conf",
    ),
    "question in the middle of a line": (1, failure(PROMPT + END), "", "question_unanswered", "Engine admin password:"),
    "killed": (-9, failure(""), "", "tool_killed", "signal 9, in the stage 'Environment customization'"),
    "timeout": (None, failure(""), "", "tool_timeout", "in the stage 'Environment customization'"),
    "endless": (None, failure(PROMPT * 3), "OVESETUP_X", "question_repeated", "OVESETUP_X more than 5 times"),
    "nothing printed": (1, "", "", "setup_failed", "failed (status 1) at once"),
}


@pytest.mark.parametrize("name", sorted(OUTCOMES))
def test_a_run_that_ends_badly_is_named(name: str) -> None:
    status, stdout, repeated, code, part = OUTCOMES[name]
    outcome = check_otopi("engine-setup", "setup", status, read_output(stdout), "/srv/work/answers.conf", repeated)
    assert outcome.code == code
    assert part in outcome.message


QUESTIONS = {
    "wrapped": (
        "[ INFO  ] Stage: A\n          Do you want to permanently disconnect this DWH from the\n"
        "          engine? (Yes, No) [No]: " + END,
        "Do you want to permanently disconnect this DWH from the engine? (Yes, No) [No]:",
    ),
    "after an answered one": (
        "          Proceed? (Yes, No) [No]:\n          provided answer: yes\n          Name: " + END,
        "Name:",
    ),
    "after a blank note": ("          Much text.\n         \n          Name: " + END, "Name:"),
    "none": (END, ""),
}


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_the_text_of_a_question_is_put_together_again(name: str) -> None:
    stdout, text = QUESTIONS[name]
    assert read_output(stdout).question == text


def test_the_names_of_questions_stand_in_the_log() -> None:
    log = (
        "13:45:47,123+0000 DEBUG otopi.plugins.otopi.dialog.human human.queryString:174 query OVESETUP_A\n"
        "13:45:47,124+0000 DEBUG otopi.plugins.otopi.dialog.human dialog.__logString:204 DIALOG:SEND  query NOT_THIS\n"
        "13:45:47,125+0000 DEBUG otopi.plugins.otopi.dialog.machine machine.queryString:90 query OVESETUP_B\n"
        "13:45:47,126+0000 DEBUG otopi.ovirt_engine_setup.engine_common.database database.execute:1 query x\n"
    )
    assert asked_questions(log) == ["OVESETUP_A", "OVESETUP_B"]


SAME = "[ ERROR ] Cannot connect to Engine database: no password supplied\n"


def test_an_error_is_told_once() -> None:
    printed = read_output(failure((PROMPT + "\n" + SAME) * 2 + PROMPT))
    message = check_otopi("engine-setup", "setup", None, printed, "", "OVESETUP_X").message
    assert message.count("no password supplied") == 1
    end = "[ ERROR ] Host name is not valid: dig is missing\n"
    end += "[ ERROR ] Failed to execute stage 'Environment customization': Host name is not valid: dig is missing\n"
    assert check_otopi("engine-setup", "setup", 1, read_output(failure(end)), "", "").message.count("dig") == 1


STAMP = "2026-11-23 00:54:22,429+0000 "
FAILED_COMMAND = (
    STAMP
    + "INFO otopi.context context.runSequence:614 Stage: Misc configuration\n"
    + STAMP
    + "DEBUG otopi.plugins.x plugin.execute:915 execute-output: ('/bin/true',) stderr:\n\n\n"
    + STAMP
    + "DEBUG otopi.plugins.x plugin.execute:915 execute-output: ('/bin/pki.sh', '--name=engine') stderr:\n"
    "....+++\nIgnoring -days\nUnknown CA file\nCannot sign request\n\n"
    + STAMP
    + "DEBUG otopi.context context._executeMethod:143 method exception\nTraceback (most recent call last):\n"
    + STAMP
    + "ERROR otopi.context context._executeMethod:151 Failed to execute stage 'Misc configuration': x\n"
    + STAMP
    + "DEBUG otopi.context context.dumpEnvironment:771 ENV QUESTION/1/X=str:'a'\nQUESTION/1/X=str:a\n" * 30
)


def test_the_lines_of_debugging_are_not_shown() -> None:
    assert [line.partition(" otopi.context ")[2] for line in last_told(FAILED_COMMAND)] == [
        "context.runSequence:614 Stage: Misc configuration",
        "context._executeMethod:151 Failed to execute stage 'Misc configuration': x",
    ]
    assert last_told("a\nb\n") == ["a", "b"]


def test_what_a_failed_command_said_is_found_in_the_log() -> None:
    end = "[ ERROR ] Failed to execute stage 'Misc configuration': Command '/bin/pki.sh' failed to execute\n"
    assert command_errors(read_output(end), FAILED_COMMAND) == "Ignoring -days Unknown CA file Cannot sign request"
    assert command_errors(read_output(end), "") == ""
    assert command_errors(read_output(END), FAILED_COMMAND) == ""


def test_a_question_is_endless_when_it_comes_too_often() -> None:
    assert endless_question({"OVESETUP_A": 5, "OVESETUP_B": 2}) == ""
    assert endless_question({"OVESETUP_A": 6, "OVESETUP_B": 2}) == "OVESETUP_A"


@pytest.mark.parametrize(
    ("end", "asked", "repeated", "name"),
    [
        (PROMPT + END, ["OVESETUP_A", "OVESETUP_B"], "", "OVESETUP_B"),
        (PROMPT, [], "OVESETUP_C", "OVESETUP_C"),
        (PROMPT + END, [], "", ""),
        ("", ["OVESETUP_A"], "", None),
    ],
    ids=["the last one", "an endless one", "its name is not in the log", "none"],
)
def test_the_question_is_described_where_there_was_one(
    end: str, asked: List[str], repeated: str, name: Optional[str]
) -> None:
    shown = {"name": name, "text": "Engine admin password:", "stage": "Environment customization"}
    found = describe_question(read_output(failure(end)), asked, repeated)
    assert found == (None if name is None else shown)

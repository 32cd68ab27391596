# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run engine-setup on an engine that was restored, and prove that it took the restored database.

On an empty database engine-setup makes a brand-new engine and ends well. This file is private to the collection.
"""

from typing import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple

from ..._archive.versions import minor_release
from ..._common.errors import BackupError, Problem, Refused, describe_problems, list_problems
from ..._postgres.model import LOCAL_HOSTS
from ..model import Installation
from .answers import AMPLE, Answers, SetupFacts, differing_answers, mask_answers, release_of, setup_answers
from .otopi_model import SETUP, Places, SetupMemory, SetupState, without_release
from .otopi_run import (
    NOT_RUN,
    OtopiCommand,
    OtopiResult,
    check_lock,
    describe_end,
    hold,
    merge_answers,
    preview_run,
    run_tool,
)

if TYPE_CHECKING:
    from ..protocols import OtopiHost


class SetupRequest(NamedTuple):
    """What engine-setup is asked to do: the options of the module."""

    prefix: str
    tmpdir: str
    timeout: int
    answers: Answers
    secret_answers: Answers
    expect_restored: bool
    again: bool  # run it in any case
    archive: str  # of the engine that is to be restored before; only for a plan


class SetupResult(NamedTuple):
    """What engine-setup did."""

    changed: bool
    setup: Dict[str, Any]
    before: Dict[str, Any]
    after: Dict[str, Any]
    cmd: List[str]
    rc: Optional[int]
    log_path: str
    cleaned_up: List[str]


class SetupProbe(NamedTuple):
    """What engine-setup finds now, or will find once an archive is restored."""

    installation: Installation
    state: SetupState
    memory: Optional[SetupMemory]  # None where the engine database is empty or was not read
    recorded: Answers  # what the last run of engine-setup wrote down
    problems: List[Problem]


class SetupPlan(NamedTuple):
    """What engine-setup will be told, why it has to run, and every problem that forbids it."""

    order: OtopiCommand
    installation: Installation
    state: SetupState
    memory: Optional[SetupMemory]  # None where the engine database is empty or was not read
    reasons: List[str]  # why engine-setup has to run; empty where everything is as it should be
    problems: List[Problem]


VERSION = "OVESETUP_CORE/generatedByVersion"


def preview_setup(request: SetupRequest, host: "OtopiHost") -> SetupResult:
    """Return what set_up would do; raise Refused with everything that would make it fail. Writes nothing."""
    places = host.tool.choose_places(SETUP, request.tmpdir)
    plan = plan_setup(request, places, host)
    _refuse(check_lock(places, host) + plan.problems)
    done = preview_run(plan.order) if plan.reasons else NOT_RUN
    result = _conclude(plan, done, host.session.list_leftovers(places.lock))
    result.setup["restored"] = plan.memory is not None and plan.memory.just_restored
    return result


def set_up(request: SetupRequest, host: "OtopiHost") -> SetupResult:
    """Run engine-setup, unless it has run with the same version and answers, and prove what it did."""
    places = host.tool.choose_places(SETUP, request.tmpdir)
    if places.problems:  # not even a lock can be made: name this and everything else
        _refuse(plan_setup(request, places, host).problems)

    def work(cleaned_up: List[str]) -> SetupResult:
        plan = plan_setup(request, places, host)
        _refuse(plan.problems)
        if not plan.reasons:
            return _conclude(plan, NOT_RUN, cleaned_up)
        done = run_tool(plan.order, host)
        _prove(request, plan, done, host)
        return _conclude(plan, done, cleaned_up)

    result: SetupResult = hold(places, host, work)
    return result


def _refuse(problems: List[Problem]) -> None:
    if problems:
        raise Refused(problems, phase="plan")


def plan_setup(request: SetupRequest, places: Places, host: "OtopiHost") -> SetupPlan:
    """Return what engine-setup will be told, why it has to run, and everything that forbids it."""
    look = _foresee(request, host) if request.archive else _look(request, host)
    facts = _gather(look.installation, look.state, look.memory)
    own = setup_answers(facts._replace(dumps_plainly=_dumps_plainly(look.installation, look.memory, host)))
    answers, wrong = merge_answers(own, request.answers, request.secret_answers)
    problems = list(places.problems) + _check_packages(look.state) + look.problems + wrong
    order = OtopiCommand(SETUP, places, answers, tuple(sorted(request.secret_answers)), request.timeout, ())
    given = dict(request.answers, **request.secret_answers)
    reasons = ["it was asked for"] if request.again else []
    reasons += _reasons(look.installation, look.state, look.memory, differing_answers(given, look.recorded))
    return SetupPlan(order, look.installation, look.state, look.memory, reasons, problems)


def _look(request: SetupRequest, host: "OtopiHost") -> SetupProbe:
    """Return what engine-setup finds now."""
    installation = host.engine.read_installation(request.prefix)
    memory, problems = _read_memory(request, installation, host)
    return SetupProbe(
        installation, host.engine.read_setup_state(), memory, host.engine.read_recorded_answers(), problems
    )


def _foresee(request: SetupRequest, host: "OtopiHost") -> SetupProbe:
    """Return what engine-setup will find once the archive is restored."""
    archived = host.engine.read_archived_setup(request.archive)
    state = host.engine.read_setup_state()
    state = state._replace(
        answers=dict(state.answers, **archived.answers), dwh_uuid=archived.dwh_uuid, was_configured_since=False
    )
    installation = host.engine.read_installation(request.prefix)._replace(is_set_up=True, settings=archived.settings)
    memory = SetupMemory(True, state.display_version, archived.dwh_uuid)
    return SetupProbe(installation, state, memory, archived.answers, [])


def _gather(installation: Installation, state: SetupState, memory: Optional[SetupMemory]) -> SetupFacts:
    engine = installation.settings.get("engine")
    generated = release_of(state.answers.get(VERSION))
    return SetupFacts(
        state=state.answers,
        is_set_up=installation.is_set_up,
        is_unprivileged=state.is_unprivileged,
        memory=state.memory,
        active_firewall=state.active_firewall,
        configured_dwh=state.dwh_uuid,
        recorded_dwh=memory.dwh_uuid if memory is not None else "",
        has_local_database=engine is not None and engine.host in LOCAL_HOSTS,
        is_same_release=bool(generated) and minor_release(generated) == minor_release(state.display_version),
        dumps_plainly=False,
    )


def _dumps_plainly(installation: Installation, memory: Optional[SetupMemory], host: "OtopiHost") -> bool:
    """May the dump that engine-setup rolls back to be large? Of a restored database, to compress it takes longest."""
    settings = installation.settings.get("engine")
    if settings is None or memory is None or not memory.just_restored:
        return False
    free = host.files.free_space(host.engine.dumps_directory(installation.prefix))
    return 0 < AMPLE * host.databases.database_size(settings) <= free


def _check_packages(state: SetupState) -> List[Problem]:
    if state.engine_package and state.engine_package != state.display_version:
        text = "engine-setup is of %s and the package ovirt-engine of %s: update both to one version" % (
            state.display_version,
            state.engine_package,
        )
        return [Problem("setup_version_mismatch", text)]
    return []


def _read_memory(
    request: SetupRequest, installation: Installation, host: "OtopiHost"
) -> Tuple[Optional[SetupMemory], List[Problem]]:
    """Return what the engine database remembers; what keeps it from being a restored one."""
    problems: List[Problem] = []
    if request.expect_restored and not installation.is_set_up:
        text = "this host has no %s: restore the files of the backup first, or set 'expect_restored' to false"
        problems.append(Problem("not_set_up", text % "20-setup-ovirt-post.conf"))
    settings = installation.settings.get("engine")
    memory: Optional[SetupMemory] = None
    if settings is None:
        if request.expect_restored:
            text = "no configuration says where the engine database is: engine-setup would make a new engine"
            problems.append(Problem("database_unconfigured", text))
        return memory, problems
    try:
        memory = host.databases.read_setup_memory(settings)
    except BackupError as error:
        problems.append(Problem(error.code, error.message))
        return memory, problems
    if memory is None and request.expect_restored:
        text = "the engine database '%s' on %s:%d is empty: engine-setup would make a brand-new engine of it" % (
            settings.database,
            settings.host,
            settings.port,
        )
        problems.append(Problem("database_empty", text))
    return memory, problems


def _reasons(
    installation: Installation, state: SetupState, memory: Optional[SetupMemory], differing: List[str]
) -> List[str]:
    """Return why engine-setup has to run."""
    generated, installed = release_of(state.answers.get(VERSION)), without_release(state.display_version)
    found = []
    if not installation.is_set_up or memory is None:
        found.append("it never ran to its end on this engine")
    if generated != installed:
        found.append("it last ran as %s, %s is installed" % (generated or "an unknown version", installed))
    found += _reasons_of_database(memory, state.display_version) if memory is not None else []
    if state.was_configured_since:
        found.append("the credentials of a database were changed since it last ran")
    return found + ["the answer %s is another one" % key for key in differing]


def _reasons_of_database(memory: SetupMemory, display_version: str) -> List[str]:
    found = ["the engine database was restored from a backup"] if memory.just_restored else []
    if memory.product_version != display_version:
        found.append("the engine database is of %s" % (memory.product_version or "an unknown version"))
    return found


def _prove(request: SetupRequest, plan: SetupPlan, done: OtopiResult, host: "OtopiHost") -> None:
    """Raise BackupError where the engine database is not what was to be set up."""
    facts = dict(describe_end(plan.order, done.cmd, done.rc, done.log), phase="proving")
    was_restored = plan.memory is not None and plan.memory.just_restored
    problems: List[Problem] = []
    if was_restored and not done.printed.says_restored:
        text = "it did not say that the engine database has been restored from a backup: it may have used another one"
        problems.append(Problem("restore_not_noticed", text))
    installation = host.engine.read_installation(request.prefix)
    if not installation.is_set_up:
        problems.append(Problem("not_set_up", "it left no 20-setup-ovirt-post.conf, which every completed run writes"))
    settings = installation.settings.get("engine")
    try:
        memory = host.databases.read_setup_memory(settings) if settings is not None else None
        problems += _check_memory(memory, plan.state.display_version)
    except BackupError as error:
        problems.append(Problem(error.code, error.message))
    if problems:
        text = describe_problems("engine-setup ended well, but that is not proven", problems)
        raise BackupError(text, problems[0].code, problems=list_problems(problems), **facts)


def _check_memory(memory: Optional[SetupMemory], display_version: str) -> List[Problem]:
    if memory is None:
        return [Problem("database_empty", "the engine database is empty")]
    problems = []
    if memory.just_restored:
        text = "DbJustRestored is still 1 in the engine database: engine-setup worked on another database"
        problems.append(Problem("restore_mark_left", text))
    if memory.product_version != display_version:
        text = "the engine database says version '%s', engine-setup is of '%s'"
        problems.append(Problem("product_version_wrong", text % (memory.product_version, display_version)))
    return problems


def _conclude(plan: SetupPlan, done: OtopiResult, cleaned_up: List[str]) -> SetupResult:
    """Return the result of a run or of a plan."""
    version, runs = plan.state.display_version, bool(plan.reasons)
    found = {
        "version": version,
        "fqdn": plan.installation.fqdn,
        "ran": runs,
        "reasons": plan.reasons,
        "restored": done.printed.says_restored,
        "stages": list(done.printed.stages),
        "warnings": list(done.printed.warnings),
        "dumps": list(done.printed.dumps),
        "answers": mask_answers(plan.order.answers, plan.order.secret_keys),
    }
    before = _describe_memory(plan.state.answers.get(VERSION, "").partition(":")[2], plan.memory)
    planned = {"generated_by": without_release(version), "product_version": version, "just_restored": False}
    log_path = plan.order.places.log_path if runs else ""
    return SetupResult(
        runs or bool(cleaned_up), found, before, planned if runs else before, done.cmd, done.rc, log_path, cleaned_up
    )


def _describe_memory(generated_by: str, memory: Optional[SetupMemory]) -> Dict[str, Any]:
    return {
        "generated_by": generated_by,
        "product_version": memory.product_version if memory is not None else "",
        "just_restored": memory.just_restored if memory is not None else None,
    }

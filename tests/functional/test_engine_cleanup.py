# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_cleanup on an engine in use: everything is proven empty, and a second run has nothing to do."""

from collections import Counter
from pathlib import Path

from lab.databases import row_counts
from lab.host import uninstall

from .lab_engine import LabEngine
from .otopi_tasks import cleanup, leftovers, setup_logs
from .playbooks import backup, checked

KINDS = ["dwh", "engine", "keycloak"]


def test_check_then_run_then_check_then_run(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    prefix = lab_engine.site.prefix
    registered = Counter(str(path.parent) for path in uninstall.registered(prefix) if path.is_file())
    with lab_engine.driven(tmp_path) as engine:
        archive = tmp_path / "before.backup"
        made, planned, done, planned_again, again = engine.play(
            backup(path=archive),
            checked(cleanup()),
            cleanup(),
            checked(cleanup(archive=archive)),
            cleanup(archive=archive),
        )
    assert [made.get("msg", ""), planned.get("msg", ""), done.get("msg", "")] == ["", "", ""]
    assert (planned["changed"], done["changed"]) == (True, True)
    assert done["cleanup"]["state"] == "cleaned" and done["rc"] == 0
    assert sorted(done["cleanup"]["databases"]) == KINDS
    assert {item["cleared_by"] for item in done["cleanup"]["databases"].values()} == {"engine-cleanup"}
    assert all(item["tables"] > 0 for item in done["cleanup"]["databases"].values())
    for key in ("state", "ran", "databases", "services", "files", "answers"):
        assert planned["cleanup"][key] == done["cleanup"][key]
    assert planned["cleanup"]["services"]["ovirt-engine"] == "active"
    assert planned["cleanup"]["answers"]["OVESETUP_CORE/remove"] == "bool:True"
    assert planned["cleanup"]["files"] == registered and sum(registered.values()) > 20
    assert not [path for path in uninstall.registered(prefix) if path.exists()]
    assert planned["cmd"][0].endswith("/bin/engine-cleanup")
    assert planned["diff"] == done["diff"]
    assert [row_counts(lab_engine.lab, kind) for kind in KINDS] == [{}, {}, {}]
    assert not lab_engine.site.setup_state.exists()
    assert [Path(path).stat().st_mode & 0o777 for path in done["cleanup"]["dumps"]] == [0o600] * 3
    for result in (planned_again, again):
        assert (result["changed"], result["cleanup"]["ran"]) == (False, False)
        assert result["cleanup"]["state"] == "already_clean"
        assert sorted(result["cleanup"]["databases"]) == KINDS
    assert leftovers(lab_engine.site) == []
    assert str(setup_logs(lab_engine.site)[-1]) == done["log_path"]


def test_the_plan_changes_nothing(lab_engine: LabEngine, tmp_path: Path) -> None:
    lab_engine.in_use()
    before = {kind: row_counts(lab_engine.lab, kind) for kind in KINDS}
    with lab_engine.driven(tmp_path) as engine:
        planned = engine.play(checked(cleanup()))[0]
    assert planned["cleanup"]["services"]["ovirt-engine"] == "active"
    assert planned["cmd"][0].endswith("/bin/engine-cleanup")
    assert planned["cleanup"]["answers"]["OVESETUP_CORE/remove"] == "bool:True"
    assert {kind: row_counts(lab_engine.lab, kind) for kind in KINDS} == before
    assert leftovers(lab_engine.site) == [] and setup_logs(lab_engine.site) == []
    assert lab_engine.site.setup_state.exists()

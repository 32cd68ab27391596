# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restore roles on kinds of engines: a hosted one, and one without Data Warehouse, Keycloak and Grafana."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import start, stop
from lab.databases import make_hosted

from .lab_engine import LabEngine
from .playbooks import Engine, backup
from .restore_roles import HAS_MOVED_ON, MOVED_ON, RestoreRole, outcome
from .side_effects import photograph

pytest_plugins = ["functional.restore_roles"]
pytestmark = pytest.mark.faults

LEFT_OF_HOSTED = (
    "SELECT (SELECT count(*) FROM vm_static WHERE origin = 6), (SELECT count(*) FROM vds_static),"
    " (SELECT count(*) FROM storage_domain_static)"
)
RIGHT_WAY = "hosted-engine --deploy --restore-from-file="
PASSWORD = "another-password-of-engine"


def test_hosted_engine_is_refused_with_the_way_that_is_right_for_it(
    lab_engine: LabEngine, archives: Path, tmp_path: Path
) -> None:
    """In the engine that is there and in the archive.

    Where it is wanted all the same, it is restored without its virtual machine, its storage and its hosts.
    """
    lab_engine.in_use()
    hosted = tmp_path / "hosted.backup"
    with lab_engine.driven(tmp_path) as engine:
        overwrite, credentials, fresh = (
            RestoreRole(f"engine_restore_{name}", lab_engine, engine, archives, archive=hosted)
            for name in ("overwrite", "credentials", "fresh")
        )
        overwrite.variables.update(archive=archives / "engine.backup", safety_directory=archives)
        credentials.variables.update(safety_directory=archives, databases={
            kind: {"host": "localhost", "name": item.name, "user": item.owner, "password": item.password}
            for kind, item in lab_engine.lab.databases.items()
        })  # fmt: skip
        assert overwrite.ask(LEFT_OF_HOSTED) == "0|20|8"
        make_hosted(lab_engine.lab)
        assert overwrite.ask(LEFT_OF_HOSTED) == "1|20|9"
        (made,) = engine.play(backup(path=hosted))
        assert made["changed"], made.get("msg")
        before, kept = overwrite.rows(), photograph(archives)
        overwrite.run(allow_hosted_engine="false").refused(
            "Refused before anything was changed", "is a hosted engine", RIGHT_WAY, f"{overwrite.name}_allow_hosted"
        )
        assert (overwrite.rows(), photograph(archives), overwrite.noted()) == (before, kept, {})
        lab_engine.in_use()
        before = credentials.rows()
        credentials.run().refused("Refused before anything was changed", RIGHT_WAY + str(hosted))
        assert (credentials.rows(), photograph(archives), credentials.noted()) == (before, kept, {})
        lab_engine.fresh()
        configured = photograph(lab_engine.site.prefix / "etc")
        fresh.run().refused("Refused before anything was changed", RIGHT_WAY + str(hosted))
        assert (photograph(lab_engine.site.prefix / "etc"), fresh.noted()) == (configured, {})
        removes = {"allow_hosted_engine": True, "he_remove_storage_vm": True, "he_remove_hosts": True}
        ran = fresh.run(**removes).made()
        assert outcome(ran) == "restored"
        assert ran.statistics["engine_restore"]["users_without_password"] == ["engine_reporting"]
        ran.says("Got a password that nobody knows, set engine_restore_fresh_user_passwords: engine_reporting")
        assert fresh.ask(LEFT_OF_HOSTED) == "0|18|8"
        fresh.assert_is_well()


@pytest.fixture
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabEngine]:
    """An engine and nothing else, its service running, its PostgreSQL at another port."""
    home = tmp_path_factory.mktemp("lonely") / "lab"
    yield LabEngine(start(home, components="engine", services=True))
    stop(home, remove=True)


def test_engine_without_the_other_components_is_overwritten_and_gets_another_password(
    lonely: LabEngine, tmp_path: Path
) -> None:
    directory = tmp_path / "archives"
    directory.mkdir(mode=0o700)
    archive = directory / "engine.backup"
    with lonely.driven(tmp_path) as engine:
        (made,) = engine.play(backup(path=archive))
        assert made["changed"], made.get("msg")
        role = alone("engine_restore_overwrite", lonely, engine, archive)
        role.ask(MOVED_ON)
        ran = role.run().made()
        assert (outcome(ran), ran.statistics["engine_restore"]["scopes"]) == ("restored", ["files", "db"])
        assert role.ask(HAS_MOVED_ON) == "0"
        role.assert_is_well()
        known, configuration = lonely.lab.databases["engine"], lonely.lab.prefix / "etc/ovirt-engine/engine.conf.d"
        configured = set(configuration.iterdir())
        given = {"host": "localhost", "port": lonely.lab.port, "name": known.name, "user": known.owner}
        role = alone("engine_restore_credentials", lonely, engine, archive)
        role.variables.update(
            databases={"engine": {**given, "password": PASSWORD}}, prepare=True, postgresql_port=lonely.lab.port
        )
        assert outcome(role.run(again=True).made()) == "restored"
        assert engine.site.configuration()["ENGINE_DB_PASSWORD"] == PASSWORD
        assert set(configuration.iterdir()) <= configured, "no placeholder, no copy"
        role.assert_is_well()
        assert role.run().made().changed == 0


def alone(name: str, lab_engine: LabEngine, engine: Engine, archive: Path) -> RestoreRole:
    return RestoreRole(name, lab_engine, engine, archive.parent, archive=archive, safety_directory=archive.parent)

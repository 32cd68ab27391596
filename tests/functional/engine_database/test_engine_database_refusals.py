# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""engine_database refuses before the first change, and names everything that is wrong."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import lab
import psycopg2
import pytest
from lab import machines, postgres
from lab.layout import Server as Second

from ..installation import read_site
from ..playbooks import Engine, Running, Task, checked, codes
from .postgresql import PASSWORD, Server, assert_refused

SENSELESS: list[tuple[dict[str, object], str]] = [
    ({"owner": "fine", "password": f"{PASSWORD}\n{PASSWORD}"}, "password_unsafe"),
    ({"owner": "fine", "name": 'a"; DROP DATABASE engine; --', "password": PASSWORD}, "name_unsafe"),
    ({"owner": "nobody"}, "role_missing"),
    ({"owner": "postgres", "state": "fenced"}, "role_is_superuser"),
    ({"owner": "engine", "name": "nowhere", "state": "fenced"}, "database_missing"),
    ({"owner": "engine", "name": "engine", "state": "absent"}, "database_filled"),
]
EVERYTHING: dict[str, object] = {"extensions": ["no_such"], "readers": ["nobody"], "client_addresses": ["x"]}
ALL_OF_IT = ["name_reserved", "database_wrong_owner", "extension_missing", "role_missing", "client_address_invalid"]
# Databases that no engine could use, and what they were made with.
UNFIT = {
    "unfit_locale": ("LC_COLLATE 'C' LC_CTYPE 'C'", ["database_wrong_locale"]),
    "unfit_order": ("LC_COLLATE 'C'", ["database_wrong_locale"]),
    "unfit_ctype": ("LC_CTYPE 'C.UTF-8'", ["database_wrong_locale"]),
    "unfit_all": ("LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'SQL_ASCII' OWNER engine",
                  ["database_wrong_encoding", "database_wrong_locale", "database_wrong_owner"]),
}  # fmt: skip


def test_request_that_makes_no_sense_is_refused(engine: Engine, server: Server) -> None:
    everything = server.task(name="engine", owner="pg_other", password=PASSWORD, **EVERYTHING)
    cases = [(server.task(**options), [code]) for options, code in SENSELESS]
    refused = assert_refused(engine, server, *cases, (everything, ALL_OF_IT))
    assert "a line break" in refused[0]["msg"]


def test_database_that_no_engine_could_use_is_refused_and_kept(engine: Engine, server: Server) -> None:
    server.ask("CREATE ROLE unfit LOGIN; CREATE ROLE heir LOGIN")
    for name, (made_with, _codes) in UNFIT.items():
        owner = "" if "OWNER" in made_with else " OWNER unfit"
        server.ask(f"CREATE DATABASE {name} TEMPLATE template0 {made_with}{owner}")
    heir = server.task(name="engine", owner="heir", password=PASSWORD, change_owner=True)
    refused = assert_refused(
        engine, server, (heir, ["database_wrong_owner"]),
        *((server.task(name=name, owner="unfit", password=PASSWORD), wanted) for name, (_with, wanted) in UNFIT.items())
    )  # fmt: skip
    assert [name for name, result in zip(UNFIT, refused[1:], strict=True) if f"'{name}'" not in result["msg"]] == []


def test_access_file_that_the_server_can_not_read_is_not_made_worse(engine: Engine, server: Server) -> None:
    with server.access_rules("local all postgres trust\nhost all all nonsense\n"):
        task = server.task(owner="new_one", password=PASSWORD, client_addresses=["10.0.0.1"])
        (refused,) = assert_refused(engine, server, (task, ["pg_hba_broken"]))
    assert "line 2 of" in refused["msg"]


def test_login_that_does_not_work_is_named(engine: Engine, server: Server) -> None:
    name, owner, password = server.lab.databases["engine"]
    tcp = {"owner": "x", "password": PASSWORD, "login_unix_socket": ""}
    attempts = {
        "database_unreachable": server.task(**tcp, login_port=1),
        "database_login_failed": server.task(**tcp, login_user=owner, login_password="wrong", login_db=name),
        "superuser_needed": server.task(**tcp, login_user=owner, login_password=password, login_db=name),
        "database_missing": server.task(owner="x", password=PASSWORD, login_db="no_such"),
    }
    results = engine.play(*attempts.values())
    assert [codes(result) for result in results] == [[code] for code in attempts]


LOCK = "SELECT pg_advisory_lock(31338733306659906)"
ELSEWHERE = (
    "import sys; from pathlib import Path; from lab import layout, postgres;"
    " postgres.start(layout.load_server(Path(sys.argv[1])))"
)


class Other:
    """A second server, on which another run is at work when the tests begin; our run waits for it half a minute."""

    def __init__(self, first: Server, server: Second, folder: Path) -> None:
        self.server = server
        self.home = first.lab.home
        self.engine = Engine(read_site(first.lab.inventory), folder)
        self.session = psycopg2.connect(host=str(server.socket), port=server.port, user="postgres", dbname="postgres")
        with self.session.cursor() as cursor:
            cursor.execute(LOCK)
        self.waiting: Running = self.engine.start(self.task(owner="late"))

    def task(self, **options: object) -> Task:
        login = {
            "login_unix_socket": str(self.server.socket), "login_host": self.server.address,
            "login_port": self.server.port,
        }  # fmt: skip
        return {"ovirt.backup.engine_database": {"password": PASSWORD, **login, **options}}

    def ask(self, statement: str) -> str:
        return postgres.query(self.server, "postgres", statement)

    def restart(self) -> None:
        postgres.stop(self.server, forever=False)
        postgres.start(self.server)

    def restart_with_access_file_elsewhere(self) -> Path:
        """Let the server see its pg_hba.conf at a place where nobody else does, as on another machine."""
        real, shown = self.server.server_home / "real", self.server.server_home / "shown"
        for place in (real, shown):
            place.mkdir()
        (real / "pg_hba.conf").write_text((self.server.server_home / "data/pg_hba.conf").read_text())
        self.ask(f"ALTER SYSTEM SET hba_file = '{shown}/pg_hba.conf'")
        postgres.stop(self.server, forever=False)
        words = ["sh", "-c", 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$5"', "sh", str(real), str(shown),
                 sys.executable, ELSEWHERE, str(self.home)]  # fmt: skip
        tests = str(Path(lab.__file__).parents[1])
        done = subprocess.run(["unshare", "-m", "--", "env", f"PYTHONPATH={tests}", *words], check=False)
        if done.returncode:
            pytest.skip("this user or container may not mount file systems")
        return shown / "pg_hba.conf"

    def make_standby(self) -> None:
        """Shut it down as a primary that may have a standby, and start it as one."""
        self.ask("ALTER SYSTEM SET wal_level = 'replica'")
        self.restart()
        postgres.stop(self.server, forever=False)
        (self.server.server_home / "data/standby.signal").touch()
        postgres.start(self.server)


@pytest.fixture(scope="module", autouse=True)
def other(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Other]:
    """Begins with the first test, so that nobody waits for the run that waits."""
    made = machines.start_database_server(server.lab, open_to_clients=False)
    found = Other(server, made, tmp_path_factory.mktemp("other"))
    with closing(found.session):
        yield found
    assert not [play for play in found.engine.plays if PASSWORD in play.output]


def test_server_that_another_run_changes_is_left_alone(other: Other) -> None:
    (refused,) = other.engine.finish(other.waiting)
    assert (refused["code"], refused["changed"]) == ("server_locked", False), refused
    assert other.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'late'") == "0"
    other.session.close()
    (done,) = other.engine.play(other.task(owner="late"))
    assert done["changed"], done.get("msg")


def test_access_file_that_is_not_on_this_host_is_left_alone(other: Other) -> None:
    path = other.restart_with_access_file_elsewhere()
    task = other.task(owner="far", client_addresses=["10.0.0.1"])
    missing = other.engine.play(checked(task), task)
    path.write_text("# of another server\n", encoding="utf-8")
    foreign = other.engine.play(checked(task), task)
    for result in (*missing, *foreign):
        assert codes(result) == ["pg_hba_elsewhere"], result
        assert str(path) in result["msg"] and "10.0.0.1/32" in result["msg"], "what to do there by hand"
    assert path.read_text(encoding="utf-8") == "# of another server\n"
    assert other.ask("SELECT count(*) FROM pg_roles WHERE rolname = 'far'") == "0"
    (made,) = other.engine.play(other.task(owner="far"))
    assert (made["changed"], made["pg_hba"]["file"]) == (True, str(path)), made
    other.ask("ALTER SYSTEM RESET hba_file")
    other.restart()


def test_standby_is_left_alone(other: Other) -> None:
    other.make_standby()
    tasks = [other.task(owner="mirrored", name="mirrored"), other.task(owner="late", state="fenced")]
    for result in other.engine.play(*tasks, *map(checked, tasks)):
        assert codes(result) == ["server_is_standby"], result
    assert other.ask("SELECT pg_is_in_recovery()") == "t"

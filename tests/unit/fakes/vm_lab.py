# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's engine in this process: no network, no files, no sleep; its time is the fake clock's."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator
from xml.etree import ElementTree

from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.errors import translate
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.sdk_import import sdk
from ansible_collections.ovirt.backup.plugins.module_utils._vm.api.session import Session
from lab.rest_engine import DEFAULT, worlds
from lab.rest_engine.answering import perform
from lab.rest_engine.engine import Engine
from lab.rest_engine.faults import FAULTS, Faults
from lab.rest_engine.resources import find_route
from lab.rest_engine.routing import Request
from lab.rest_engine.schedule import Action, Schedule
from lab.rest_engine.state import Disk, Image, new_id

if TYPE_CHECKING:
    from .vm_steering import Steering

NOT_FOLLOWED = b"<fault><detail>[Internal Engine Error]</detail><reason>Operation Failed</reason></fault>"
NOWHERE = Path("/nonexistent")
DELAYS = {"snapshot": 5.0, "merge": 15.0, "disk": 2.0, "remove": 0.0}
NAMES = ("app", "backup", "cold", "shared", "HostedEngine")


class MemoryFaults(Faults):
    """The faults that are switched on, without a file for each."""

    def __init__(self) -> None:
        super().__init__(NOWHERE)
        self._parameters = {"device-missing": ""}  # guests see no devices

    def get(self, name: str) -> str | None:
        assert name in FAULTS, name
        return self._parameters.get(name)

    def set(self, name: str, parameter: str = "") -> None:
        assert name in FAULTS, name
        self._parameters[name] = parameter

    def end(self, name: str) -> None:
        self._parameters.pop(name, None)


class FakeSchedule(Schedule):
    """What the engine does later happens when the fake clock gets there."""

    def __init__(self, steering: Steering) -> None:
        self._steering = steering

    def after(self, seconds: float, action: Action) -> None:
        self._steering.later(seconds, action)


class MemoryEngine(Engine):
    """The engine of the lab, with disks that have layers and no bytes."""

    def __init__(self, steering: Steering) -> None:
        super().__init__(NOWHERE, worlds.make_world(("", "")), DELAYS)
        self._steering = steering
        self.faults = MemoryFaults()
        self.schedule = FakeSchedule(steering)
        self.admin = next(user for user in self.world.users.values() if user.name == worlds.ADMIN)
        for plan in DEFAULT:
            if plan.name in NAMES:
                vm = worlds.add_vm(self, plan)
                for disk in plan.disks:
                    worlds.add_disk(self, vm, disk)

    def now(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._steering.wall()))

    def create_layer(self, disk: Disk) -> None:
        """There is no file to make."""

    def lay_over(self, disk: Disk) -> None:
        disk.images.append(Image(new_id(), "cow"))

    def merge(self, disk: Disk, image: str) -> str:
        return disk.images.pop([one.id for one in disk.images].index(image) + 1).id


class DirectSession(Session):
    """The SDK on that engine: it is the SDK's connection as well, so that a request becomes a call."""

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine
        self.follows = "well"  # refused: links fail the whole request; ignored: nothing comes along

    @property
    def services(self) -> Any:
        return sdk.services.SystemService(self, "")

    @contextmanager
    def request(self, what: str) -> Iterator[None]:
        try:
            yield
        except sdk.Error as error:
            raise translate(error, what, "the engine in memory", True) from None

    def send(self, request: Any) -> Any:
        return request

    def wait(self, request: Any) -> Any:
        path = request.path.strip("/")
        hit = find_route(request.method, path)
        assert hit is not None, path
        body = ElementTree.fromstring(request.body) if request.body else None
        query = dict(request.query or {})
        if "follow" in query and self.follows == "refused":
            return sdk.http.Response(code=500, message="", body=NOT_FOLLOWED, headers={})
        if self.follows == "ignored":
            query.pop("follow", None)
        asked = Request(request.method, path, query, body)
        with self._engine.asked_by(self._engine.admin, request.headers.get("Correlation-Id", "")):
            answer = perform(self._engine, hit, asked)
        content = b"" if answer.root is None else ElementTree.tostring(answer.root)
        return sdk.http.Response(code=answer.status, message="", body=content, headers={})

    def check_xml_content_type(self, response: Any) -> None:
        """Nothing else than XML comes from here."""

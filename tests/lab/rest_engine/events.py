# Copyright (c) 2026, oVirt backup contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event log and the jobs."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from .engine import Engine, found
from .refusals import Refusal, say
from .routing import Answer, Request, route
from .searching import search
from .state import Event, Job, now
from .xml import ROOT, element, find, find_id, reference, texts

CODES = {"normal": 9801, "warning": 9802, "error": 9803, "alert": 9804}


@route("GET", "events", "list-events")
def list_events(engine: Engine, request: Request) -> Answer:
    """The newest first."""
    after = int(request.query.get("from", "0"))
    newest = [event for event in reversed(engine.world.events.values()) if event.id > after]
    fields = {
        "message": "description", "correlation_id": "correlation", "severity": "severity", "type": "code",
        "origin": "origin", "custom_event_id": "custom_id", "event_vm": "vm_name",
    }  # fmt: skip
    chosen = search(engine, request, newest, fields)
    return Answer(200, element("events", *(_view_event(engine, event) for event in chosen)))


@route("GET", "events/{}", "read-event")
def read_event(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, _view_event(engine, found(engine.world.events.get(identity))))


@route("POST", "events", "add-event")
def add_event(engine: Engine, request: Request) -> Answer:
    """Write a line of somebody else's."""
    body = found(request.body)
    request.demand("Event", "description", "severity", "origin", "custom_id")
    vm = find_id(body, "vm")
    engine.require("inject_external_events", "vms" if vm else "system", vm)
    if vm:
        engine.vm(vm)
    origin, custom_id = find(body, "origin") or "", int(find(body, "custom_id") or 0)
    severity = find(body, "severity") or ""
    _check(engine, origin, custom_id, severity)
    engine.log(CODES[severity], severity, find(body, "description") or "", vm)
    event = list(engine.world.events.values())[-1]
    event.origin, event.custom_id = origin, custom_id
    return Answer(201, _view_event(engine, event))


def _check(engine: Engine, origin: str, custom_id: int, severity: str) -> None:
    if severity not in CODES:
        raise Refusal(400, "{} is not a member of LogSeverity.".format(severity), "Invalid value")
    if origin.lower() == "ovirt":
        raise say(400, "Cannot add External Event. Illegal Origin for External Event : oVirt")
    if any((one.origin, one.custom_id) == (origin, custom_id) for one in engine.world.events.values()):
        raise say(400, "Cannot add External Event. External Event with this custom id already exists.")


@route("GET", "jobs", "list-jobs")
def list_jobs(engine: Engine, request: Request) -> Answer:
    """What is being done, and what was done lately."""
    fields = {"correlation_id": "correlation", "status": "status", "description": "description"}
    chosen = search(engine, request, list(engine.world.jobs.values()), fields)
    return Answer(200, element("jobs", *map(_view_job, chosen)))


@route("GET", "jobs/{}", "read-job")
def read_job(engine: Engine, request: Request, identity: str) -> Answer:
    """One."""
    return Answer(200, _view_job(found(engine.world.jobs.get(identity))))


def _view_event(engine: Engine, event: Event) -> Element:
    return element(
        "event",
        *texts(
            code=event.code, correlation_id=event.correlation or None, custom_id=event.custom_id,
            description=event.description, flood_rate=30, index=event.id, origin=event.origin,
            severity=event.severity, time=event.time,
        ),
        reference("user", "users", event.user) if event.user else None,
        reference("vm", "vms", event.vm) if event.vm else None,
        href="{}events/{}".format(ROOT, event.id), id=str(event.id),
    )  # fmt: skip


def _view_job(job: Job) -> Element:
    return element(
        "job",
        *texts(auto_cleared=True, description=job.description, end_time=job.ended or None, external=False,
               last_updated=job.ended or now(), start_time=job.started, status=job.status),
        href=ROOT + "jobs/" + job.id, id=job.id,
    )  # fmt: skip

"""RedriveExecution, which the emulator does not know.

A redrive enters the state that failed once more, with the input and the
variables that it had, and with the definition that the execution began with.
The engine only knows how to run a machine from its start, so three of its
seams are used: it is given a definition that starts at that state, and the
first state that it executes gets the input and the variables put back.
States inside Map and Parallel are not entered again by themselves; their
whole state is.
"""

import contextvars
import copy
import json
import threading

from ministack.core.concurrency import run_reentrant
from ministack.core.responses import AccountRegionScopedDict
from ministack.services import stepfunctions as sfn

_REDRIVABLE = ("FAILED", "ABORTED", "TIMED_OUT")
_KEY = "sitefence"  # of an execution's record: what a redrive needs to know

_definition = contextvars.ContextVar("sitefence_definition", default=None)  # that the next run is to have


class _Machines(AccountRegionScopedDict):
    """The machines; the one that a redrive is about to run is shown with the
    definition it is to be run with, once."""

    def __init__(self, machines):
        super().__init__()
        self._data = machines._data

    def get(self, key, default=None):
        machine, definition = super().get(key, default), _definition.get()
        if definition is None or not machine:
            return machine
        _definition.set(None)
        return {**machine, "definition": definition}


def apply():
    sfn._state_machines = _Machines(sfn._state_machines)
    run, handle, describe, add = sfn._run_execution, sfn.handle_request, sfn._describe_execution, sfn._add_event

    def run_remembering(arn):
        execution = sfn._executions.get(arn)
        if execution is None:
            return run(arn)
        notes = execution.setdefault(_KEY, {"count": 0})
        notes["ended"] = threading.Event()
        machine = sfn._state_machines.get(execution["stateMachineArn"]) or {}
        notes.setdefault("definition", machine.get("definition", "{}"))
        if notes.get("again"):
            start = {**json.loads(notes["definition"]), "StartAt": notes["state"]}
            _definition.set(json.dumps(start))
        try:
            return run(arn)
        finally:
            notes["ended"].set()

    def add_event(execution, event_type, details=None):
        notes = execution.get(_KEY)
        if notes and notes.get("again") and event_type.endswith("StateEntered"):
            details = {"stateEnteredEventDetails": {"name": notes["state"], "input": json.dumps(notes["input"])}}
        return add(execution, event_type, details)

    def describe_redriven(data):
        response = describe(data)
        execution = sfn._executions.get(data.get("executionArn"))
        if execution is None:
            return response
        notes, body = execution.get(_KEY, {}), json.loads(response[2])
        possible = execution["status"] in _REDRIVABLE
        body.update(redriveCount=notes.get("count", 0), redriveStatus="REDRIVABLE" if possible else "NOT_REDRIVABLE")
        if notes.get("date"):
            body["redriveDate"] = notes["date"]
        return sfn.json_response(body)

    async def handle_redrive(method, path, headers, body, query_params):
        if headers.get("x-amz-target", "").endswith(".RedriveExecution"):
            answer = await run_reentrant(_redrive, json.loads(body), thread_name="sitefence-redrive")
            return sfn._finalize_response(answer)
        return await handle(method, path, headers, body, query_params)

    sfn._run_execution, sfn.handle_request = run_remembering, handle_redrive
    sfn._describe_execution, sfn._add_event = describe_redriven, add_event
    for name in ("pass", "task", "choice", "wait", "parallel", "map"):
        _remember_entry(f"_execute_{name}")
    _remember_entry("_fail_state_error")


def _remember_entry(executor):
    """Notes with what each state was entered; puts it back after a redrive."""
    original = getattr(sfn, executor)

    def execute(state_def, raw_input, *rest):
        ctx = (rest[-1] if rest else None) or {}
        execution = sfn._executions.get(ctx.get("Execution", {}).get("Id")) or {}
        notes, name = execution.get(_KEY), ctx.get("State", {}).get("Name")
        if notes is None or json.loads(notes["definition"])["States"].get(name) != state_def:
            return original(state_def, raw_input, *rest)
        ctx["Execution"]["RedriveCount"] = notes["count"]
        if notes.pop("again", False):
            raw_input = copy.deepcopy(notes["input"])
            ctx["variables"].update(copy.deepcopy(notes["variables"]))
        notes.update(state=name, input=copy.deepcopy(raw_input), variables=copy.deepcopy(ctx["variables"]))
        return original(state_def, raw_input, *rest)

    setattr(sfn, executor, execute)


def _redrive(data):
    arn = data.get("executionArn")
    execution = sfn._executions.get(arn)
    if execution is None:
        return sfn.error_response_json("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'", 400)
    notes = execution.get(_KEY, {})
    # The engine's thread of an execution that was stopped in a Wait sleeps on.
    if execution["status"] not in _REDRIVABLE or "state" not in notes or not notes["ended"].wait(5):
        return sfn.error_response_json(
            "ExecutionNotRedrivable", f"Execution is {execution['status']} and cannot be redriven", 400)
    notes.update(again=True, count=notes["count"] + 1, date=sfn.now_iso())
    for key in ("error", "cause"):
        execution.pop(key, None)
    execution.update(status="RUNNING", output=None, stopDate=None)
    sfn._add_event(execution, "ExecutionRedriven", {"executionRedrivenEventDetails": {"redriveCount": notes["count"]}})
    sfn._emit_execution_status_event(execution)
    threading.Thread(
        target=contextvars.copy_context().run, args=(sfn._run_execution, arn), daemon=True).start()
    return sfn.json_response({"redriveDate": notes["date"]})

"""The states language: how much data a state may handle."""

import json

import jsonata
from ministack.services import stepfunctions as sfn

LIMIT = 256 * 1024  # bytes; also of all variables that one Assign sets


def _check(value, what):
    if len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()) > LIMIT:
        raise sfn._ExecutionError(
            "States.DataLimitExceeded",
            f"The {what} exceeds the maximum number of bytes service limit.")
    return value


def apply():
    """256 KiB are the most for the arguments, the result and the output of a
    state, for what one Assign sets, and for an execution's input. What exceeds
    it ends the execution: States.ALL does not match States.DataLimitExceeded."""
    arguments, output, assign = sfn._apply_jsonata_arguments, sfn._apply_jsonata_output, sfn._apply_state_assign
    invoke, matches, start = sfn._invoke_resource, sfn._error_matches, sfn._start_execution

    def assign_checked(state_def, raw_input, ctx, result=None, error_output=None):
        assign(state_def, raw_input, ctx, result, error_output)
        fields = state_def.get("Assign")
        if ctx is not None and isinstance(fields, dict):
            variables = ctx.get("variables", {})
            _check({name: variables.get(name) for name in fields}, "size of the variables in Assign")

    def start_checked(data):
        if len(data.get("input", "").encode()) > LIMIT:
            return sfn.error_response_json("InvalidExecutionInput", "The input is longer than 262144 bytes", 400)
        return start(data)

    def output_checked(*args, **kwargs):
        return _check(output(*args, **kwargs), "output of the state")

    def matches_checked(error_equals, error):
        if error in ("States.DataLimitExceeded", "States.Runtime"):
            return error in error_equals
        return matches(error_equals, error)

    sfn._apply_jsonata_arguments = lambda *args: _check(arguments(*args), "input of the task")
    sfn._invoke_resource = lambda *args: _check(invoke(*args), "result of the task")
    sfn._apply_jsonata_output, sfn._apply_state_assign = output_checked, assign_checked
    sfn._error_matches, sfn._start_execution = matches_checked, start_checked


def apply_time():
    """An expression may take longer than a second: AWS documents no limit of the
    kind, and whether one is met must not depend on how busy this machine is."""
    compile_expression = jsonata.Jsonata.jsonata

    def patient(expression, *args, timeout=None, **kwargs):
        return compile_expression(expression, *args, timeout=60_000, **kwargs)

    jsonata.Jsonata.jsonata = staticmethod(patient)

"""Execution names: who gets one, and how a refusal is called."""

import threading

from ministack.services import stepfunctions as sfn


def apply():
    """A name is given once, also to two who ask at the same moment. Asking
    again with the same input while that execution runs is a success; any
    other use of a taken name is ExecutionAlreadyExists, which the optimized
    integration reports as StepFunctions.ExecutionAlreadyExistsException."""
    original = sfn._start_execution
    lock = threading.Lock()
    starting = {}

    def start(data):
        machine = sfn._resolve_state_machine_arn(data.get("stateMachineArn", "").split("#")[0])
        name = data.get("name")
        if machine is None or not name:
            return original(data)
        arn = machine.replace(":stateMachine:", ":execution:") + ":" + name
        with lock:
            taken = sfn._executions.get(arn) or starting.get(arn)
            if taken is None:
                starting[arn] = {"status": "RUNNING", "input": data.get("input", "{}"), "startDate": sfn.now_iso()}
        if taken is not None:
            if taken["status"] == "RUNNING" and taken["input"] == data.get("input", "{}"):
                return sfn.json_response({"executionArn": arn, "startDate": taken["startDate"]})
            return sfn.error_response_json(
                "ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'", 400)
        try:
            return original(data)
        finally:
            with lock:
                starting.pop(arn, None)

    sfn._start_execution = start
    for invoker in ("_invoke_nested_start_execution", "_invoke_nested_start_execution_sync"):
        setattr(sfn, invoker, _renamed(getattr(sfn, invoker)))


def _renamed(invoke):
    def renamed(resource, input_data):
        try:
            return invoke(resource, input_data)
        except sfn._ExecutionError as err:
            if err.error not in ("ExecutionAlreadyExists", "StateMachineDoesNotExist"):
                raise
            raise sfn._ExecutionError(f"StepFunctions.{err.error}Exception", err.cause) from None

    return renamed


def apply_sdk():
    """aws-sdk:sfn names errors after the Java SDK's classes, which all end in
    Exception: Sfn.ExecutionDoesNotExistException."""
    original = sfn._prefix_sdk_error

    def prefix(service, code):
        name = original(service, code)
        if service == "sfn" and name.startswith("Sfn.") and not name.endswith("Exception"):
            name += "Exception"
        return name

    sfn._prefix_sdk_error = prefix


def apply_aborted():
    """An execution that was stopped stays ABORTED, though a task that was
    under way fails later."""
    original = sfn._fail_execution

    def fail(execution, error, cause):
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    sfn._fail_execution = fail

"""Functions: reserved concurrency, and how a throttle is called."""

import json

from ministack.services import lambda_svc
from ministack.services import stepfunctions as sfn
from ministack.services.cloudformation import provisioners


def apply_reserved():
    """ReservedConcurrentExecutions of a template takes effect: the emulator
    has the limit, CloudFormation does not set it."""
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]

    def reserve(name, props):
        function = lambda_svc._functions.get(name)
        if function is not None:
            reserved = props.get("ReservedConcurrentExecutions")
            function["concurrency"] = None if reserved is None else int(reserved)

    create, update = handlers["create"], handlers["update"]

    def create_reserved(logical_id, props, stack_name):
        name, attributes = create(logical_id, props, stack_name)
        reserve(name, props)
        return name, attributes

    def update_reserved(physical_id, old_props, new_props, *args, **kwargs):
        name, attributes = update(physical_id, old_props, new_props, *args, **kwargs)
        reserve(name, new_props)
        return name, attributes

    handlers["create"], handlers["update"] = create_reserved, update_reserved


def apply_throttle():
    """A throttled function fails its task as Lambda.TooManyRequestsException,
    not as Lambda.Unknown."""
    original = sfn._call_lambda

    def call(ref, event):
        try:
            return original(ref, event)
        except sfn._ExecutionError as err:
            if err.error != "Lambda.Unknown":
                raise
            try:
                body = json.loads(err.cause)
            except ValueError:
                raise err from None
            if not isinstance(body, dict) or body.get("__type") != "TooManyRequestsException":
                raise
            raise sfn._ExecutionError(
                "Lambda.TooManyRequestsException",
                "Rate Exceeded. (Service: Lambda, Status Code: 429, Request ID: emulated)") from None

    sfn._call_lambda = call

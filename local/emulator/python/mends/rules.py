"""EventBridge: undelivered events, and entries that PutEvents refused."""

import contextvars
import json

from ministack.core.responses import get_account_id
from ministack.services import eventbridge, sqs
from ministack.services import stepfunctions as sfn

_failure = contextvars.ContextVar("sitefence_target_failure", default=None)


def apply_dead_letters():
    """An event that a rule cannot hand to its state machine goes to the
    target's dead-letter queue. What can fail here is not worth a retry (the
    machine is gone, its name is taken), so none is made; AWS does the same for
    a target that does not exist."""
    invoke = eventbridge._invoke_target

    def to_machine(arn, payload):
        if sfn._resolve_state_machine_arn(arn) is None:
            _failure.set(("RESOURCE_NOT_FOUND", f"State Machine Does Not Exist: '{arn}'"))
            return
        status, _, body = sfn._start_execution({"stateMachineArn": arn, "input": payload})
        if status >= 400:
            answer = json.loads(body)
            _failure.set((answer.get("__type", "SDK_CLIENT_ERROR"), answer.get("message", "")))

    def to_target(target, event, rule, view=None):
        token = _failure.set(None)
        try:
            invoke(target, event, rule, view)
            failure, queue = _failure.get(), (target.get("DeadLetterConfig") or {}).get("Arn")
        finally:
            _failure.reset(token)
        if failure and queue:
            _bury(queue, target, event, rule, view, failure)

    eventbridge._dispatch_to_stepfunctions, eventbridge._invoke_target = to_machine, to_target


def _bury(queue_arn, target, event, rule, view, failure):
    queue, source = sqs._queue_by_arn(queue_arn), rule.get("Arn", "")
    allowed = sqs.queue_policy_allows(queue_arn, "events.amazonaws.com", source, get_account_id())
    if queue is None or not allowed:
        eventbridge.logger.error("EventBridge: dead letter lost, %s does not take it", queue_arn)
        return
    view = view or eventbridge._pattern_event_view(event)
    attributes = {
        "RULE_ARN": source, "TARGET_ARN": target.get("Arn", ""),
        "ERROR_CODE": failure[0], "ERROR_MESSAGE": failure[1],
    }
    sqs._act_send_message({
        "QueueUrl": sqs._queue_url(queue_arn.rsplit(":", 1)[-1]),
        "MessageBody": json.dumps(view.event_with_detail()),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        },
    }, "")


def apply_failed_entries():
    """events:putEvents fails its task as EventBridge.FailedEntry when an entry
    was refused; PutEvents itself answers 200 then."""
    resource = "arn:aws:states:::events:putEvents"
    original = sfn._SERVICE_DISPATCH[resource]

    def put(name, input_data):
        result = original(name, input_data)
        if result.get("FailedEntryCount", 0) > 0:
            raise sfn._ExecutionError("EventBridge.FailedEntry", json.dumps(result))
        return result

    sfn._SERVICE_DISPATCH[resource] = put

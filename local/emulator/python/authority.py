"""Says what the emulator's IAM makes of a call to a service that the emulator
does not have: ours. It is asked by the service, with the access key of the
caller's signature; the emulator knows whose role a function's key belongs to."""

import json
from urllib.parse import parse_qs

PATH = "/_sitefence/authorize"


def judge(query_string):
    """Answers {"refusal": ""} for what is allowed, else AWS's words for it."""
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator, responses

    query = {name: values[0] for name, values in parse_qs(query_string).items()}
    key, action, resource = query["key"], query["action"], query["resource"]
    service = action.partition(":")[0]
    responses.set_request_account_id(app._request_account_scope(key))
    denied = iam_evaluator.enforce(key, action, service, query["region"], resource_arn=resource)
    if denied is None:
        return {"refusal": ""}
    if isinstance(denied, iam_evaluator.AuthError):
        return {"refusal": denied.message}
    return {"refusal": iam_actions.identity_denial_message(
        action, denied.principal_arn, resource, denied.decision == "Deny")}


async def answer(scope, send):
    body = json.dumps(judge(scope["query_string"].decode())).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})

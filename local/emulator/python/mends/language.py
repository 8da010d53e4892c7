"""The states language, JSONata: small departures from the specification."""

from jsonata.parser import Parser

from ministack.services import stepfunctions as sfn


def _jsonata(state_def, ctx):
    return sfn._state_query_language(state_def, ctx) == "JSONata"


def apply_assign():
    """All expressions of an Assign see the variables as they were before it;
    the emulator let a later one see what an earlier one had just set."""
    original = sfn._apply_state_assign

    def assign(state_def, raw_input, ctx, result=None, error_output=None):
        fields = state_def.get("Assign")
        if ctx is None or not isinstance(fields, dict):
            return original(state_def, raw_input, ctx, result, error_output)
        before = ctx.setdefault("variables", {})
        after = {}
        for name, template in fields.items():
            scope = {**ctx, "variables": dict(before)}
            original({**state_def, "Assign": {name: template}}, raw_input, scope, result, error_output)
            if name in scope["variables"]:
                after[name] = scope["variables"][name]
        before.update(after)
        return None

    sfn._apply_state_assign = assign


def apply_succeed():
    """A Succeed state has an Output too."""
    original = sfn._apply_output_path

    def output(state_def, data, ctx=None):
        if state_def.get("Type") == "Succeed" and _jsonata(state_def, ctx):
            return sfn._apply_jsonata_output(state_def, data, ctx, default=data)
        return original(state_def, data, ctx)

    sfn._apply_output_path = output


def apply_choice():
    """A Choice state's own Output and Assign go with its Default."""
    original = sfn._execute_choice

    def choice(state_def, raw_input, ctx=None):
        if _jsonata(state_def, ctx) and state_def.get("Default"):
            default = {"Condition": True, "Next": state_def["Default"]}
            default.update({key: state_def[key] for key in ("Output", "Assign", "QueryLanguage") if key in state_def})
            state_def = {**state_def, "Choices": [*state_def.get("Choices", []), default]}
        return original(state_def, raw_input, ctx)

    sfn._execute_choice = choice


def apply_max_delay():
    """MaxDelaySeconds bounds the wait before a retry."""
    original = sfn._find_matching_retrier

    def find(retriers, error, counts):
        retrier, index = original(retriers, error, counts)
        if retrier is None or "MaxDelaySeconds" not in retrier:
            return retrier, index
        delay = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** counts.get(index, 0)
        return {**retrier, "IntervalSeconds": min(delay, retrier["MaxDelaySeconds"]), "BackoffRate": 1}, index

    sfn._find_matching_retrier = find


def apply_boolean():
    """A Choice's Condition must yield true or false; nothing else counts as
    either."""

    def rule(choice, raw_input, ctx):
        value = sfn._apply_jsonata_template(choice.get("Condition", False), raw_input, ctx)
        if not isinstance(value, bool):
            raise sfn._ExecutionError(
                "States.QueryEvaluationError",
                "The JSONata expression specified for the field 'Condition' returned an unexpected "
                f"result type. Expected 'boolean', but was '{sfn._json_type(value)}'")
        return value

    sfn._evaluate_jsonata_choice_rule = rule


def apply_version():
    """AWS has JSONata 2.0.6 without $eval: neither a ?? b nor a ?: b."""

    def refuse(operator):
        def led(self, left):
            raise ValueError(f"S0201: Syntax error: \"{operator}\"")

        return led

    def no_eval(*_):
        raise ValueError("T1006: Attempted to invoke a non-function")

    Parser.InfixCoalesce.led, Parser.InfixDefault.led = refuse("??"), refuse("?:")
    original = sfn._register_sfn_jsonata_functions

    def register(expression):
        original(expression)
        expression.register_lambda("eval", no_eval)

    sfn._register_sfn_jsonata_functions = register

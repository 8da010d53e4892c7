"""Where ministack differs from AWS in a way that Sitefence relies on.

A mend makes the emulator behave as AWS is documented to; it never makes it
friendlier than AWS, and where it was friendlier a mend takes that away. Each is applied once, before the server starts.
"""

from . import functions, language, limits, logs, names, redrive, rules

ALL = {
    "execution-names": names.apply,
    "sdk-error-names": names.apply_sdk,
    "aborted-stays-aborted": names.apply_aborted,
    "reserved-concurrency": functions.apply_reserved,
    "throttle-name": functions.apply_throttle,
    "rule-dead-letters": rules.apply_dead_letters,
    "failed-entries": rules.apply_failed_entries,
    "assign-at-once": language.apply_assign,
    "succeed-output": language.apply_succeed,
    "choice-default-output": language.apply_choice,
    "choice-boolean": language.apply_boolean,
    "jsonata-version": language.apply_version,
    "max-delay": language.apply_max_delay,
    "data-limits": limits.apply,
    "expression-time": limits.apply_time,
    "redrive": redrive.apply,
    "log-streams": logs.apply,
}

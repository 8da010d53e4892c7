"""Lets AWS's command line judge command lines, without any network.

Standard input is a JSON list of lists of arguments; standard output is a JSON
list of what is wrong with each, or "". A command line is right if the request
was made and only the sending is left: by then the operation, every option, the
shape of every value and --query have been looked at.
"""
import contextlib
import io
import json
import sys

from awscli.clidriver import create_clidriver

REACHED = "the request is made"


def stop(**_):
    raise RuntimeError(REACHED)


driver = create_clidriver()
driver.session.register("before-send.*.*", stop)
verdicts = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            driver.main(arguments)
        except SystemExit:
            pass  # argparse
    said = err.getvalue().strip()
    verdicts.append("" if said.endswith(REACHED) else said[-300:] or "no request was made")
json.dump(verdicts, sys.stdout)

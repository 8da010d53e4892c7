"""Starts the AWS emulator for Sitefence, with its known faults mended.

The mends patch the inside of one exact version of ministack, so any other
version is refused. Each mend can be left out (SITEFENCE_LEAVE_OUT, names
separated by commas): the tests do that to learn when a newer version of the
emulator no longer needs one.
"""

import asyncio
import os
import signal
import subprocess
import sys
import weakref
from importlib.metadata import version

import authority

WANTED = "1.5.33"


def settings():
    """Takes our settings out of the environment, which the Lambdas inherit."""
    leave_out = os.environ.pop("SITEFENCE_LEAVE_OUT", "")
    identity = os.environ.pop("SITEFENCE_IDENTITY", "")
    return {name for name in leave_out.split(",") if name}, identity


def stoppable():
    """Returns what is to be done on SIGTERM: end all children (Lambdas, busy
    ones too), wait for them so that not even a zombie is left, and go. There is
    no state to save, and the server's own way out waits for open requests."""
    children = weakref.WeakSet()
    start = subprocess.Popen.__init__

    def start_noting(self, *args, **kwargs):
        start(self, *args, **kwargs)
        children.add(self)

    subprocess.Popen.__init__ = start_noting

    def stop():
        for child in list(children):
            child.kill()  # does nothing to one that has ended
        for child in list(children):
            try:
                child.wait(2)
            except subprocess.TimeoutExpired:
                pass
        os._exit(0)

    return stop


def identified(app, identity, stop):
    """Lets the one who started this process tell it from another on its port,
    and stop it at once."""

    async def serve(scope, receive, send):
        if scope["type"] == "lifespan":  # after the server has set its own
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        if scope["type"] == "http" and scope["path"] == "/_sitefence/identity":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": identity.encode()})
            return
        if scope["type"] == "http" and scope["path"] == authority.PATH:
            await authority.answer(scope, send)
            return
        await app(scope, receive, send)

    return serve


def main():
    found = version("ministack")
    if found != WANTED:
        sys.exit(f"launcher: ministack {found} is installed; its mends are made for {WANTED}")
    leave_out, identity = settings()

    stop = stoppable()

    import mends
    from ministack import app

    if leave_out == {"all"}:
        leave_out = set(mends.ALL)
    unknown = leave_out - set(mends.ALL)
    if unknown:
        sys.exit(f"launcher: no such mends: {', '.join(sorted(unknown))}")
    for name, apply in mends.ALL.items():
        if name not in leave_out:
            apply()
    app.app = identified(app.app, identity, stop)
    app.main()


if __name__ == "__main__":
    main()

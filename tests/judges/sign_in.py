"""What the judges in Python share that start somebody else's server: registering an app, the console's code for it,
the server's start and end, and a person who signs in there."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ISSUER, NUMBER = os.environ["ISSUER"], os.environ["NUMBER"]


def command(*words):
    """Runs the command line on this judge's server; returns what it printed as JSON."""
    words = [*os.environ["NUMBERCLOAK"].split(), *words, "--json"]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)


def register(redirect_uri, *flags):
    return command("client", "create", "--name", "Judge", "--test", "--redirect-uri", redirect_uri, *flags)


def snippet(app, library):
    """What the console shows for the app, to the letter."""
    return command("client", "snippet", app["client_id"], library)[0]["code"]


def browse(jar, url, stop="never:"):
    """Walks a person's browser until it would leave for `stop`, or nothing is left to press."""
    words = [os.environ["BROWSER"], "--jar", str(jar), url, stop]
    return json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)


def sign_in(jar, start):
    """Opens an app that leads to us, names the number on the way, and returns the title of the page that the app then
    shows."""
    away = browse(jar, start, ISSUER)
    assert "url" in away, f"the app led nowhere: {away}"
    there = browse(jar, f"{away['url']}&login_hint={urllib.parse.quote(NUMBER)}")
    assert there["status"] == 200, there
    return there["page"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(words, url, log, seconds=60, **more):
    """A server while it is wanted: it has to answer at `url`. What it says goes to the file `log`, whose end is shown
    if the judge is not content."""
    with open(log, "w") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, **more)
    try:
        wait(url, process, seconds)
        yield process
    except BaseException:
        print(*log.read_text(errors="replace").splitlines()[-20:], sep="\n")
        raise
    finally:
        # With all that it started itself.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait()


def wait(url, process, seconds=60):
    """Waits until the process answers there."""
    for _ in range(seconds * 10):
        try:
            urllib.request.urlopen(url).close()
            return
        except urllib.error.HTTPError as answer:
            # The page may be for those who are signed in; but a server that is not done starting waits, too.
            if answer.code < 500 and answer.code != 404:
                return
        except OSError:
            pass
        assert process.poll() is None, "it ended by itself"
        time.sleep(0.1)
    raise AssertionError(f"it did not start within {seconds} s")


def judge(cases):
    """Runs every case, whatever became of the one before; then the process ends."""
    failed = 0
    for name, run in cases.items():
        try:
            run()
            print(f"ok - {name}")
        except Exception as error:
            failed += 1
            print(f"not ok - {name}: {error}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)

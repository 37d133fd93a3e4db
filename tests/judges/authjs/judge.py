"""A Next.js app with the code that the console shows for Auth.js: compiled with its types, started, and signed in to."""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from sign_in import NUMBER, free_port, judge, register, running, sign_in, snippet

SITE = pathlib.Path(__file__).parent / ".judge"
NEXT = SITE / "node_modules/next/dist/bin/next"


def write(code):
    """Each file is named by the comment that it begins with."""
    names = list(re.finditer(r"^// ([\w./\[\]-]+\.ts)\b", code, re.MULTILINE))
    assert [name[1] for name in names] == ["auth.ts", "app/api/auth/[...nextauth]/route.ts"], code
    ends = [*(name.start() for name in names[1:]), len(code)]
    for name, end in zip(names, ends):
        path = SITE / name[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code[name.start():end])


def signs_in(method):
    port = free_port()
    # Next.js calls every loopback address localhost.
    base = f"http://localhost:{port}"
    app = register(f"{base}/api/auth/callback/numbercloak", "--token-endpoint-auth-method", method)
    write(snippet(app, "authjs"))
    environment = {
        **os.environ,
        "OIDC_CLIENT_SECRET": app["client_secret"],
        "AUTH_SECRET": os.urandom(32).hex(),
        "AUTH_URL": base,
    }
    compiled = subprocess.run(["node", NEXT, "build"], cwd=SITE, env=environment, capture_output=True, text=True)
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        words = ["node", NEXT, "start", "-H", "127.0.0.1", "-p", str(port)]
        with running(words, f"{base}/api/auth/providers", folder / "log", cwd=SITE, env=environment):
            page = sign_in(folder / "jar", f"{base}/")
    assert page == NUMBER, page


METHODS = "client_secret_basic", "client_secret_post"
judge({f"the console's code in a Next.js app, {method}": functools.partial(signs_in, method) for method in METHODS})

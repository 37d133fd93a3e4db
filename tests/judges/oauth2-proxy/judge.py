"""oauth2-proxy, started with the flags that the console shows for an app, guards a page: a person opens it and is led
through us and back."""

import base64
import functools
import html
import http.server
import json
import os
import pathlib
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from sign_in import NUMBER, free_port, judge, register, running, sign_in, snippet

PROGRAM = pathlib.Path(__file__).parent / ".judge"


class Guarded(http.server.BaseHTTPRequestHandler):
    """The app behind the proxy: shows whom it was told about, by header and by ID token."""

    def do_GET(self):
        _, _, token = self.headers.get("Authorization", "").partition("Bearer ")
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        same = claims["sub"] == self.headers.get("X-Forwarded-User")
        title = f"{claims['phone_number']} {'is' if same else 'is not'} the user"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<title>{html.escape(title)}</title>".encode())

    def log_message(self, *_):
        pass


def guards(method):
    port = free_port()
    app = register(f"http://127.0.0.1:{port}/oauth2/callback", "--token-endpoint-auth-method", method)
    environment = {
        **os.environ,
        "PATH": f"{PROGRAM}:{os.environ['PATH']}",
        "OIDC_CLIENT_SECRET": app["client_secret"],
        "COOKIE_SECRET": os.urandom(16).hex(),
        "UPSTREAM": f"http://127.0.0.1:{behind.server_port}",
        "OAUTH2_PROXY_HTTP_ADDRESS": f"127.0.0.1:{port}",
    }
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        words = ["sh", "-c", snippet(app, "oauth2-proxy")]
        with running(words, f"http://127.0.0.1:{port}/ping", folder / "log", env=environment):
            page = sign_in(folder / "jar", f"http://127.0.0.1:{port}/")
    assert page == f"{NUMBER} is the user", page


behind = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
threading.Thread(target=behind.serve_forever, daemon=True).start()
METHODS = "client_secret_basic", "client_secret_post"
judge({f"the console's flags guard a page, {method}": functools.partial(guards, method) for method in METHODS})

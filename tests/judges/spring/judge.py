"""A Spring Boot app of one class, whose application.yml is what the console shows for Spring Security."""

import functools
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
from sign_in import NUMBER, free_port, judge, register, running, sign_in, snippet

BUILT = pathlib.Path(__file__).parent.resolve() / ".judge"


def signs_in(method):
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    app = register(f"{base}/login/oauth2/code/numbercloak", "--token-endpoint-auth-method", method)
    environment = {
        **os.environ,
        "OIDC_CLIENT_SECRET": app["client_secret"],
        "SERVER_ADDRESS": "127.0.0.1",
        "SERVER_PORT": str(port),
    }
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        (folder / "application.yml").write_text(snippet(app, "spring"))
        words = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{BUILT}/classes:{BUILT}/jars/*", "judges.Judge"]
        with running(words, f"{base}/login", folder / "log", cwd=folder, env=environment):
            page = sign_in(folder / "jar", f"{base}/")
    assert page == f"{NUMBER} is the user", page


METHODS = "client_secret_basic", "client_secret_post"
judge({f"the console's application.yml signs people in, {method}": functools.partial(signs_in, method) for method in METHODS})

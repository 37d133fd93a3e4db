"""Keycloak brokers a sign-in: its realm is the one in docs/keycloak, its users come from us."""

import base64
import hashlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile

ISSUER, NUMBER, BACK = os.environ["ISSUER"], os.environ["NUMBER"], "http://127.0.0.1:9999/callback"
REALM = pathlib.Path(__file__).parents[3] / "docs/keycloak/numbercloak-realm.json"


def main():
    with tempfile.TemporaryDirectory(prefix="keycloak-", dir="/var/tmp") as folder:
        folder = pathlib.Path(folder)
        with zipfile.ZipFile(os.environ["KEYCLOAK_ZIP"]) as archive:
            archive.extractall(folder)
        home = next(folder.glob("keycloak-*"))
        (home / "data/import").mkdir(parents=True)
        (home / "data/import/realm.json").write_text(REALM.read_text())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        realm = f"http://localhost:{port}/realms/numbercloak-demo"
        app = register(f"{realm}/broker/numbercloak/endpoint")
        environment = {**os.environ, "NUMBERCLOAK_ISSUER": ISSUER, "NUMBERCLOAK_CLIENT_ID": app["client_id"],
                       "NUMBERCLOAK_CLIENT_SECRET": app["client_secret"]}
        log = open(folder / "log", "w+")
        keycloak = subprocess.Popen(
            ["sh", str(home / "bin/kc.sh"), "start-dev", "--import-realm", f"--http-port={port}", "--http-host=127.0.0.1"],
            env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            wait(f"{realm}/.well-known/openid-configuration", keycloak)
            first, again = sign_in(realm, folder / "jar"), sign_in(realm, folder / "jar2")
            assert first["phone_number"] == NUMBER, first
            assert first["sub"] == again["sub"], "the same person is the same user"
            print("ok - Keycloak signs a user in through us, twice, as the same user")
        except BaseException:
            log.seek(0)
            print(*log.read().splitlines()[-15:], sep="\n")
            raise
        finally:
            os.killpg(keycloak.pid, 15)
            keycloak.wait()


def register(uri):
    command = [*os.environ["NUMBERCLOAK"].split(), "client", "create", "--name", "Keycloak", "--test", "--json", "--redirect-uri", uri]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def wait(url, keycloak):
    for _ in range(240):
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            assert keycloak.poll() is None, "Keycloak ended"
            time.sleep(1)
    raise AssertionError("Keycloak did not start")


def sign_in(realm, jar):
    verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"client_id": "shop", "redirect_uri": BACK, "response_type": "code", "scope": "openid", "state": "s",
             "kc_idp_hint": "numbercloak", "login_hint": NUMBER, "code_challenge": challenge, "code_challenge_method": "S256"}
    start = f"{realm}/protocol/openid-connect/auth?{urllib.parse.urlencode(asked)}"
    found = json.loads(subprocess.run([os.environ["BROWSER"], "--jar", str(jar), start, BACK], check=True, capture_output=True).stdout)
    answer = urllib.parse.parse_qs(urllib.parse.urlsplit(found.get("url", "")).query)
    assert "code" in answer, found
    form = {"grant_type": "authorization_code", "client_id": "shop", "redirect_uri": BACK, "code": answer["code"][0], "code_verifier": verifier}
    with urllib.request.urlopen(f"{realm}/protocol/openid-connect/token", urllib.parse.urlencode(form).encode()) as tokens:
        body = json.load(tokens)["id_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


try:
    main()
    print("1 passed, 0 failed")
except Exception as error:
    print(f"not ok - {error!r}\n0 passed, 1 failed")
    sys.exit(1)

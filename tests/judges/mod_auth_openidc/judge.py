"""Apache with mod_auth_openidc protects a page; a person opens it and is led through us and back."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import sign_in
from sign_in import ISSUER, NUMBER, browse, free_port, snippet, wait

MODULES = "/usr/lib/apache2/modules"
passed, failed = 0, 0

CONFIG = """
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
ServerRoot {root}
DocumentRoot {root}/site
PidFile {root}/pid
User www-data
Group www-data
ErrorLog {root}/error.log
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule mime_module {modules}/mod_mime.so
LoadModule include_module {modules}/mod_include.so
LoadModule auth_openidc_module {modules}/mod_auth_openidc.so
TypesConfig /etc/mime.types
AddOutputFilter INCLUDES .shtml
AddType text/html .shtml
{rp}
OIDCAuthRequestParams login_hint={hint}
{more}
<Directory {root}/site>
    Options +Includes
    Require all granted
</Directory>
"""
RP = """
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client_id}
OIDCClientSecret {secret}
OIDCRedirectURI http://127.0.0.1:{port}/callback
OIDCCryptoPassphrase judge-judge-judge-judge-judge-judge
OIDCScope "openid phone"
OIDCPKCEMethod S256
OIDCUserInfoRefreshInterval 1
OIDCPassClaimsAs environment
OIDCDefaultLoggedOutURL http://127.0.0.1:{port}/out.shtml
<Location /protected>
    AuthType openid-connect
    Require valid-user
</Location>
<Location /callback>
    AuthType openid-connect
    Require valid-user
</Location>
"""
PAGE = '<html><head><title><!--#echo var="OIDC_CLAIM_phone_number" --> <!--#echo var="OIDC_CLAIM_iss" --></title></head></html>'


def register(port, *flags):
    base = f"http://127.0.0.1:{port}"
    return sign_in.register(f"{base}/callback", "--post-logout-redirect-uri", f"{base}/out.shtml", *flags)


def own_settings(app, port):
    return RP.format(issuer=ISSUER, client_id=app["client_id"], secret=app["client_secret"], port=port)


def console_s_code(app, *_):
    """What the console shows for the app, to the letter."""
    os.environ["OIDC_CLIENT_SECRET"] = app["client_secret"]
    os.environ["OIDC_CRYPTO_PASSPHRASE"] = "judge-judge-judge-judge-judge-judge"
    return snippet(app, "mod_auth_openidc")


def leave_by_the_app(jar, base):
    leave = urllib.parse.quote(f"{base}/out.shtml")
    page = browse(jar, f"{base}/callback?logout={leave}")
    assert page.get("page") == "out", page


def leave_at_us(jar, base):
    """The person signs out on our page: the app hears of it server to server."""
    info = f"{base}/callback?info=json"
    assert browse(jar, info)["status"] == 200, "signed in"
    page = browse(jar, f"{ISSUER}/logout")
    assert page["status"] == 200, page
    for _ in range(100):
        if browse(jar, info)["status"] == 401:
            return
        time.sleep(0.1)
    raise AssertionError("the app was not told")


def check(name, more, *flags, rp=own_settings, leave=leave_by_the_app):
    global passed, failed
    with tempfile.TemporaryDirectory(prefix="judge-", dir="/var/tmp") as root:
        root = pathlib.Path(root)
        root.chmod(0o755)
        (root / "site/protected").mkdir(parents=True)
        (root / "site/protected/index.shtml").write_text(PAGE)
        (root / "site/out.shtml").write_text("<title>out</title>")
        port = free_port()
        flags = [flag.format(port=port) for flag in flags]
        apache = None
        try:
            app = register(port, *flags)
            (root / "conf").write_text(CONFIG.format(
                port=port, root=root, modules=MODULES, rp=rp(app, port),
                hint=urllib.parse.quote(NUMBER), more=more))
            apache = subprocess.Popen(["apache2", "-f", str(root / "conf"), "-DFOREGROUND"], stderr=subprocess.PIPE)
            wait(f"http://127.0.0.1:{port}/out.shtml", apache)
            jar = root / "jar"
            page = browse(jar, f"http://127.0.0.1:{port}/protected/index.shtml")
            assert page.get("page") == f"{NUMBER} {ISSUER}", page
            leave(jar, f"http://127.0.0.1:{port}")
            passed += 1
            print(f"ok - {name}")
        except Exception as error:  # the next case is still worth running
            failed += 1
            print(f"not ok - {name}: {error!r}")
            if apache and apache.poll() is not None:
                print(apache.stderr.read().decode())
            log = root / "error.log"
            if log.exists():
                print(*log.read_text().splitlines()[-5:], sep="\n")
        finally:
            if apache:
                apache.terminate()
                apache.wait()


check("client_secret_basic", "OIDCProviderTokenEndpointAuth client_secret_basic")
check("client_secret_post", "OIDCProviderTokenEndpointAuth client_secret_post", "--token-endpoint-auth-method", "client_secret_post")
check("ID tokens with ES256", "OIDCIDTokenSignedResponseAlg ES256", "--id-token-alg", "ES256")
check("form_post", "OIDCResponseMode form_post")
check("signed userinfo", "OIDCUserInfoSignedResponseAlg RS256", "--userinfo-alg", "RS256")
check("back-channel logout", "OIDCInfoHook iat userinfo", "--backchannel-logout-uri",
      "http://127.0.0.1:{port}/callback?logout=backchannel", leave=leave_at_us)
# It protects the whole site, the page after signing out too.
check("the console's own code", "OIDCPassClaimsAs environment", rp=console_s_code, leave=lambda *_: None)
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)

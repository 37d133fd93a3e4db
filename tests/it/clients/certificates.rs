//! Mutual TLS (RFC 8705 sections 2 and 5), over the wire: the listener takes any certificate whose key
//! the client holds, and judges it when the client is known.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use numbercloak::admin::clients::NewClient;
use numbercloak::secret::b64;
use numbercloak::store::clients::{AuthMethod, CertificateSubject};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PublicKeyData as _,
};
use serde_json::json;

use super::{kept_out, knock, let_in, metadata};
use crate::support::app::{App, new_client};
use crate::support::wire::Raw;

/// A certificate with its key.
struct Held {
    certificate: Certificate,
    key: KeyPair,
}

impl Held {
    /// Made by its holder.
    fn alone(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params(name).self_signed(&key).unwrap();
        Self { certificate, key }
    }

    fn pem(&self) -> String {
        format!("{}{}", self.certificate.pem(), self.key.serialize_pem())
    }

    /// A JWK set with its key.
    fn jwks(&self) -> serde_json::Value {
        // The uncompressed point stands at the end of the public key's DER.
        let der = self.key.subject_public_key_info();
        let point = &der[der.len() - 64..];
        json!({"keys": [{"kty": "EC", "crv": "P-256", "x": b64(&point[..32]), "y": b64(&point[32..])}]})
    }

    /// A JWK set with the certificate, its key being somebody else's.
    fn jwks_of_certificate(&self) -> serde_json::Value {
        use base64::Engine as _;
        let mut set = Self::alone("other").jwks();
        let der = base64::engine::general_purpose::STANDARD.encode(self.certificate.der());
        set["keys"][0]["x5c"] = json!([der]);
        set
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "GB");
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = params("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate,
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Held {
        let mut params = params(name);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Held { certificate, key }
    }
}

/// The files that the server reads; gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("numbercloak-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct World {
    app: App,
    server: rcgen::CertifiedKey<KeyPair>,
    _folder: Folder,
}

impl World {
    async fn start(name: &str, authority: &Authority) -> Self {
        let folder = Folder::new(name);
        let server = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = folder.write("server.crt", &server.cert.pem());
        let key = folder.write("server.key", &server.signing_key.serialize_pem());
        let authorities = folder.write("ca.crt", &authority.certificate.pem());
        let app = App::builder()
            .config("mtls.listen", "127.0.0.1:0")
            .config("mtls.url", "https://mtls.localhost")
            .config("mtls.certificate_file", &certificate)
            .config("mtls.key_file", &key)
            .config("mtls.client_ca_file", &authorities)
            .config("limits.client_failures_per_minute", "1000")
            .start()
            .await;
        Self {
            app,
            server,
            _folder: folder,
        }
    }

    /// A token request of a client on the listener, with a certificate or without.
    async fn knock(&self, client_id: &str, held: Option<&Held>) -> Raw {
        let url = format!(
            "https://localhost:{}/token",
            self.app.server.mtls.unwrap().port()
        );
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", "none"),
            ("redirect_uri", "https://shop.example/callback"),
            ("client_id", client_id),
        ];
        Raw::of(self.http(held).post(url).form(&fields)).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test is an outside party with an HTTP client of its own"
    )]
    fn http(&self, held: Option<&Held>) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.server.cert.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder()
            .tls_certs_only([root])
            .no_proxy()
            .resolve("localhost", "127.0.0.1:0".parse().unwrap())
            .timeout(Duration::from_secs(30));
        let builder = match held {
            Some(held) => {
                builder.identity(reqwest::Identity::from_pem(held.pem().as_bytes()).unwrap())
            }
            None => builder,
        };
        builder.build().unwrap()
    }
}

fn client(name: &str, method: AuthMethod) -> NewClient {
    NewClient {
        auth_method: Some(method),
        ..new_client(name)
    }
}

// RFC 8705 section 2.2
#[tokio::test]
async fn a_client_proves_itself_with_a_certificate_it_registered() {
    let world = World::start("self-signed", &Authority::new()).await;
    let (held, other) = (Held::alone("shop"), Held::alone("shop"));
    for (name, jwks) in [
        ("by-key", held.jwks()),
        ("by-certificate", held.jwks_of_certificate()),
    ] {
        let mut new = client(name, AuthMethod::SelfSignedTlsClientAuth);
        new.settings.jwks = Some(jwks);
        let rp = world.app.register(new).await;
        assert_eq!(rp.secret, None);
        let_in(&world.knock(name, Some(&held)).await);
        kept_out(&world.knock(name, Some(&other)).await);
        kept_out(&world.knock(name, None).await);
        // Without the listener there is no certificate, and a secret is no way in.
        kept_out(&knock(&world.app.issuer, &[("client_id", name)]).await);
        let fields = [("client_id", name), ("client_secret", "x")];
        kept_out(&knock(&world.app.issuer, &fields).await);
    }
    // A certificate opens nothing for a client with another method.
    kept_out(&world.knock("shop", Some(&held)).await);
}

// RFC 8705 section 2.1
#[tokio::test]
async fn a_client_proves_itself_with_a_trusted_certificate_that_says_the_registered_name() {
    let authority = Authority::new();
    let world = World::start("pki", &authority).await;
    for (name, subject) in [
        (
            "by-subject",
            CertificateSubject::SubjectDn("CN=bank,C=GB".to_owned()),
        ),
        (
            "by-name",
            CertificateSubject::SanDns("bank.example".to_owned()),
        ),
    ] {
        let mut new = client(name, AuthMethod::TlsClientAuth);
        new.settings.tls_client_auth = Some(subject);
        world.app.register(new).await;
        let_in(
            &world
                .knock(name, Some(&authority.issue("bank", |_| {})))
                .await,
        );
        for wrong in [
            authority.issue("bank2", |_| {}),
            Held::alone("bank"),
            Authority::new().issue("bank", |_| {}),
            authority.issue("bank", |params| {
                params.not_before = rcgen::date_time_ymd(2020, 1, 1);
                params.not_after = rcgen::date_time_ymd(2021, 1, 1);
            }),
            authority.issue("bank", |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            }),
        ] {
            kept_out(&world.knock(name, Some(&wrong)).await);
        }
        kept_out(&world.knock(name, None).await);
    }
}

// RFC 8705 section 5; 2.1.3
#[tokio::test]
async fn discovery_names_the_listener_s_endpoints_and_the_listener_has_no_pages() {
    let world = World::start("aliases", &Authority::new()).await;
    let document = metadata(&world.app).await;
    let aliases = document["mtls_endpoint_aliases"].as_object().unwrap();
    assert_eq!(aliases["token_endpoint"], "https://mtls.localhost/token");
    assert_eq!(
        aliases["userinfo_endpoint"],
        "https://mtls.localhost/userinfo"
    );
    assert!(!aliases.contains_key("authorization_endpoint"));
    let methods = document["token_endpoint_auth_methods_supported"]
        .as_array()
        .unwrap();
    for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
        assert!(methods.contains(&json!(method)), "{method}");
    }
    let port = world.app.server.mtls.unwrap().port();
    let page = Raw::of(
        world
            .http(None)
            .get(format!("https://localhost:{port}/authorize")),
    )
    .await;
    assert_eq!(page.status, 404);
}

#[tokio::test]
async fn a_certificate_in_a_header_counts_only_from_a_trusted_proxy() {
    use base64::Engine as _;
    let held = Held::alone("shop");
    let value = base64::engine::general_purpose::STANDARD.encode(held.certificate.der());
    let header = format!(":{value}:");
    for (trusted, counts) in [("[\"127.0.0.0/8\"]", true), ("[\"192.0.2.1/32\"]", false)] {
        let app = App::builder()
            .config("mtls.proxy_header", "Client-Cert")
            .config("server.trusted_proxies", trusted)
            .start()
            .await;
        let mut new = client("proxied", AuthMethod::SelfSignedTlsClientAuth);
        new.settings.jwks = Some(held.jwks());
        app.register(new).await;
        let request = crate::support::wire::http()
            .post(format!("{}/token", app.issuer))
            .header("client-cert", &header)
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", "none"),
                ("redirect_uri", "https://shop.example/callback"),
                ("client_id", "proxied"),
            ]);
        let answer = Raw::of(request).await;
        if counts {
            let_in(&answer)
        } else {
            kept_out(&answer)
        }
    }
}

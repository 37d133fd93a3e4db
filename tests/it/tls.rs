//! Our own TLS: certificates from files, read again when they change; cookies and headers as https
//! wants them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use numbercloak::clock::Clock;
use numbercloak::config;
use numbercloak::server::{self, Server, Start};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::{TcpListener, TcpStream};

use crate::support::app::{App, NUMBER};
use crate::support::database::Database;
use crate::support::rp::Wish;

/// Writes a new self-signed certificate for localhost and returns it.
fn certificate(folder: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = folder.join("key.pem");
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
    made.cert.pem()
}

async fn start(folder: &Path) -> (Server, String) {
    let database = Database::keyed().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let env = [
        ("NUMBERCLOAK__DATABASE__URL", database.app_url()),
        ("NUMBERCLOAK__KEYS__ROOT_KEY", database.root().reveal()),
    ];
    let file = |name: &str| folder.join(name).display().to_string();
    let flags = [
        ("issuer", issuer.clone()),
        ("server.tls.certificate_file", file("certificate.pem")),
        ("server.tls.key_file", file("key.pem")),
        ("server.shutdown_grace", "5s".to_owned()),
    ];
    let config = config::load(
        None,
        env.map(|(name, value)| (name.to_owned(), value))
            .into_iter(),
        flags.map(|(key, value)| (key.to_owned(), value)).to_vec(),
    )
    .unwrap();
    let server = server::start(Start {
        clock: Clock::system(),
        migrate: false,
        listener: Some(listener),
        management: Some(TcpListener::bind("127.0.0.1:0").await.unwrap()),
        ..Start::new(config)
    })
    .await
    .unwrap();
    (server, issuer)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test is an outside party with an HTTP client of its own"
)]
fn client(trusted: &str) -> reqwest::Client {
    let root = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_certs_only([root])
        .no_proxy()
        .resolve("localhost", "127.0.0.1:0".parse().unwrap())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_server_ends_tls_itself_and_takes_a_renewed_certificate_without_a_restart() {
    let folder = std::env::temp_dir().join(format!("numbercloak-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let first = certificate(&folder);
    let (server, issuer) = start(&folder).await;
    let discovery = format!("{issuer}/.well-known/openid-configuration");

    let answer = client(&first).get(&discovery).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let hsts = answer.headers().get("strict-transport-security").unwrap();
    assert!(hsts.to_str().unwrap().contains("max-age=31536000"));
    let document: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(document["issuer"], issuer);
    assert!(
        client(&certificate_of_somebody_else())
            .get(&discovery)
            .send()
            .await
            .is_err()
    );

    let second = certificate(&folder);
    server.refresh_certificate();
    let answer = client(&second).get(&discovery).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(client(&first).get(&discovery).send().await.is_err());

    // A pair that does not fit leaves the good one in place.
    std::fs::write(folder.join("certificate.pem"), &first).unwrap();
    server.refresh_certificate();
    assert!(client(&second).get(&discovery).send().await.is_ok());
    server.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

fn certificate_of_somebody_else() -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    made.cert.pem()
}

/// Whether the server and a client that knows only these cipher suites come to an understanding.
async fn shakes_hands(
    server: &Server,
    trusted: &str,
    knows: fn(rustls::CipherSuite) -> bool,
) -> bool {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| knows(suite.suite()));
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap())
        .unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(server.address).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    connector.connect(name, stream).await.is_ok()
}

/// FAPI 2.0 security profile section 5.2.1.
#[tokio::test]
async fn of_tls_1_2_only_the_recommended_cipher_suites_are_spoken() {
    let folder = std::env::temp_dir().join(format!("numbercloak-ciphers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let trusted = certificate(&folder);
    let (server, _) = start(&folder).await;
    assert!(
        shakes_hands(&server, &trusted, |suite| format!("{suite:?}")
            .contains("AES_128_GCM"))
        .await
    );
    assert!(
        !shakes_hands(&server, &trusted, |suite| format!("{suite:?}")
            .contains("CHACHA20"))
        .await
    );
    server.stop().await;
    std::fs::remove_dir_all(&folder).unwrap();
}

/// Everything that a certified provider does in a sign-in, over https with our own TLS and as https wants
/// it: every URL, every cookie.
#[tokio::test]
async fn people_sign_in_stay_signed_in_and_leave_over_our_own_tls() {
    const BYE: &str = "https://shop.example/bye";
    let app = App::builder()
        .over_tls()
        .client(|shop| {
            shop.settings.post_logout_redirect_uris = vec![BYE.to_owned()];
            shop.settings.fresh_for_s = 900;
            shop.settings.scopes.push("offline_access".to_owned());
        })
        .start()
        .await;
    let metadata = app.shop.metadata().await;
    for (name, value) in metadata.as_object().unwrap() {
        if name == "issuer" || name.ends_with("_endpoint") || name.ends_with("_uri") {
            assert!(
                value.as_str().unwrap().starts_with("https://localhost:"),
                "{name}"
            );
        }
    }
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER)
        .scopes(&["phone", "offline_access"])
        .prompt("consent");
    let pushed = app.shop.push_departure(&app.shop.depart(&wish).await).await;
    browser.open(&pushed.url).await;
    browser.press("Continue").await;
    let first = app.redeem(&browser, &pushed).await;
    assert_eq!(first.claims["iss"], app.issuer);
    assert_eq!(first.claims["phone_number"], NUMBER);
    let names: Vec<_> = browser
        .cookies("localhost")
        .iter()
        .map(|c| c.name.clone())
        .collect();
    assert!(
        names.len() >= 2 && names.iter().all(|name| name.starts_with("__Host-")),
        "{names:?}"
    );
    let set = browser
        .hops
        .iter()
        .flat_map(|hop| hop.headers.get_all("set-cookie"));
    for cookie in set.map(|value| value.to_str().unwrap()) {
        assert!(
            cookie.contains("; Secure") && cookie.contains("; HttpOnly"),
            "{cookie}"
        );
    }
    // Silently again, by POST from the app's site and answered by a form.
    let wish = Wish::of(NUMBER)
        .scopes(&["phone"])
        .prompt("none")
        .with("response_mode", "form_post")
        .with("max_age", "10000");
    let again = app.shop.depart(&wish).await;
    let form = crate::support::html::Form {
        action: format!("{}/authorize", app.issuer),
        method: "post".to_owned(),
        fields: again.parameters(),
        buttons: Vec::new(),
    };
    browser.open(format!("{}/authorize", app.issuer)).await;
    browser.send(&form, None, &[]).await;
    let fields = browser.page().document.forms[0].fields.clone();
    let code = app.shop.answer_of(&again, fields).code().to_owned();
    let second = app.shop.redeem(&again, &code).await;
    assert_eq!(second.claims["auth_time"], first.claims["auth_time"]);
    assert_eq!(second.claims["sid"], first.claims["sid"]);
    let leave = url::Url::parse_with_params(
        &format!("{}/logout", app.issuer),
        [
            ("id_token_hint", second.id_token.as_str()),
            ("post_logout_redirect_uri", BYE),
            ("state", "s"),
        ],
    );
    browser.open(leave.unwrap()).await;
    assert_eq!(browser.left().as_str(), format!("{BYE}?state=s"));
    let silent = app
        .open(&mut browser, &Wish::of(NUMBER).prompt("none"))
        .await;
    assert_eq!(app.answer(&browser, &silent).error().0, "login_required");
}

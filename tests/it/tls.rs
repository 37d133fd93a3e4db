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

use crate::support::database::Database;

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

//! Mutual TLS as client authentication (RFC 8705 section 2).

use crate::clock::Time;
use crate::store::clients::{AuthMethod, Client};
use crate::web::app::App;
use crate::web::client_certificate::ClientCertificate;
use crate::web::client_keys;

/// Whether the certificate on the connection proves the client.
pub(super) async fn accept(
    app: &App,
    client: &Client,
    certificate: Option<&ClientCertificate>,
    now: Time,
) -> Result<(), &'static str> {
    let certificate = certificate.ok_or("the client sent no certificate")?;
    match client.auth_method {
        AuthMethod::SelfSignedTlsClientAuth => {
            // Its end date is not asked for: what counts is that the key is still registered.
            let keys = client_keys::all(app, client, now)
                .await
                .map_err(|_| "no keys of the client can be had to compare its certificate with")?;
            if certificate.is_one_of(keys.keys()) {
                Ok(())
            } else {
                Err("the certificate is not one that the client registered")
            }
        }
        AuthMethod::TlsClientAuth => {
            let wanted = client.settings.tls_client_auth.as_ref();
            let wanted = wanted.ok_or("the client has no certificate subject registered")?;
            let authorities = app.client_authorities.as_ref();
            let authorities =
                authorities.ok_or("no authority of client certificates is configured")?;
            if !authorities.issued(certificate, now) {
                return Err("the certificate is not one of a trusted authority, or not in force");
            }
            if certificate.says(wanted) {
                Ok(())
            } else {
                Err("the certificate's subject is not the registered one")
            }
        }
        _ => Err("the client is registered for another authentication method"),
    }
}

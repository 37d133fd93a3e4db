//! Tokens bound to a client's certificate (RFC 8705 section 3). The certificate is put on the request
//! as the listener for mutual TLS does.

use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use numbercloak::admin::clients::NewClient;
use numbercloak::secret::{b64, sha256};
use numbercloak::web::client_certificate::ClientCertificate;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{code, offline, opened, public, redeeming, refreshing, staying, text};
use crate::support::app::App;
use crate::support::rp::Rp;

fn certificate(name: &str) -> ClientCertificate {
    let key = rcgen::KeyPair::generate().unwrap();
    let made = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    let made = made.self_signed(&key).unwrap();
    ClientCertificate {
        der: made.der().to_vec().into(),
        intermediates: Default::default(),
    }
}

fn bound(mut new: NewClient) -> NewClient {
    new.settings.certificate_bound_access_tokens = true;
    new
}

/// A request on a connection with this certificate.
async fn on(
    app: &App,
    certificate: Option<&ClientCertificate>,
    mut request: Request<Body>,
) -> (StatusCode, Value) {
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(certificate.clone());
    }
    let routes = numbercloak::provider::routes().with_state(app.state().clone());
    let answer = routes.oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 100_000).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn form(rp: &Rp, path: &str, fields: &[(&str, &str)]) -> Request<Body> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let mut request =
        Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    match &rp.secret {
        Some(secret) => {
            use base64::Engine as _;
            let pair = format!("{}:{secret}", rp.client_id);
            let pair = base64::engine::general_purpose::STANDARD.encode(pair);
            request = request.header("authorization", format!("Basic {pair}"));
        }
        None => {
            form.append_pair("client_id", &rp.client_id);
        }
    }
    request.body(form.finish().into()).unwrap()
}

fn userinfo(token: &str) -> Request<Body> {
    Request::builder()
        .method(Method::GET)
        .uri("/userinfo")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap()
}

/// Sections 3 and 3.1.
#[tokio::test]
async fn a_bound_token_works_on_a_connection_with_its_certificate() {
    let app = App::start().await;
    let mut new = bound(offline("bank"));
    new.settings.access_token_format = numbercloak::store::clients::AccessTokenFormat::Jwt;
    let rp = app.register(new).await;
    let (own, other) = (certificate("own"), certificate("other"));
    let (departure, code) = code(&app, &rp, &staying()).await;
    let fields = redeeming(&rp, &departure, &code);
    let (status, told) = on(&app, None, form(&rp, "/token", &fields)).await;
    assert_eq!(
        (status.as_u16(), &told["error"]),
        (400, &json!("invalid_request"))
    );
    let (status, given) = on(&app, Some(&own), form(&rp, "/token", &fields)).await;
    assert_eq!(status, 200, "{given}");
    let token = text(&given, "access_token");
    assert_eq!(text(&given, "token_type"), "Bearer");
    let x5t = b64(&sha256(&own.der));
    assert_eq!(opened(token).1["cnf"], json!({ "x5t#S256": x5t }));
    for (certificate, right) in [(Some(&own), true), (Some(&other), false), (None, false)] {
        let (status, told) = on(&app, certificate, userinfo(token)).await;
        assert_eq!(status == 200, right, "{told}");
        assert_eq!(told["error"] == "invalid_token", !right, "{told}");
    }
    let fields = [("token", token)];
    let (_, told) = on(&app, None, form(&rp, "/introspect", &fields)).await;
    assert_eq!(told["cnf"], json!({ "x5t#S256": x5t }));
    // Section 6.3: a confidential client may come back with a renewed certificate.
    let fields = refreshing(text(&given, "refresh_token"));
    let (status, _) = on(&app, None, form(&rp, "/token", &fields)).await;
    assert_eq!(status, 400);
    let (status, renewed) = on(&app, Some(&other), form(&rp, "/token", &fields)).await;
    assert_eq!(status, 200);
    let (status, _) = on(&app, Some(&other), userinfo(text(&renewed, "access_token"))).await;
    assert_eq!(status, 200);
}

/// Section 4: a public client's refresh token is bound to its certificate.
#[tokio::test]
async fn a_public_client_s_refresh_token_needs_its_certificate() {
    let app = App::start().await;
    let rp = app.register(bound(public("device"))).await;
    let (own, other) = (certificate("own"), certificate("other"));
    let (departure, code) = code(&app, &rp, &staying()).await;
    let fields = redeeming(&rp, &departure, &code);
    let (_, given) = on(&app, Some(&own), form(&rp, "/token", &fields)).await;
    let fields = refreshing(text(&given, "refresh_token"));
    let (status, told) = on(&app, Some(&other), form(&rp, "/token", &fields)).await;
    assert_eq!(
        (status.as_u16(), &told["error"]),
        (400, &json!("invalid_grant"))
    );
    let (status, told) = on(&app, Some(&own), form(&rp, "/token", &fields)).await;
    assert_eq!(status, 200, "{told}");
}

/// A certificate that nobody asked to bind to binds nothing.
#[tokio::test]
async fn a_client_not_registered_so_gets_unbound_tokens() {
    let app = App::start().await;
    let (departure, code) = code(&app, &app.shop, &staying()).await;
    let fields = redeeming(&app.shop, &departure, &code);
    let own = certificate("own");
    let (_, given) = on(&app, Some(&own), form(&app.shop, "/token", &fields)).await;
    let (status, _) = on(&app, None, userinfo(text(&given, "access_token"))).await;
    assert_eq!(status, 200);
}

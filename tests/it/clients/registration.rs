//! Apps that register themselves (2.6; RFC 7591, RFC 7592).

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::{client_registration, clients};
use numbercloak::store::clients::{Confirm, Profile};
use reqwest::Method;
use serde_json::{Value, json};

use super::{kept_out, knock, knock_by_basic, knock_with, let_in, metadata};
use crate::support::app::{App, NUMBER};
use crate::support::client_key::ClientKey;
use crate::support::rp::Wish;
use crate::support::served::Served;
use crate::support::wire::{Raw, count, http};

const HOUR: Duration = Duration::from_secs(3600);

async fn start() -> App {
    App::builder()
        .config("registration.enabled", "true")
        .config("limits.client_failures_per_minute", "1000")
        .start()
        .await
}

async fn token(app: &App, uses: u32) -> String {
    let made = client_registration::create_token(&app.desk(), "tests", uses, HOUR).await;
    made.unwrap().0.reveal()
}

async fn call(method: Method, uri: &str, token: &str, body: Option<&Value>) -> Raw {
    let request = http().request(method, uri).bearer_auth(token);
    Raw::of(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

async fn register(app: &App, token: &str, body: &Value) -> Raw {
    call(
        Method::POST,
        &format!("{}/register", app.issuer),
        token,
        Some(body),
    )
    .await
}

fn minimal() -> Value {
    json!({"redirect_uris": ["https://new.example/cb"]})
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {answer}"))
}

// 2.6: 201, everything echoed, and what was registered works
#[tokio::test]
async fn an_app_registers_itself_and_is_told_everything() {
    let app = start().await;
    assert_eq!(
        metadata(&app).await["registration_endpoint"],
        format!("{}/register", app.issuer)
    );
    let asked = json!({
        "redirect_uris": ["https://new.example/cb", "https://new.example/cb?x=y"],
        "client_name": "New", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "token_endpoint_auth_method": "client_secret_post",
        "contacts": ["it@new.example"], "subject_type": "public",
        "id_token_signed_response_alg": "ES256", "userinfo_signed_response_alg": "PS256",
        "default_max_age": 600, "require_auth_time": true, "initiate_login_uri": "https://new.example/login",
        "post_logout_redirect_uris": ["https://new.example/bye"],
        "backchannel_logout_uri": "https://new.example/logout",
        "backchannel_logout_session_required": true,
        "frontchannel_logout_uri": "https://new.example/front",
        "require_pushed_authorization_requests": true,
        "logo_uri": "https://new.example/i.png", "policy_uri": "https://new.example/p",
        "tos_uri": "https://new.example/t", "client_uri": "https://new.example",
        "software_statement": "x", "unknown": {"a": 1}, "test": true, "confirm": "never",
        "operators": ["simulator"], "profile": "fapi2", "silent_check": true, "fresh_for_s": 3600
    });
    let answer = register(&app, &token(&app, 1).await, &asked).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let told = answer.json();
    const NOT_OURS: [&str; 7] = [
        "software_statement",
        "unknown",
        "test",
        "confirm",
        "operators",
        "profile",
        "silent_check",
    ];
    for (name, value) in asked.as_object().unwrap() {
        if NOT_OURS.contains(&name.as_str()) || name == "fresh_for_s" {
            assert!(told.get(name).is_none(), "{name}");
        } else {
            assert_eq!(told[name], *value, "{name}");
        }
    }
    assert_eq!(told["client_secret_expires_at"], 0);
    assert!(told["client_id_issued_at"].is_i64());
    let client_id = text(&told, "client_id");
    let uri = format!("{}/register/{client_id}", app.issuer);
    assert_eq!(told["registration_client_uri"], uri);
    let fields = [
        ("client_id", client_id),
        ("client_secret", text(&told, "client_secret")),
    ];
    let_in(&knock(&app.issuer, &fields).await);
    // Nothing that staff decide was the app's to say.
    let client = clients::show(&app.desk(), client_id).await.unwrap();
    assert!(!client.test);
    assert_eq!(client.settings.confirm, Confirm::FirstTime);
    assert_eq!(client.settings.profile, Profile::Oidc);
    assert!(client.settings.operators.is_empty() && !client.settings.silent_check);
    assert_eq!(client.settings.fresh_for_s, 900);
    // It is recorded, with its maker.
    let query = Query {
        client_id: Some(client_id.to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    assert_eq!(records[0].body["actor"], "registration");
    assert_eq!(records[0].body["operation"], "CREATE");
}

// 2.6, 2.4.1
#[tokio::test]
async fn auth_time_is_always_told_whatever_an_app_registers() {
    let app = start().await;
    let token = token(&app, 3).await;
    for asked in [json!(null), json!(false), json!(true)] {
        let mut body = minimal();
        body["require_auth_time"] = asked.clone();
        let told = register(&app, &token, &body).await.json();
        assert_eq!(told["require_auth_time"], true, "{asked}");
        let uri = text(&told, "registration_client_uri");
        let own = text(&told, "registration_access_token");
        let read = call(Method::GET, uri, own, None).await;
        assert_eq!(read.status, 200);
        assert_eq!(read.json()["require_auth_time"], true, "{asked}");
    }
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert!(signed_in.claims["auth_time"].is_i64());
}

// 2.6
#[tokio::test]
async fn an_initial_access_token_registers_so_many_apps_and_only_in_its_time() {
    let app = start().await;
    let two = token(&app, 2).await;
    // What is refused uses nothing up.
    assert_eq!(
        register(&app, &two, &json!({"redirect_uris": []}))
            .await
            .status,
        400
    );
    let body = minimal();
    let tries = [0; 5].map(|_| register(&app, &two, &body));
    let [a, b, c, d, e] = tries;
    let (a, b, c, d, e) = tokio::join!(a, b, c, d, e);
    let mut statuses = [a, b, c, d, e].map(|answer| answer.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 401, 401, 401]);
    assert_eq!(count(&app, "client_registrations").await, 2);
    let late = token(&app, 1).await;
    app.clock.advance(HOUR);
    for wrong in [late.as_str(), "x", "", &two] {
        let answer = register(&app, wrong, &body).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (401, "invalid_token")
        );
        assert!(
            answer.headers["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
    }
    let revoked = token(&app, 1).await;
    let id = client_registration::tokens(&app.desk()).await.unwrap()[0].id;
    client_registration::revoke_token(&app.desk(), id)
        .await
        .unwrap();
    assert_eq!(register(&app, &revoked, &body).await.status, 401);
    let nothing = Raw::of(http().post(format!("{}/register", app.issuer)).json(&body)).await;
    assert_eq!(nothing.status, 401);
}

// 2.6: the errors
#[tokio::test]
async fn what_cannot_be_registered_is_refused_with_its_error() {
    let app = start().await;
    let token = token(&app, 1).await;
    let sector = Served::start(&json!(["https://other.example/cb"])).await;
    let with = |name: &str, value: Value| {
        let mut body = minimal();
        body[name] = value;
        body
    };
    for (name, value, error) in [
        (
            "redirect_uris",
            json!(["https://new.example/cb#x"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["http://new.example/cb"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["https://*.example/cb"]),
            "invalid_redirect_uri",
        ),
        (
            "redirect_uris",
            json!(["com.example.app:/cb"]),
            "invalid_redirect_uri",
        ),
        ("redirect_uris", json!([]), "invalid_redirect_uri"),
        (
            "redirect_uris",
            json!("https://new.example/cb"),
            "invalid_client_metadata",
        ),
        (
            "initiate_login_uri",
            json!("http://new.example/login"),
            "invalid_client_metadata",
        ),
        (
            "jwks",
            json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
            "invalid_client_metadata",
        ),
        ("jwks", json!("x"), "invalid_client_metadata"),
        (
            "jwks_uri",
            json!("http://new.example/keys"),
            "invalid_client_metadata",
        ),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            "invalid_client_metadata",
        ),
        (
            "token_endpoint_auth_method",
            json!("client_secret_jwt"),
            "invalid_client_metadata",
        ),
        (
            "id_token_signed_response_alg",
            json!("none"),
            "invalid_client_metadata",
        ),
        (
            "response_types",
            json!(["id_token"]),
            "invalid_client_metadata",
        ),
        (
            "grant_types",
            json!(["implicit"]),
            "invalid_client_metadata",
        ),
        (
            "backchannel_logout_uri",
            json!("http://10.0.0.1/x"),
            "invalid_client_metadata",
        ),
        (
            "frontchannel_logout_uri",
            json!("https://x.example/"),
            "invalid_client_metadata",
        ),
        (
            "post_logout_redirect_uris",
            json!(["javascript:1"]),
            "invalid_client_metadata",
        ),
        (
            "client_name",
            json!("a\u{202e}b"),
            "invalid_client_metadata",
        ),
        ("client_name", json!("a\u{0}b"), "invalid_client_metadata"),
        ("contacts", json!(vec!["x"; 21]), "invalid_client_metadata"),
        (
            "sector_identifier_uri",
            json!(sector.uri),
            "invalid_client_metadata",
        ),
        (
            "sector_identifier_uri",
            json!("https://10.0.0.1/x"),
            "invalid_client_metadata",
        ),
    ] {
        let answer = register(&app, &token, &with(name, value.clone())).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, error),
            "{name} {value}"
        );
        assert!(answer.json()["error_description"].is_string());
    }
    let uri = format!("{}/register", app.issuer);
    for (kind, body) in [
        ("application/json", "{"),
        ("application/json", "[]"),
        ("application/x-www-form-urlencoded", "redirect_uris=x"),
    ] {
        let request = http()
            .post(&uri)
            .bearer_auth(&token)
            .header("content-type", kind)
            .body(body);
        assert_eq!(Raw::of(request).await.status, 400, "{kind} {body}");
    }
    let huge = with("client_uri", json!("x".repeat(70_000)));
    assert_eq!(register(&app, &token, &huge).await.status, 413);
    // Nobody without a token has anything fetched.
    let hits = sector.hits();
    register(&app, "x", &with("sector_identifier_uri", json!(sector.uri))).await;
    assert_eq!(sector.hits(), hits);
    assert_eq!(count(&app, "client_registrations").await, 0);
    assert_eq!(register(&app, &token, &minimal()).await.status, 201);
}

// RFC 7591 section 2: each kind of app
#[tokio::test]
async fn an_app_registers_with_a_key_or_as_a_public_one_and_gets_no_secret() {
    let app = start().await;
    let token = token(&app, 9).await;
    let key = ClientKey::new("one", &app.clock);
    let mut body = minimal();
    body["token_endpoint_auth_method"] = json!("private_key_jwt");
    body["jwks"] = key.jwks();
    let keyed = register(&app, &token, &body).await.json();
    assert!(
        keyed.get("client_secret").is_none() && keyed.get("client_secret_expires_at").is_none()
    );
    let assertion = key.assertion(text(&keyed, "client_id"), &app.issuer);
    let_in(&knock_with(&app.issuer, &assertion).await);
    let mut body = minimal();
    body["token_endpoint_auth_method"] = json!("none");
    let public = register(&app, &token, &body).await.json();
    assert!(public.get("client_secret").is_none());
    let_in(&knock(&app.issuer, &[("client_id", text(&public, "client_id"))]).await);
    let native = json!({
        "redirect_uris": ["com.example.app:/cb", "http://127.0.0.1/cb"], "application_type": "native"
    });
    let native = register(&app, &token, &native).await.json();
    assert_eq!(native["token_endpoint_auth_method"], "none");
    let served = Served::start(&json!(["https://a.example/cb", "https://b.example/cb"])).await;
    let wide = json!({
        "redirect_uris": ["https://a.example/cb", "https://b.example/cb"],
        "sector_identifier_uri": served.uri
    });
    let wide = register(&app, &token, &wide).await.json();
    let stored = clients::show(&app.desk(), text(&wide, "client_id"))
        .await
        .unwrap();
    assert_eq!(stored.sector, "127.0.0.1");
}

// RFC 7592
#[tokio::test]
async fn an_app_reads_replaces_and_ends_its_registration() {
    let app = start().await;
    let initial = token(&app, 2).await;
    let told = register(&app, &initial, &minimal()).await.json();
    let other = register(&app, &initial, &minimal()).await.json();
    let (id, access) = (
        text(&told, "client_id"),
        text(&told, "registration_access_token"),
    );
    let uri = text(&told, "registration_client_uri");
    // Read: what was told, but the secret.
    let read = call(Method::GET, uri, access, None).await;
    assert_eq!(read.status, 200);
    let mut expected = told.clone();
    expected
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("client_secret"));
    assert_eq!(read.json(), expected);
    // Not with another's token, nor without one.
    let theirs = text(&other, "registration_access_token");
    for wrong in [theirs, &initial, "x"] {
        for method in [Method::GET, Method::DELETE] {
            assert_eq!(call(method, uri, wrong, None).await.status, 401);
        }
        assert_eq!(
            call(Method::PUT, uri, wrong, Some(&minimal())).await.status,
            401
        );
    }
    // Replace: what is left out goes back to its default; what staff decided stays.
    let decide = |fields: &mut clients::Editable| {
        fields.settings.confirm = Confirm::Always;
        fields.settings.scopes = vec!["openid".to_owned()];
    };
    clients::update(&app.desk(), id, None, decide)
        .await
        .unwrap();
    let secret = text(&told, "client_secret");
    let new = json!({
        "client_id": id, "client_secret": secret, "redirect_uris": ["https://new.example/other"],
        "client_name": "Renamed", "scope": "openid phone", "logo_uri": "https://new.example/i.png"
    });
    let replaced = call(Method::PUT, uri, access, Some(&new)).await;
    assert_eq!(replaced.status, 200, "{}", replaced.body);
    let replaced = replaced.json();
    assert_eq!(
        replaced["redirect_uris"],
        json!(["https://new.example/other"])
    );
    assert_eq!(
        (&replaced["client_name"], &replaced["scope"]),
        (&json!("Renamed"), &json!("openid"))
    );
    let stored = clients::show(&app.desk(), id).await.unwrap();
    assert_eq!(stored.settings.confirm, Confirm::Always);
    let_in(&knock_by_basic(&app.issuer, id, secret).await);
    for (name, value) in [
        ("client_id", json!("shop")),
        ("client_id", Value::Null),
        ("client_secret", json!("chosen by the app")),
        ("registration_access_token", json!(access)),
        ("client_id_issued_at", json!(1)),
        ("sector_identifier_uri", json!("https://new.example/uris")),
        ("application_type", json!("native")),
        ("redirect_uris", json!(["https://new.example/#x"])),
    ] {
        let mut body = new.clone();
        body[name] = value.clone();
        let answer = call(Method::PUT, uri, access, Some(&body)).await;
        assert_eq!(answer.status, 400, "{name} {value}");
    }
    // End it: the client is nobody any more, and its name stays taken.
    assert_eq!(call(Method::DELETE, uri, access, None).await.status, 204);
    assert_eq!(call(Method::GET, uri, access, None).await.status, 401);
    kept_out(&knock_by_basic(&app.issuer, id, secret).await);
    let mut again = crate::support::app::new_client("again");
    again.client_id = Some(id.to_owned());
    assert!(clients::create(&app.desk(), again).await.is_err());
    // The other one works on.
    let uri = text(&other, "registration_client_uri");
    assert_eq!(call(Method::GET, uri, theirs, None).await.status, 200);
}

// off by default
#[tokio::test]
async fn without_being_switched_on_there_is_no_registration() {
    let app = App::start().await;
    let token = token(&app, 1).await;
    assert_eq!(register(&app, &token, &minimal()).await.status, 404);
    let uri = format!("{}/register/shop", app.issuer);
    assert_eq!(call(Method::GET, &uri, &token, None).await.status, 404);
    assert_eq!(
        count(&app, "initial_access_tokens where uses_left = 1").await,
        1
    );
}

// DESIGN.md section 3: limits
#[tokio::test]
async fn guessing_tokens_is_slowed_down() {
    let app = App::builder()
        .config("registration.enabled", "true")
        .config("limits.client_failures_per_minute", "3")
        .start()
        .await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let answer = register(&app, "x", &minimal()).await;
        assert_eq!(
            answer.status == 429,
            answer.headers.contains_key("retry-after")
        );
        seen.push(answer.status);
    }
    assert_eq!(seen, [401, 401, 401, 429, 429]);
    assert_eq!(
        register(&app, &token(&app, 1).await, &minimal())
            .await
            .status,
        201
    );
}

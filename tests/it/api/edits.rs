//! Edits name the state they saw.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Program, ok, problem};
use crate::support::app::{App, OPERATOR};
use crate::support::wire::Raw;

async fn edit(program: &Program, tag: Option<&str>, name: &str) -> Raw {
    let request = program
        .request(Method::PATCH, "/clients/shop")
        .json(&json!({ "name": name }));
    let request = match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    };
    Raw::of(request).await
}

#[tokio::test]
async fn whoever_did_not_see_the_last_change_changes_nothing() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let tag = program.get("/clients/shop").await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        problem(&edit(&program, None, "A").await),
        (428, "precondition_required".into(), String::new())
    );
    assert_eq!(edit(&program, Some(&tag), "B").await.status, 200);
    for stale in [&tag, "\"r99\"", "W/\"r2\"", "\"2\"", "\"r2\", \"r1\""] {
        let answer = edit(&program, Some(stale), "C").await;
        assert_eq!(
            problem(&answer),
            (412, "stale".into(), String::new()),
            "{stale}"
        );
    }
    assert_eq!(ok(program.get("/clients/shop").await)["name"], "B");
    assert_eq!(edit(&program, Some("*"), "D").await.status, 200);
    let gone = program
        .request(Method::DELETE, "/clients/shop")
        .header("if-match", tag);
    assert_eq!(problem(&Raw::of(gone).await).0, 412);
}

#[tokio::test]
async fn two_edits_of_one_state_at_once_are_one_edit() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let tag = program.get("/clients/shop").await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let (one, two) = tokio::join!(
        edit(&program, Some(&tag), "One"),
        edit(&program, Some(&tag), "Two")
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

async fn put(program: &Program, path: &str, tag: Option<&str>, body: &Value) -> Raw {
    let request = program.request(Method::PUT, path).json(body);
    let request = match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    };
    Raw::of(request).await
}

async fn tag_of(program: &Program, path: &str) -> String {
    let shown = program.get(path).await;
    shown.headers["etag"].to_str().unwrap().to_owned()
}

/// A picture of one pixel, told apart by its colour.
fn pixel(colour: u8) -> String {
    let image = image::RgbImage::from_pixel(1, 1, image::Rgb([colour; 3]));
    let mut png = std::io::Cursor::new(Vec::new());
    image.write_to(&mut png, image::ImageFormat::Png).unwrap();
    STANDARD.encode(png.into_inner())
}

#[tokio::test]
async fn whatever_is_put_replaces_the_state_that_was_seen_and_no_other() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let new = json!({"email": "ann@example.com", "role": "auditor"});
    assert_eq!(program.post("/staff", new).await.status, 201);
    let (one, two) = (json!(["192.0.2.0/24"]), json!(["198.51.100.0/24"]));
    let ranges = format!("/operators/{OPERATOR}/ranges");
    let ann = "/staff/ann@example.com";
    for (shown, path, first, second) in [
        (
            ann,
            "/staff/ann@example.com/unmask",
            json!({"may": true}),
            json!({"may": false}),
        ),
        (
            ann,
            "/staff/ann@example.com/role",
            json!({"role": "admin"}),
            json!({"role": "support"}),
        ),
        (
            "/networks/vpn",
            "/networks/vpn",
            json!({"networks": one}),
            json!({"networks": two}),
        ),
        (
            ranges.as_str(),
            ranges.as_str(),
            json!({"networks": one}),
            json!({"networks": two}),
        ),
        (
            "/clients/shop",
            "/clients/shop/logo",
            json!({"image": pixel(1)}),
            json!({"image": pixel(2)}),
        ),
        (
            "/clients/shop",
            "/clients/shop/sector",
            json!({"sector_identifier_uri": null, "everybody_gets_a_new_sub": true}),
            json!({"sector_identifier_uri": null, "everybody_gets_a_new_sub": true}),
        ),
    ] {
        let blind = put(&program, path, None, &first).await;
        assert_eq!(problem(&blind).0, 428, "{path}");
        let seen = tag_of(&program, shown).await;
        let done = put(&program, path, Some(&seen), &first).await;
        assert!((200..300).contains(&done.status), "{path} {}", done.body);
        let now = tag_of(&program, shown).await;
        assert_eq!(done.headers["etag"].to_str().unwrap(), now, "{path}");
        assert_ne!(now, seen, "{path}");
        let late = put(&program, path, Some(&seen), &second).await;
        assert_eq!(
            problem(&late),
            (412, "stale".into(), String::new()),
            "{path}"
        );
        assert_eq!(tag_of(&program, shown).await, now, "{path}");
        let done = put(&program, path, Some(&now), &second).await;
        assert!((200..300).contains(&done.status), "{path} {}", done.body);
    }
    for path in ["/networks/vpn", ranges.as_str(), "/clients/shop/logo"] {
        let blind = Raw::of(program.request(Method::DELETE, path)).await;
        assert_eq!(problem(&blind).0, 428, "{path}");
        let late = program
            .request(Method::DELETE, path)
            .header("if-match", "\"r1\"");
        assert_eq!(problem(&Raw::of(late).await).0, 412, "{path}");
    }
}

#[tokio::test]
async fn a_telco_finder_is_set_where_there_is_none_and_removed_as_it_was_seen() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let finder =
        |ms: u64| json!({"settings": {"url": "https://finder.example/search", "timeout_ms": ms}});
    let path = "/telco-finder";
    assert_eq!(
        problem(&put(&program, path, None, &finder(900)).await).0,
        428
    );
    let none = Some("\"r0\"");
    assert_eq!(put(&program, path, none, &finder(900)).await.status, 200);
    assert_eq!(
        problem(&put(&program, path, none, &finder(800)).await).0,
        412
    );
    let seen = tag_of(&program, path).await;
    let set = put(&program, path, Some(&seen), &finder(800)).await;
    assert_eq!(ok(set)["settings"]["timeout_ms"], 800);
    let late = program.request(Method::DELETE, path);
    let late = Raw::of(late.header("if-match", seen.as_str())).await;
    assert_eq!(problem(&late).0, 412);
    let now = tag_of(&program, path).await;
    let gone = program.request(Method::DELETE, path);
    assert_eq!(
        Raw::of(gone.header("if-match", now.as_str())).await.status,
        204
    );
    // Another one is another one, whoever still holds the tag of the first.
    ok(put(&program, path, none, &finder(700)).await);
    for seen in [&seen, &now] {
        let late = put(&program, path, Some(seen), &finder(600)).await;
        assert_eq!(problem(&late).0, 412, "{seen}");
    }
}

/// Whoever may edit a record, but never sees its secret, would otherwise have it sent to themselves.
#[tokio::test]
async fn a_stored_secret_is_not_sent_to_another_server() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let path = format!("/operators/{OPERATOR}");
    let patch = async |body: Value| {
        let seen = tag_of(&program, &path).await;
        let request = program.request(Method::PATCH, &path).json(&body);
        Raw::of(request.header("if-match", seen)).await
    };
    let theirs = "https://thief.example/token";
    for settings in [
        json!({"token_endpoint": theirs}),
        json!({"issuer": "https://thief.example"}),
        json!({"checks": {"backchannel_endpoint": theirs}}),
        json!({"token_endpoint": theirs, "token_auth": "client_secret_post"}),
    ] {
        let answer = patch(json!({"settings": settings})).await;
        let (status, _, field) = problem(&answer);
        assert_eq!(
            (status, field.as_str()),
            (422, "client_secret"),
            "{settings}"
        );
    }
    let issuer = ok(program.get(&path).await)["settings"]["issuer"].clone();
    let issuer = issuer.as_str().unwrap().to_owned();
    let moved = json!({"token_endpoint": format!("{issuer}/another/path")});
    ok(patch(json!({"settings": moved})).await);
    let credentials = json!({"client_secret": "given for that server"});
    let moved = json!({"token_endpoint": theirs});
    ok(patch(json!({"settings": moved, "credentials": credentials})).await);

    let path = "/telco-finder";
    let finder = |url: &str, auth: &str, secret: Option<&str>| json!({"settings": {"url": url, "auth": auth}, "secret": secret});
    let (ours, theirs) = ("https://finder.example/a", "https://thief.example/a");
    let set = async |body: Value| {
        let seen = program.get(path).await;
        let seen = seen
            .headers
            .get("etag")
            .map_or("\"r0\"", |tag| tag.to_str().unwrap());
        put(&program, path, Some(seen), &body).await
    };
    ok(set(finder(ours, "bearer", Some("s3cret"))).await);
    ok(set(finder("https://finder.example/b", "bearer", None)).await);
    let answer = set(finder(theirs, "bearer", None)).await;
    assert_eq!(problem(&answer).2, "secret");
    // Not by a detour either: without authentication it may move, and then the secret is gone.
    ok(set(finder(theirs, "none", None)).await);
    assert_eq!(
        problem(&set(finder(theirs, "bearer", None)).await).2,
        "secret"
    );
}

#[tokio::test]
async fn a_passkey_is_renamed_by_whoever_saw_its_name() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let new = json!({"email": "ann@example.com", "role": "auditor"});
    assert_eq!(program.post("/staff", new).await.status, 201);
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into staff_passkeys (id, staff, name, credential_id, passkey, counter, created_at)
        select gen_random_uuid(), id, 'Laptop', '\\x01', '{}', 0, now() from staff",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let all = "/staff/ann@example.com/passkeys";
    let listed = ok(program.get(all).await)["items"][0].clone();
    let path = format!("{all}/{}/name", listed["id"].as_str().unwrap());
    let tag = format!("\"r{}\"", listed["revision"]);
    let named = |name: &str| json!({ "name": name });
    let blind = put(&program, &path, None, &named("Phone")).await;
    assert_eq!(problem(&blind).0, 428);
    let done = put(&program, &path, Some(&tag), &named("Phone")).await;
    assert_eq!(done.status, 204, "{}", done.body);
    let late = put(&program, &path, Some(&tag), &named("Key")).await;
    assert_eq!(problem(&late).0, 412);
    assert_eq!(ok(program.get(all).await)["items"][0]["name"], "Phone");
    let nothing = format!("{all}/00000000-0000-7000-8000-000000000000/name");
    let nothing = put(&program, &nothing, Some(&tag), &named("Key")).await;
    assert_eq!(problem(&nothing).0, 404);
}

#[tokio::test]
async fn a_body_that_is_not_as_documented_is_refused_by_its_field() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let good = json!({"name": "Bank", "redirect_uris": ["https://bank.example/cb"]});
    let with = |name: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status, field) in [
        (json!({"name": "Bank"}), 422, "redirect_uris"),
        (with("redirect_uri", json!("x")), 422, "redirect_uri"),
        (
            with("redirect_uris", json!(["http://bank.example/cb"])),
            422,
            "redirect_uris",
        ),
        (
            with("redirect_uris", json!(["https://*.example/cb"])),
            422,
            "redirect_uris",
        ),
        (with("name", json!("a\u{202e}b")), 422, "name"),
        (with("name", json!("a\u{0}b")), 422, ""),
        (
            with("settings", json!({"confrim": "always"})),
            422,
            "settings",
        ),
        (
            with("settings", json!({"operators": ["nobody"]})),
            422,
            "operators",
        ),
        (
            with("token_endpoint_auth_method", json!("none")),
            422,
            "token_endpoint_auth_method",
        ),
        (with("type", json!("console")), 422, ""),
        (json!([]), 422, ""),
    ] {
        let answer = program.post("/clients", body.clone()).await;
        let (got, _, at) = problem(&answer);
        assert_eq!(
            (got, at.as_str()),
            (status, field),
            "{body} {}",
            answer.body
        );
        assert!(answer.json()["fix"].is_string(), "{}", answer.body);
    }
    let raw = |kind: &'static str, body: &'static str| {
        let request = program.request(Method::POST, "/clients");
        Raw::of(request.header("content-type", kind).body(body))
    };
    assert_eq!(problem(&raw("application/json", "{").await).0, 400);
    assert_eq!(problem(&raw("application/json", "").await).0, 400);
    assert_eq!(
        problem(&raw("application/x-www-form-urlencoded", "name=x").await).0,
        415
    );
    assert_eq!(problem(&raw("text/plain", "{}").await).0, 415);
    let huge = program
        .request(Method::POST, "/clients")
        .header("content-type", "application/json");
    assert_eq!(
        problem(&Raw::of(huge.body("x".repeat(100_000))).await).0,
        413
    );
    assert_eq!(
        ok(program.get("/clients").await)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

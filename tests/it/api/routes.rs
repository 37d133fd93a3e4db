//! Every noun once through: what staff do by the command line, programs do here.

use numbercloak::admin::audit::Query;
use serde_json::json;

use super::{Program, ok, problem};
use crate::support::app::{App, NUMBER, OPERATOR};
use crate::support::command::run;
use crate::support::rp::Wish;

#[tokio::test]
async fn an_app_is_registered_changed_paused_and_ended() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let new = json!({"name": "Bank", "redirect_uris": ["https://bank.example/cb"], "client_id": "bank",
        "settings": {"confirm": "always", "checks": {"sim_swap": {"policy": "report"}}}});
    let made = program.post("/clients", new.clone()).await;
    assert_eq!(
        (made.status, &made.headers["etag"]),
        (201, &"\"r1\"".parse().unwrap())
    );
    assert_eq!(made.headers["location"], "/admin/api/v1/clients/bank");
    let made = made.json();
    assert_eq!(made["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(made["settings"]["confirm"], "always");
    assert_eq!(made["settings"]["checks"]["sim_swap"]["max_age_hours"], 240);
    assert_eq!(made["client_secret"].as_str().unwrap().len(), 43);
    let taken = program.post("/clients", new).await;
    assert_eq!(problem(&taken), (409, "taken".into(), "client_id".into()));
    // Shown again, never with its secret.
    let shown = ok(program.get("/clients/bank").await);
    assert!(shown.get("client_secret").is_none());
    let changed = program
        .patch(
            "/clients/bank",
            json!({"name": "The Bank", "settings": {"confirm": null, "fresh_for_s": 60}}),
        )
        .await;
    assert_eq!(changed.headers["etag"], "\"r2\"");
    let changed = changed.json();
    assert_eq!(changed["name"], "The Bank");
    assert_eq!(changed["settings"]["confirm"], "first_time");
    assert_eq!(changed["settings"]["fresh_for_s"], 60);
    assert_eq!(changed["redirect_uris"], json!(["https://bank.example/cb"]));
    assert!(ok(program.post("/clients/bank/disable", json!({})).await)["disabled_at"].is_string());
    assert!(ok(program.post("/clients/bank/enable", json!({})).await)["disabled_at"].is_null());
    assert_eq!(program.delete("/clients/bank").await.status, 204);
    let ended = ok(program.get("/clients/bank").await);
    assert!(ended["disabled_at"].is_string() && ended["secrets"] == json!([]));
    let nobody = program.get("/clients/nobody").await;
    assert_eq!(problem(&nobody), (404, "not_found".into(), String::new()));
    let query = Query {
        kind: Some("ADMIN_EVENT".to_owned()),
        client_id: Some("bank".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    assert_eq!(records.len(), 5);
    assert!(
        records
            .iter()
            .all(|record| record.body["actor"] == "token:owner")
    );
}

#[tokio::test]
async fn an_app_made_here_signs_people_in_and_its_secret_is_replaced() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let rotated = program
        .post("/clients/shop/secrets", json!({"grace_s": 3600}))
        .await;
    assert_eq!(rotated.status, 201);
    let mut shop = app.shop.clone();
    shop.secret = rotated.json()["client_secret"].as_str().map(str::to_owned);
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let answer = app.answer(&browser, &departure);
    let (status, tokens) = shop.redeem_raw(&departure, answer.code()).await;
    assert_eq!(status, 200, "{tokens}");
    let secrets = ok(program.get("/clients/shop").await)["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 2);
    let old = secrets[0]["id"].as_str().unwrap();
    let left = program
        .delete(&format!("/clients/shop/secrets/{old}"))
        .await;
    assert_eq!(ok(left), json!({"client_id": "shop", "left": 1}));
    let sector = json!({"sector_identifier_uri": null, "everybody_gets_a_new_sub": false});
    let refused = program.put("/clients/shop/sector", sector).await;
    assert_eq!(problem(&refused).2, "everybody_gets_a_new_sub");
}

#[tokio::test]
async fn an_operator_is_added_from_a_preset_tried_paused_and_its_secret_is_never_told() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let presets = ok(program.get("/operator-presets").await);
    assert!(
        presets["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["preset"] == "vodafone")
    );
    let new = json!({"alias": "vf", "preset": "vodafone", "base_url": "https://vf.example",
        "settings": {"client_id": "us"}, "credentials": {"client_secret": "between us and them"}});
    let made = program.post("/operators", new).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(!made.body.contains("between us"));
    let made = made.json();
    assert_eq!(made["name"], "Vodafone");
    assert_eq!(made["has_credentials"], true);
    assert_eq!(
        made["redirect_uri"],
        format!("{}/broker/vf/endpoint", app.issuer)
    );
    let changed = program
        .patch(
            "/operators/vf",
            json!({"settings": {"total_timeout_ms": 9000}}),
        )
        .await;
    assert_eq!(ok(changed)["settings"]["total_timeout_ms"], 9000);
    let odd = program
        .patch("/operators/vf", json!({"settings": {"client_secret": "x"}}))
        .await;
    assert_eq!(problem(&odd), (422, "invalid".into(), "settings".into()));
    assert!(ok(program.post("/operators/vf/pause", json!({})).await)["disabled_at"].is_string());
    assert!(ok(program.post("/operators/vf/resume", json!({})).await)["disabled_at"].is_null());
    let tried = ok(program
        .post(&format!("/operators/{OPERATOR}/test"), json!({}))
        .await);
    assert_eq!(tried["ok"], true, "{tried}");
    let put = program
        .put(
            "/operators/vf/ranges",
            json!({"networks": ["192.0.2.0/25", "192.0.2.128/25"]}),
        )
        .await;
    assert_eq!(ok(put)["networks"], json!(["192.0.2.0/24"]));
    assert_eq!(program.delete("/operators/vf/ranges").await.status, 204);
    assert_eq!(
        ok(program.get("/operators/vf/ranges").await)["networks"],
        json!([])
    );
    let wide = program
        .put("/operators/vf/ranges", json!({"networks": ["0.0.0.0/0"]}))
        .await;
    assert_eq!(problem(&wide).0, 422);
    assert_eq!(problem(&program.get("/telco-finder").await).0, 404);
    let finder = json!({"settings": {"url": "https://finder.example/search", "auth": "bearer"}, "secret": "s3cr3t"});
    let set = ok(program.put("/telco-finder", finder).await);
    assert_eq!(set["has_secret"], true);
    assert!(!set.to_string().contains("s3cr3t"));
    assert_eq!(program.delete("/telco-finder").await.status, 204);
}

#[tokio::test]
async fn keys_are_listed_staged_and_rotated_and_the_system_is_well() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let keys = ok(program.get("/keys").await);
    let next = |keys: &serde_json::Value| {
        let all = keys["signing_keys"].as_array().unwrap().clone();
        all.into_iter()
            .find(|key| key["alg"] == "ES256" && key["status"] == "next")
            .unwrap()["kid"]
            .clone()
    };
    assert!(keys.get("sealed").is_none() && !keys.to_string().contains("\"d\""));
    let before = next(&keys);
    let early = program.post("/keys/rotate", json!({"alg": "ES256"})).await;
    assert_eq!(problem(&early), (409, "too_early".into(), String::new()));
    let staged = ok(program.post("/keys/stage", json!({"alg": "ES256"})).await);
    assert_eq!(staged["made"], false);
    let rotated = ok(program
        .post(
            "/keys/rotate",
            json!({"alg": "ES256", "published_for_s": 0}),
        )
        .await);
    assert_eq!(rotated["active"], before);
    let ended = program
        .post("/keys/rotate", json!({"alg": "ES256", "compromised": true}))
        .await;
    assert_eq!(ok(ended)["old"], before);
    let long = json!({"alg": "ES256", "published_for_s": u64::MAX});
    assert_eq!(problem(&program.post("/keys/rotate", long).await).0, 422);
    let health = ok(program.get("/health").await);
    assert_eq!(
        (&health["ok"], &health["operators"][0]["alias"]),
        (&json!(true), &json!(OPERATOR))
    );
}

#[tokio::test]
async fn staff_and_what_lets_apps_register_are_made_and_ended() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let made = program
        .post(
            "/staff",
            json!({"email": "ann@example.com", "role": "auditor"}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert!(
        made.json()["setup_url"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{}/setup/", app.issuer))
    );
    let odd = program
        .post("/staff", json!({"email": "ann", "role": "auditor"}))
        .await;
    assert_eq!(problem(&odd).2, "email");
    let link = program
        .post("/staff/ann@example.com/setup-link", json!({}))
        .await;
    assert_eq!(link.status, 201);
    let ended = ok(program
        .post("/staff/ann%40example.com/disable", json!({}))
        .await);
    assert!(ended["disabled_at"].is_string());
    assert_eq!(
        ok(program.get("/staff").await)["items"][0]["email"],
        "ann@example.com"
    );
    let token = program
        .post(
            "/initial-access-tokens",
            json!({"note": "for ann", "uses": 2}),
        )
        .await;
    assert_eq!(token.status, 201);
    let id = token.json()["id"].as_str().unwrap().to_owned();
    let listed = ok(program.get("/initial-access-tokens").await);
    assert_eq!(listed["items"][0]["uses_left"], 2);
    assert!(listed["items"][0].get("initial_access_token").is_none());
    let path = format!("/initial-access-tokens/{id}");
    assert_eq!(program.delete(&path).await.status, 204);
    assert_eq!(problem(&program.delete(&path).await).0, 404);
}

#[tokio::test]
async fn sessions_are_found_and_ended_a_number_gets_a_new_owner_and_all_is_on_record() {
    let app = App::builder()
        .client(|new| new.settings.fresh_for_s = 900)
        .start()
        .await;
    let program = Program::owner(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let listed = ok(program.get("/sessions?client_id=shop").await);
    let session = &listed["items"][0];
    assert_eq!(session["operator"], OPERATOR);
    assert!(!listed.to_string().contains(NUMBER.trim_start_matches('+')));
    let found = ok(program
        .post("/sessions/find", json!({"number": NUMBER}))
        .await);
    assert_eq!(found["items"][0]["id"], session["id"]);
    let everyone = program.post("/sessions/end", json!({})).await;
    assert_eq!(problem(&everyone).0, 422);
    let ended = ok(program
        .post("/sessions/end", json!({"id": session["id"]}))
        .await);
    assert_eq!(ended["ended"], json!([session["id"]]));
    assert_eq!(ok(program.get("/sessions").await)["items"], json!([]));
    let unreadable = program
        .post(
            "/numbers/new-owner",
            json!({"number": "what", "reason": "x"}),
        )
        .await;
    assert_eq!(problem(&unreadable).2, "number");
    let moved = program
        .post(
            "/numbers/new-owner",
            json!({"number": NUMBER, "reason": "recycled"}),
        )
        .await;
    assert_eq!(ok(moved)["to"], 1);
    let records = ok(program.get("/audit/records?type=number_verified").await);
    let record = &records["items"][0];
    assert_eq!(record["authentic"], true);
    let login = record["record"]["login_id"].as_str().unwrap();
    let of_login = ok(program.get(&format!("/audit/logins/{login}")).await);
    assert!(of_login["items"].as_array().unwrap().len() >= 3);
    let of_number = ok(program
        .post("/audit/records/find", json!({"number": NUMBER}))
        .await);
    assert!(!of_number["items"].as_array().unwrap().is_empty());
    let page = ok(program.get("/audit/records?limit=1").await);
    let after = page["next"].as_str().unwrap();
    let next = ok(program
        .get(&format!("/audit/records?limit=1&after={after}"))
        .await);
    assert_ne!(next["items"][0]["id"], page["items"][0]["id"]);
}

#[tokio::test]
async fn what_was_used_is_told_per_day_as_a_table_too_and_quotas_alert_once() {
    let app = App::builder()
        .client(|new| new.settings.quota_per_month = Some(1))
        .start()
        .await;
    let program = Program::owner(&app).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let used = ok(program.get("/usage?client_id=shop").await);
    let day = &used["items"][0];
    assert_eq!(
        (&day["verifications"], &day["verified"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&day["billable"], &day["calls"]),
        (&json!(1), &json!({"verify": 1}))
    );
    assert_eq!(
        ok(program.get("/usage?client_id=nobody").await)["items"],
        json!([])
    );
    let table = program
        .request(reqwest::Method::GET, "/usage")
        .header("accept", "text/csv");
    let table = crate::support::wire::Raw::of(table).await;
    assert_eq!(table.headers["content-type"], "text/csv; charset=utf-8");
    assert!(
        table.body.contains(",shop,simulator,1,1,1,0"),
        "{}",
        table.body
    );
    let long = program
        .get("/usage?since=2020-01-01&until=2026-01-01")
        .await;
    assert_eq!(problem(&long), (422, "invalid".into(), "since".into()));
    let quotas = ok(program.get("/usage/quotas").await);
    assert_eq!(
        quotas["items"],
        json!([{"subject": "client", "name": "shop", "quota_per_month": 1, "used": 1}])
    );
    let given = numbercloak::admin::usage::alert(&app.desk()).await.unwrap();
    let again = numbercloak::admin::usage::alert(&app.desk()).await.unwrap();
    // A server of its own accord may have been first.
    assert!(given.len() <= 2 && again.is_empty());
    let query = Query {
        client_id: Some("shop".to_owned()),
        kind: Some("ADMIN_EVENT".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    let alerts = records
        .iter()
        .filter(|record| record.body["details"]["action"] == "quota_reached");
    let mut percents: Vec<_> = alerts
        .map(|record| record.body["details"]["percent"].as_i64())
        .collect();
    percents.sort_unstable();
    assert_eq!(percents, [Some(80), Some(100)]);
}

#[tokio::test]
async fn code_settings_and_hiding_networks_are_told_as_by_the_command_line() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let told = ok(program.get("/clients/shop/snippets").await);
    let line = ["client", "snippet", "shop", "--json"];
    assert_eq!(told["snippets"], run(&app, &line, "").await.json());
    assert!(
        told["environment"]
            .as_str()
            .unwrap()
            .contains("OIDC_CLIENT_ID=shop")
    );
    let missing = program.get("/clients/nobody/snippets").await;
    assert_eq!(problem(&missing).0, 404);

    let settings = ok(program.get("/settings").await);
    let of = |section: &str, key: &str| {
        let all = settings["items"].as_array().unwrap();
        let found = all
            .iter()
            .find(|one| one["section"] == section && one["key"] == key);
        found.unwrap().clone()
    };
    assert_eq!(of("keys", "rotate_every")["value"], "\"0s\"");
    assert_eq!(of("keys", "root_key")["value"], "\"[redacted]\"");
    assert!(!settings.to_string().contains(&app.database.root().reveal()));

    let networks = json!({ "networks": ["192.0.2.0/24", "198.51.100.7"] });
    assert_eq!(
        program.put("/networks/vpn", networks.clone()).await.status,
        204
    );
    let listed = ok(program.get("/networks").await);
    assert_eq!(listed["items"][0]["kind"], "vpn");
    assert_eq!(listed["items"][0]["networks"], 2);
    let by_line = run(&app, &["network", "list", "--json"], "").await.json();
    assert_eq!(by_line[0]["networks"], 2);
    assert_eq!(
        problem(&program.put("/networks/tor", networks).await).0,
        404
    );
    let bad = json!({ "networks": ["192.0.2.0/24\n10.0.0.0/8"] });
    assert_eq!(
        problem(&program.put("/networks/vpn", bad).await).2,
        "networks"
    );
    assert_eq!(program.delete("/networks/vpn").await.status, 204);
    let listed = ok(program.get("/networks").await);
    assert_eq!(listed["items"][0]["networks"], 0);
}

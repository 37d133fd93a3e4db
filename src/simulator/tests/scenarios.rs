//! Every magic number, reached through the front door, and the stage at which it acts.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::*;
use crate::secret::from_b64;
use crate::simulator::scenario::{Effect, Scenario, TABLE};

/// What a client sees of each; a word where the answer is ordinary.
const SEEN: &[(u16, &str)] = &[
    (0, "verify 200 true"),
    (1, "verify 200 false"),
    (2, "share 200 \"+990700002\""),
    (3, "share 200 \"990700003\""),
    (4, "share 403 PERMISSION_DENIED"),
    (5, "share 404 NOT_FOUND"),
    (1000, "callback access_denied"),
    (1001, "callback login_required"),
    (1002, "callback interaction_required"),
    (1003, "callback consent_required"),
    (1004, "callback account_selection_required"),
    (1005, "callback invalid_request"),
    (1006, "callback unauthorized_client"),
    (1007, "callback invalid_scope"),
    (1008, "callback unsupported_response_type"),
    (1009, "callback server_error"),
    (1010, "callback temporarily_unavailable"),
    (1011, "callback invalid_request_object"),
    (1012, "callback request_uri_not_supported"),
    (1020, "callback consent_required"),
    (1021, "callback consent_denied"),
    (1022, "page 403"),
    (1030, "page 400"),
    (1031, "authorize no answer"),
    (1032, "authorize connection lost"),
    (1033, "authorize loop"),
    (1034, "8 redirects, then verify 200 true"),
    (1035, "Location with a space, then verify 200 true"),
    (1036, "relative Location, then verify 200 true"),
    (1040, "callback code iss"),
    (1041, "callback code iss state altered"),
    (1042, "callback code code iss state"),
    (1043, "callback code error iss state"),
    (1044, "callback sim_not_amused"),
    (1045, "callback code iss foreign state"),
    (1046, "page 200 with 2 links and 0 printed"),
    (1047, "page 200 with 1 links and 0 printed"),
    (1048, "page 200 with 0 links and 1 printed"),
    (1100, "callback access_denied"),
    (2000, "token 400 invalid_grant"),
    (2001, "token 400 invalid_request"),
    (2002, "token 400 unauthorized_client"),
    (2003, "token 400 unsupported_grant_type"),
    (2004, "token 400 invalid_scope"),
    (2005, "token 400 invalid_dpop_proof"),
    (2006, "token 401 invalid_client"),
    (2007, "token 401 code 401"),
    (2010, "token 500 text/html; charset=utf-8"),
    (2011, "token 503 text/html; charset=utf-8, again after 30"),
    (2012, "token 429 text/html; charset=utf-8, again after 30"),
    (2013, "token no answer"),
    (2014, "token 200 broken JSON"),
    (2020, "token 200 without id_token"),
    (2021, "token 200 expires_in \"300\""),
    (2022, "token 200 token_type \"bearer\""),
    (2023, "token 200 expires_in null"),
    (
        2024,
        "token 200 scope \"openid\", then verify 403 PERMISSION_DENIED",
    ),
    (
        2025,
        "token 200 expires_in 1, then verify 401 UNAUTHENTICATED",
    ),
    (2030, "id_token nonce"),
    (2031, "id_token aud"),
    (2032, "id_token iss"),
    (2033, "id_token exp"),
    (2034, "id_token iat"),
    (2035, "id_token alg none"),
    (2036, "id_token alg HS256"),
    (2037, "id_token kid"),
    (2038, "id_token sub"),
    (2039, "id_token amr"),
    (2040, "id_token amr"),
    (3000, "verify 401 UNAUTHENTICATED"),
    (3001, "verify 401 UNAUTHENTICATED"),
    (3002, "verify 401 AUTHENTICATION_REQUIRED"),
    (3003, "verify 403 PERMISSION_DENIED"),
    (
        3004,
        "verify 403 NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK",
    ),
    (3005, "verify 403 INVALID_TOKEN_CONTEXT"),
    (
        3006,
        "verify 403 NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_SUPPORTED_METHOD",
    ),
    (3007, "verify 403 NUMBER_VERIFICATION.INVALID_TS43_TOKEN"),
    (3010, "verify 400 INVALID_ARGUMENT"),
    (3011, "verify 404 IDENTIFIER_NOT_FOUND"),
    (3012, "verify 422 SERVICE_NOT_APPLICABLE"),
    (3013, "verify 429 QUOTA_EXCEEDED"),
    (3014, "verify 429 TOO_MANY_REQUESTS, again after 30"),
    (3015, "verify 500 INTERNAL"),
    (3016, "verify 502 BAD_GATEWAY"),
    (3017, "verify 503 UNAVAILABLE, again after 30"),
    (3020, "verify 200 \"true\""),
    (3021, "verify 200 {}"),
    (3022, "verify 200 null"),
    (3023, "verify 200 empty"),
    (3024, "verify 200 text/html; charset=utf-8"),
    (3025, "verify 200 true without correlator"),
    (3026, "verify no answer"),
    (5000, "verify 200 true"),
    (5001, "verify 200 true"),
    (5002, "id_token kid"),
    (5003, "id_token kid"),
];

#[tokio::test]
async fn every_magic_number_does_what_the_table_says() {
    let world = World::new().await;
    let codes: Vec<_> = SEEN.iter().map(|(code, _)| *code).collect();
    // Those of the checks beside Number Verification are played in `checks`.
    let own: Vec<_> = TABLE
        .iter()
        .filter(|row| !matches!(row.effect, Effect::Check(_) | Effect::BackChannel(_)))
        .collect();
    assert_eq!(codes, own.iter().map(|row| row.code).collect::<Vec<_>>());
    let jwks: Value = world.get(world.url("/jwks")).await.json().await.unwrap();
    for (row, (code, expected)) in own.into_iter().zip(SEEN) {
        world.simulator.handle().reset();
        assert_eq!(play(&world, row, &jwks).await, *expected, "{code}");
        let journal = world.simulator.handle().received();
        let acted = journal.iter().find(|entry| entry.scenario == Some(*code));
        let path = match row.effect.stage() {
            "authorize" | "callback" | "discovery" => "/authorize",
            "token" | "id_token" => "/token",
            "share" => "/number-verification/v2/device-phone-number",
            _ => "/number-verification/v2/verify",
        };
        assert_eq!(acted.map(|entry| entry.path.as_str()), Some(path), "{code}");
    }
}

/// Goes through the whole flow with this SIM until something is not ordinary, and names that.
async fn play(world: &World, row: &'static Scenario, jwks: &Value) -> String {
    let hint = row.number();
    let stage = row.effect.stage();
    let scope = if stage == "share" { SHARE } else { VERIFY };
    let patience = Duration::from_millis(if row.says.contains("0 seconds") {
        2_000
    } else {
        10_000
    });
    let request = world
        .http
        .get(world.request(&[("login_hint", &hint), ("scope", scope)]))
        .timeout(patience);
    let mut before = String::new();
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_timeout() => return "authorize no answer".to_owned(),
        Err(_) => return "authorize connection lost".to_owned(),
    };
    let mut at = world.request(&[]);
    let mut hops = 0;
    loop {
        if response.status() != 302 {
            let status = response.status().as_u16();
            let html = response.text().await.unwrap();
            let count = |what: &str| html.matches(what).count();
            if count("rp.example") == 0 {
                return format!("page {status}");
            }
            return format!(
                "page {status} with {} links and {} printed",
                count("<a class"),
                count("<code>https")
            );
        }
        let location = response.headers()["location"].to_str().unwrap().to_owned();
        hops += 1;
        if location.starts_with(CALLBACK) {
            break;
        }
        if location.contains(' ') {
            before = "Location with a space, then ".to_owned();
        } else if location.starts_with("sim/") {
            before = "relative Location, then ".to_owned();
        }
        if hops > 20 {
            return "authorize loop".to_owned();
        }
        at = at.join(&location).unwrap();
        response = world.get(&at).await;
    }
    if hops == 8 {
        before = "8 redirects, then ".to_owned();
    }
    let seen = follow(world, row, jwks, &response, patience).await;
    format!("{before}{seen}")
}

async fn follow(
    world: &World,
    row: &Scenario,
    jwks: &Value,
    response: &Response,
    patience: Duration,
) -> String {
    let back = callback(response);
    let url = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    let mut names: Vec<_> = url
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    names.sort();
    if !back.contains_key("code") {
        return format!("callback {}", back["error"]);
    }
    let iss = if back["iss"] == world.simulator.issuer() {
        ""
    } else {
        " foreign"
    };
    let state = if back.get("state").is_none_or(|state| state == "st4te") {
        ""
    } else {
        " altered"
    };
    if names != ["code", "iss", "state"] || !iss.is_empty() || !state.is_empty() {
        let names = names.join(" ").replace("iss", &format!("iss{iss}"));
        return format!("callback {names}{state}");
    }
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &back["code"]),
        ("redirect_uri", CALLBACK),
    ];
    let secret: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let token = world
        .http
        .post(world.url("/token"))
        .basic_auth("app", Some(secret))
        .form(&form)
        .timeout(patience);
    let Ok(token) = token.send().await else {
        return "token no answer".to_owned();
    };
    let status = token.status().as_u16();
    let kind = token.headers()["content-type"].to_str().unwrap().to_owned();
    let again = again(&token);
    let text = token.text().await.unwrap();
    let Ok(token) = serde_json::from_str::<Value>(&text) else {
        let what = if kind == "application/json" {
            "broken JSON"
        } else {
            &kind
        };
        return format!("token {status} {what}{again}");
    };
    if status != 200 {
        return match token["error"].as_str() {
            Some(error) => format!("token {status} {error}"),
            None => format!("token {status} code {}", token["code"]),
        };
    }
    let mut before = String::new();
    match token["id_token"].as_str() {
        None => return "token 200 without id_token".to_owned(),
        Some(id_token) => {
            if let Some(wrong) = wrong_in(world, id_token, jwks, &row.number()) {
                return format!("id_token {wrong}");
            }
        }
    }
    if token["token_type"] != "Bearer" {
        return format!("token 200 token_type {}", token["token_type"]);
    }
    if let Some(scope) = token.get("scope") {
        before = format!("token 200 scope {scope}, then ");
    }
    if token["expires_in"] == 1 {
        world.clock.advance(Duration::from_secs(1));
        before = "token 200 expires_in 1, then ".to_owned();
    } else if token["expires_in"] != 300 {
        return format!("token 200 expires_in {}", token["expires_in"]);
    }
    let token = token["access_token"].as_str().unwrap();
    format!("{before}{}", ask(world, row, token, patience).await)
}

async fn ask(world: &World, row: &Scenario, token: &str, patience: Duration) -> String {
    let (name, member, request) = if row.effect.stage() == "share" {
        let url = world.url("/number-verification/v2/device-phone-number");
        ("share", "devicePhoneNumber", world.http.get(url))
    } else {
        let url = world.url("/number-verification/v2/verify");
        let body = json!({ "phoneNumber": row.number() });
        (
            "verify",
            "devicePhoneNumberVerified",
            world.http.post(url).json(&body),
        )
    };
    let request = request
        .bearer_auth(token)
        .header("x-correlator", "c0rr")
        .timeout(patience);
    let Ok(response) = request.send().await else {
        return format!("{name} no answer");
    };
    let status = response.status().as_u16();
    let again = again(&response);
    let kind = response
        .headers()
        .get("content-type")
        .map(|kind| kind.to_str().unwrap().to_owned());
    let echoed = if response.headers().contains_key("x-correlator") {
        ""
    } else {
        " without correlator"
    };
    let text = response.text().await.unwrap();
    if text.is_empty() {
        return format!("{name} {status} empty{echoed}");
    }
    let Ok(body) = serde_json::from_str::<Value>(&text) else {
        return format!("{name} {status} {}{echoed}", kind.unwrap_or_default());
    };
    if status != 200 {
        assert_eq!(body["status"], status);
        return format!(
            "{name} {status} {}{again}{echoed}",
            body["code"].as_str().unwrap()
        );
    }
    let value = body.get(member).unwrap_or(&body);
    format!("{name} {status} {value}{echoed}")
}

fn again(response: &Response) -> String {
    response
        .headers()
        .get("retry-after")
        .map_or_else(String::new, |value| {
            format!(", again after {}", value.to_str().unwrap())
        })
}

/// What is wrong with an ID token, checked as a careful client does.
fn wrong_in(world: &World, token: &str, jwks: &Value, number: &str) -> Option<String> {
    let parts: Vec<_> = token.split('.').collect();
    let json = |part: &str| serde_json::from_slice::<Value>(&from_b64(part).unwrap()).unwrap();
    let (header, claims) = (json(parts[0]), json(parts[1]));
    if header["alg"] != "RS256" {
        return Some(format!("alg {}", header["alg"].as_str().unwrap()));
    }
    let known = &jwks["keys"][0];
    let (n, e) = (known["n"].as_str().unwrap(), known["e"].as_str().unwrap());
    let key = DecodingKey::from_rsa_components(n, e).unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let signed = jsonwebtoken::decode::<Value>(token, &key, &validation).is_ok();
    if header["kid"] != known["kid"] {
        assert!(!signed, "the unpublished key is another one");
        return Some("kid".to_owned());
    }
    assert!(signed);
    let now = world.clock.now().timestamp();
    let wrong = [
        (claims["iss"] != world.simulator.issuer(), "iss"),
        (claims["aud"] != "app", "aud"),
        (claims["nonce"] != "n0nce", "nonce"),
        (claims["amr"] != json!(["nba"]), "amr"),
        (claims["iat"].as_i64().unwrap() > now + 60, "iat"),
        (claims["exp"].as_i64().unwrap() <= now, "exp"),
        (
            claims["sub"].as_str().unwrap().contains(&number[1..]),
            "sub",
        ),
    ];
    wrong
        .iter()
        .find(|(wrong, _)| *wrong)
        .map(|(_, name)| (*name).to_owned())
}

#[tokio::test]
async fn the_consent_page_is_answered_once_either_way() {
    let world = World::new().await;
    for (answer, expected) in [("accept", "code"), ("deny", "error")] {
        let page = world
            .authorize(&[("login_hint", "+990701020"), ("prompt", "")])
            .await;
        assert_eq!(page.status(), 200);
        let html = page.text().await.unwrap();
        let (_, rest) = html.split_once("name=\"ticket\" value=\"").unwrap();
        let ticket = rest.split('"').next().unwrap();
        let form = [("ticket", ticket), ("answer", answer)];
        let post = || {
            world
                .http
                .post(world.url("/sim/consent"))
                .form(&form)
                .send()
        };
        let back = callback(&post().await.unwrap());
        assert!(back.contains_key(expected), "{answer}");
        assert_eq!(back["state"], "st4te");
        assert_eq!(post().await.unwrap().status(), 400);
    }
}

#[tokio::test]
async fn a_scenario_of_the_api_acts_on_both_calls() {
    let world = World::new().await;
    for (code, status, body) in [
        (3011, 404, None),
        (
            3020,
            200,
            Some(json!({ "devicePhoneNumber": 990_703_020_u64 })),
        ),
        (3022, 200, Some(json!({ "devicePhoneNumber": null }))),
    ] {
        let number = Scenario::with_code(code).unwrap().number();
        let token = world.token(&number, SHARE).await;
        let response = world.share(&token).await;
        assert_eq!(response.status(), status, "{code}");
        if let Some(body) = body {
            assert_eq!(response.json::<Value>().await.unwrap(), body, "{code}");
        }
    }
}

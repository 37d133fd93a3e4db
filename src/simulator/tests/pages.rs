//! Which SIM is the phone, and the pages that say so.

use super::*;
use crate::simulator::scenario::Scenario;
use crate::simulator::{Device, Handle, Whose};

fn sim(number: &str) -> Device {
    Device::parse(number).unwrap()
}

/// The number the operator sees for this request.
async fn seen(world: &World, cookie: Option<&str>, hint: &str) -> String {
    let mut request = world
        .http
        .get(world.request(&[("login_hint", hint), ("scope", SHARE)]));
    if let Some(cookie) = cookie {
        request = request.header("cookie", format!("a=b; {}={cookie}", Handle::COOKIE));
    }
    let response = request.send().await.unwrap();
    if response.status() == 200 {
        return "picker".to_owned();
    }
    let back = callback(&response);
    let Some(code) = back.get("code") else {
        return back["error"].clone();
    };
    let answer: Value = world.redeem(code, &[]).await.json().await.unwrap();
    let answer: Value = world
        .share(answer["access_token"].as_str().unwrap())
        .await
        .json()
        .await
        .unwrap();
    answer["devicePhoneNumber"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_address_counts_before_the_pick_and_the_pick_before_the_hint() {
    let world = World::new().await;
    let handle = world.simulator.handle();
    assert_eq!(seen(&world, None, "").await, "picker");
    assert_eq!(seen(&world, None, "somebody").await, "picker");
    assert_eq!(seen(&world, None, "tel:+990709991").await, "+990709991");
    handle.set_sim(Whose::Browser("mine".to_owned()), Some(sim("+990709992")));
    assert_eq!(seen(&world, Some("mine"), "+990709991").await, "+990709992");
    assert_eq!(
        seen(&world, Some("unknown"), "+990709991").await,
        "+990709991"
    );
    let here = Whose::Address("127.0.0.1".parse().unwrap());
    handle.set_sim(here.clone(), Some(sim("+990709993")));
    assert_eq!(seen(&world, Some("mine"), "+990709991").await, "+990709993");
    handle.set_sim(here, Some(Device::Wifi));
    assert_eq!(
        seen(&world, Some("mine"), "+990709991").await,
        "access_denied"
    );
    handle.reset();
    assert_eq!(seen(&world, Some("mine"), "").await, "picker");
}

#[tokio::test]
async fn a_pick_within_an_authorization_goes_on_with_it() {
    let world = World::new().await;
    let url = world.request(&[]);
    let page = world.get(&url).await;
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'none'")
    );
    let html = page.text().await.unwrap();
    assert!(
        html.contains("name=\"return_to\"") && html.contains("st4te") && !html.contains("<script")
    );
    let post =
        |form: Vec<(&'static str, String)>| world.http.post(world.url("/sim")).form(&form).send();
    let query = url.query().unwrap().to_owned();
    let picked = post(vec![("return_to", query), ("sim", "+990 70 9999".into())])
        .await
        .unwrap();
    assert_eq!(picked.status(), 303);
    let location = picked.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("/authorize?"));
    let cookie = picked.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && !cookie.contains("9999"));
    let pair = cookie.split(';').next().unwrap();
    let back = world
        .http
        .get(world.url(location))
        .header("cookie", pair)
        .send()
        .await
        .unwrap();
    assert!(callback(&back).contains_key("code"));
    let shown = world
        .http
        .get(world.url("/sim"))
        .header("cookie", pair)
        .send()
        .await
        .unwrap();
    assert!(shown.text().await.unwrap().contains("+990709999"));
    let elsewhere = post(vec![
        ("return_to", "//evil.example/".into()),
        ("be", "wifi".into()),
    ])
    .await
    .unwrap();
    assert!(
        elsewhere.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with("/authorize?")
    );
    let nonsense = post(vec![("sim", "<b>12".into())]).await.unwrap();
    assert_eq!(nonsense.status(), 400);
    assert!(!nonsense.text().await.unwrap().contains("<b>12"));
}

#[tokio::test]
async fn an_override_acts_once_and_another_site_cannot_set_it() {
    let world = World::new().await;
    world
        .simulator
        .handle()
        .set_override(Scenario::with_code(1000));
    assert_eq!(seen(&world, None, "+990709999").await, "access_denied");
    assert_eq!(seen(&world, None, "+990709999").await, "+990709999");
    let post = |site: &'static str, code: u16| {
        let request = world.http.post(world.url("/sim/admin/override"));
        request
            .header("sec-fetch-site", site)
            .json(&json!({ "code": code }))
            .send()
    };
    assert_eq!(post("cross-site", 1001).await.unwrap().status(), 403);
    assert_eq!(post("same-origin", 9999).await.unwrap().status(), 400);
    assert_eq!(seen(&world, None, "+990709999").await, "+990709999");
    assert_eq!(post("same-origin", 1001).await.unwrap().status(), 204);
    assert_eq!(seen(&world, None, "+990709999").await, "login_required");
}

#[tokio::test]
async fn the_admin_page_and_its_json_say_the_same_without_secrets() {
    let world = World::new().await;
    let set = |path: &str, body: Value| world.http.post(world.url(path)).json(&body).send();
    let device = json!({ "address": "127.0.0.9", "sim": "+990709999" });
    assert_eq!(
        set("/sim/admin/addresses", device).await.unwrap().status(),
        204
    );
    assert_eq!(
        set("/sim/admin/latency", json!({ "milliseconds": 1 }))
            .await
            .unwrap()
            .status(),
        204
    );
    let code = world.code("+34666111334", VERIFY).await;
    let token: Value = world.redeem(&code, &[]).await.json().await.unwrap();
    let state: Value = world
        .get(world.url("/sim/admin/state"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(state["addresses"][0]["sim"], "+990709999");
    assert_eq!(state["latency_milliseconds"], 1);
    let page = world
        .get(world.url("/sim/admin"))
        .await
        .text()
        .await
        .unwrap();
    let journal = world
        .get(world.url("/sim/admin/journal"))
        .await
        .text()
        .await
        .unwrap();
    for text in [&page, &journal] {
        assert!(text.contains("/token") && text.contains("st4te"));
        for secret in [
            &code,
            SECRET,
            token["access_token"].as_str().unwrap(),
            "34666111334",
        ] {
            assert!(!text.contains(secret));
        }
    }
    assert!(page.contains("127.0.0.9"));
    let form = [("address", "127.0.0.9")];
    let gone = world
        .http
        .post(world.url("/sim/admin/addresses"))
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(gone.status(), 303);
    assert_eq!(
        set("/sim/admin/reset", json!({})).await.unwrap().status(),
        204
    );
    assert!(world.simulator.handle().received().is_empty());
    let css = world.get(world.url("/sim/style.css")).await;
    assert_eq!(css.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn the_numbers_are_listed_as_page_and_as_json() {
    let world = World::new().await;
    let html = world
        .get(world.url("/sim/numbers"))
        .await
        .text()
        .await
        .unwrap();
    let json: Value = world
        .http
        .get(world.url("/sim/numbers"))
        .header("accept", "application/json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        json.as_array().unwrap().len(),
        crate::simulator::scenario::TABLE.len()
    );
    assert!(html.contains("+990701020") && json.to_string().contains("+990701020"));
}

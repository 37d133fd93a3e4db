//! The radio network over real sockets: where connections come from, who adds the number, what is cut.

use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::phone::PhoneNumber;
use crate::simulator::Trouble;
use crate::simulator::radio::{self, Attachment, HEADER, Radio};
use crate::simulator::scenario::Scenario;

const SIM: &str = "+990709999";
const OTHER: &str = "+990708888";

fn mobile(sim: &str) -> Attachment {
    Attachment::Mobile("own".to_owned(), PhoneNumber::from_e164(sim).unwrap())
}

/// A radio with the world's operator as `own` and a second one as `foreign`.
async fn on_air(world: &World, shared_addresses: bool) -> (Radio, Simulator) {
    let foreign = start(Settings::new("127.0.0.1:0".parse().unwrap()))
        .await
        .unwrap();
    let settings = radio::Settings {
        shared_addresses,
        ..radio::Settings::new(
            "127.0.0.1:0".parse().unwrap(),
            vec![
                ("own".to_owned(), world.simulator.handle()),
                ("foreign".to_owned(), foreign.handle()),
            ],
        )
    };
    (radio::start(settings).await.unwrap(), foreign)
}

#[expect(clippy::disallowed_methods, reason = "the test is the outside world")]
fn phone(radio: &Radio) -> Client {
    let proxy = format!("http://{}", radio.handle().proxy());
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .proxy(reqwest::Proxy::all(proxy).unwrap())
        // A phone that changes networks keeps nothing open.
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

/// What the operator makes of the phone: the number the code stands for, or the error.
async fn seen(world: &World, request: reqwest::RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    let back = callback(&response);
    if let Some(error) = back.get("error") {
        return error.clone();
    }
    let answer: Value = world.redeem(&back["code"], &[]).await.json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let told: Value = world.share(token).await.json().await.unwrap();
    told["devicePhoneNumber"].as_str().unwrap().to_owned()
}

fn share(world: &World) -> Url {
    world.request(&[("scope", SHARE)])
}

#[tokio::test]
async fn the_operator_sees_its_own_sims_and_nothing_on_other_networks() {
    let world = World::new().await;
    let (radio, foreign) = on_air(&world, false).await;
    let (air, phone) = (radio.handle(), phone(&radio));
    assert_eq!(
        seen(&world, phone.get(share(&world))).await,
        "access_denied"
    );
    let mut addresses = Vec::new();
    for sim in [SIM, OTHER, SIM] {
        addresses.push(air.attach(mobile(sim)).unwrap());
        assert_eq!(seen(&world, phone.get(share(&world))).await, sim);
    }
    assert_eq!(addresses[0], addresses[2], "a SIM keeps its address");
    assert_ne!(addresses[0], addresses[1]);
    let net = air.network_of("own").unwrap();
    assert!(addresses.iter().all(|address| net.contains(address)));
    let number = PhoneNumber::from_e164(SIM).unwrap();
    let there = air.attach(Attachment::Mobile("foreign".to_owned(), number));
    assert!(!net.contains(&there.unwrap()));
    assert_eq!(
        seen(&world, phone.get(share(&world))).await,
        "access_denied"
    );
    assert_eq!(
        air.attach(Attachment::Mobile(
            "nobody".to_owned(),
            PhoneNumber::from_e164(SIM).unwrap()
        )),
        None
    );
    drop(foreign);
}

#[tokio::test]
async fn behind_one_address_the_header_tells_the_sims_apart() {
    let world = World::new().await;
    let (radio, _foreign) = on_air(&world, true).await;
    let (air, phone) = (radio.handle(), phone(&radio));
    for sim in [SIM, OTHER] {
        air.attach(mobile(sim)).unwrap();
        // What the phone makes up is written over.
        let request = phone.get(share(&world)).header(HEADER, "990707777");
        assert_eq!(seen(&world, request).await, sim);
    }
    let own: IpAddr = air.address().unwrap();
    assert_eq!(air.attach(mobile(SIM)), Some(own));
    // On Wi-Fi, and from anywhere else, nobody believes it.
    air.attach(Attachment::Wifi).unwrap();
    let forged = phone.get(share(&world)).header(HEADER, "990709999");
    assert_eq!(seen(&world, forged).await, "access_denied");
    let direct = world.http.get(share(&world)).header(HEADER, "990709999");
    assert_eq!(direct.send().await.unwrap().status(), 200, "the picker");
    let journal = world.simulator.handle().received();
    let headers = journal.iter().flat_map(|entry| &entry.headers);
    assert!(
        headers
            .clone()
            .any(|(name, value)| name == HEADER && value == "990709999")
    );
    assert!(
        air.passed()
            .iter()
            .any(|one| one.header_added && one.from == own)
    );
}

#[tokio::test]
async fn nothing_is_added_inside_a_tunnel_and_a_change_of_network_cuts_it() {
    let world = World::new().await;
    let (radio, _foreign) = on_air(&world, true).await;
    let air = radio.handle();
    air.attach(mobile(SIM)).unwrap();
    let authority = world.simulator.address();
    let mut tunnel = TcpStream::connect(air.proxy()).await.unwrap();
    let connect = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    tunnel.write_all(connect.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tunnel.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 200");
    let path = share(&world);
    let path = &path[url::Position::BeforePath..];
    let get = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    tunnel.write_all(get.as_bytes()).await.unwrap();
    let mut seen = String::new();
    while !seen.contains("error=access_denied") {
        let mut some = [0; 4096];
        let read = tunnel.read(&mut some).await.unwrap();
        assert_ne!(read, 0, "{seen}");
        seen.push_str(&String::from_utf8_lossy(&some[..read]));
    }
    let journal = world.simulator.handle().received();
    let names = &journal.last().unwrap().headers;
    assert!(!names.iter().any(|(name, _)| name == HEADER));
    air.attach(mobile(OTHER)).unwrap();
    let mut rest = Vec::new();
    // An end or a reset: in either case nothing more.
    let _ = tunnel.read_to_end(&mut rest).await;
    assert!(
        tunnel.write_all(get.as_bytes()).await.is_err()
            || tunnel.read(&mut [0; 1]).await.unwrap_or(0) == 0
    );
}

#[tokio::test]
async fn connections_may_be_lost_and_the_world_beyond_is_not_reached() {
    let world = World::new().await;
    let (radio, _foreign) = on_air(&world, false).await;
    let (air, phone) = (radio.handle(), phone(&radio));
    air.attach(mobile(SIM)).unwrap();
    air.lose(1);
    let status = async || phone.get(share(&world)).send().await.unwrap().status();
    assert_eq!(status().await, 502);
    assert_eq!(status().await, 302);
    air.attach(Attachment::Nothing);
    assert_eq!(status().await, 502);
    air.attach(Attachment::Wifi).unwrap();
    for elsewhere in ["http://192.0.2.1/", "http://shop.example/"] {
        assert_eq!(phone.get(elsewhere).send().await.unwrap().status(), 403);
    }
    let settings = radio::Settings::new("0.0.0.0:0".parse().unwrap(), Vec::new());
    assert!(radio::start(settings).await.is_err(), "an open proxy");
}

#[tokio::test]
async fn the_phone_is_moved_by_its_page_and_by_json() {
    let world = World::new().await;
    assert_eq!(world.get(world.url("/sim/phone")).await.status(), 404);
    let (radio, _foreign) = on_air(&world, false).await;
    let air = radio.handle();
    let page = world
        .get(world.url("/sim/phone"))
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("The phone is on Wi-Fi") && page.contains(&air.proxy().to_string()));
    let post = |path: &str, body: Value| world.http.post(world.url(path)).json(&body).send();
    let moved = post("/sim/admin/phone", json!({ "network": "own", "sim": SIM })).await;
    assert_eq!(moved.unwrap().status(), 204);
    assert_eq!(air.attachment(), mobile(SIM));
    let state: Value = world
        .get(world.url("/sim/admin/phone"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&state["network"], &state["sim"]),
        (&json!("own"), &json!(SIM))
    );
    for bad in [
        json!({ "network": "nobody", "sim": SIM }),
        json!({ "network": "own" }),
        json!({ "network": "own", "sim": "x" }),
        json!({}),
    ] {
        let refused = post("/sim/admin/phone", bad).await.unwrap();
        assert_eq!(refused.status(), 400);
    }
    let form = world
        .http
        .post(world.url("/sim/phone"))
        .form(&[("network", "none")]);
    let cross = form
        .try_clone()
        .unwrap()
        .header("sec-fetch-site", "cross-site");
    assert_eq!(cross.send().await.unwrap().status(), 403);
    assert_eq!(air.attachment(), mobile(SIM));
    let sent = form.send().await.unwrap();
    assert_eq!(sent.headers()["location"], "/sim/phone");
    assert_eq!(air.attachment(), Attachment::Nothing);
    // Forgetting everything leaves the phone where it is.
    air.attach(mobile(SIM)).unwrap();
    world.simulator.handle().reset();
    assert_eq!(seen(&world, phone(&radio).get(share(&world))).await, SIM);
}

#[tokio::test]
async fn a_sim_s_trouble_stays_until_it_is_mended() {
    let world = World::new().await;
    let number = PhoneNumber::from_e164(SIM).unwrap();
    let handle = world.simulator.handle();
    handle.set_trouble(
        &number,
        Trouble {
            fault: Scenario::with_code(1009),
            ..Trouble::default()
        },
    );
    let error = async || {
        callback(&world.authorize(&[("login_hint", SIM)]).await)
            .get("error")
            .cloned()
    };
    for _ in 0..2 {
        assert_eq!(error().await.as_deref(), Some("server_error"));
    }
    let state: Value = world
        .get(world.url("/sim/admin/state"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(state["sims"][0]["fault"], 1009);
    let post = |body: Value| {
        world
            .http
            .post(world.url("/sim/admin/sims"))
            .json(&body)
            .send()
    };
    assert_eq!(
        post(json!({ "sim": SIM, "fault": 7777 }))
            .await
            .unwrap()
            .status(),
        400
    );
    assert_eq!(
        post(json!({ "sim": SIM, "delay_milliseconds": 999_999 }))
            .await
            .unwrap()
            .status(),
        400
    );
    assert_eq!(post(json!({ "sim": SIM })).await.unwrap().status(), 204);
    assert_eq!(error().await, None);
    let swapped = json!({ "sim": SIM, "swapped_hours_ago": 3, "recycled_days_ago": 2 });
    assert_eq!(post(swapped).await.unwrap().status(), 204);
    let wrong = json!({ "sim": SIM, "swapped_hours_ago": "soon" });
    assert_eq!(post(wrong).await.unwrap().status(), 400);
}

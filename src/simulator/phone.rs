//! `/sim/phone`: which network the pretend phone is on, as a page and as JSON. The phone is whatever
//! browser uses the radio as its proxy; this page is for the hand that holds it.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::admin::change_at;
use super::network::{Device, Network};
use super::pages;
use super::radio::{Attachment, Passed, RadioHandle};
use crate::phone::PhoneNumber;

/// Where the page is.
const PATH: &str = "/sim/phone";
/// Connections shown on the page.
const SHOWN: usize = 30;

#[derive(Template)]
#[template(path = "simulator/phone.html")]
struct Page {
    proxy: String,
    operators: Vec<String>,
    network: String,
    sim: String,
    address: String,
    passed: Vec<Passed>,
}

/// `GET /sim/phone`.
pub(super) async fn page(State(network): State<Arc<Network>>) -> Response {
    let Some(radio) = network.radio() else {
        let text = "This operator runs without a radio network.";
        return pages::message(StatusCode::NOT_FOUND, "No phone", text);
    };
    let mut passed = radio.passed();
    passed.reverse();
    passed.truncate(SHOWN);
    let (name, sim) = shown(&radio);
    let operators = radio.operators().into_iter().map(str::to_owned);
    pages::render(
        StatusCode::OK,
        &Page {
            proxy: radio.proxy().to_string(),
            operators: operators.collect(),
            network: name,
            sim: sim.unwrap_or_else(|| "+990700000".to_owned()),
            address: radio.address().map(|a| a.to_string()).unwrap_or_default(),
            passed,
        },
    )
}

/// `POST /sim/phone` with `network` (`wifi`, `none` or an operator's name) and, on an operator's,
/// `sim`.
pub(super) async fn attach(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change_at(PATH, &headers, &body, |given| {
        let radio = network.radio()?;
        let attachment = match given.get("network")? {
            "wifi" => Attachment::Wifi,
            "none" => Attachment::Nothing,
            operator => {
                let number = PhoneNumber::parse(given.get("sim")?, None).ok()?;
                Attachment::Mobile(operator.to_owned(), number)
            }
        };
        let nothing = attachment == Attachment::Nothing;
        let attached = radio.attach(attachment);
        (nothing || attached.is_some()).then_some(())
    })
}

/// `GET /sim/admin/phone`.
pub(super) async fn state(State(network): State<Arc<Network>>) -> Json<Value> {
    let Some(radio) = network.radio() else {
        return Json(Value::Null);
    };
    let (name, sim) = shown(&radio);
    let ranges: Vec<_> = radio
        .operators()
        .into_iter()
        .map(|name| json!({ "operator": name, "addresses": radio.network_of(name) }))
        .collect();
    Json(json!({
        "proxy": radio.proxy(),
        "networks": ranges,
        "network": name,
        "sim": sim,
        "address": radio.address(),
        "passed": radio.passed(),
    }))
}

fn shown(radio: &RadioHandle) -> (String, Option<String>) {
    match radio.attachment() {
        Attachment::Nothing => ("none".to_owned(), None),
        Attachment::Wifi => ("wifi".to_owned(), None),
        Attachment::Mobile(operator, number) => (operator, Some(Device::Sim(number).shown())),
    }
}

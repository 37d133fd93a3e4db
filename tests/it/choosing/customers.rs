//! Nobody learns here whose customer a number is. The phone's own connection chooses the operator that is
//! asked, and that one says yes or no about its own SIM: for its customer, another operator's and nobody's
//! number, everything that can be seen is the same, but for the digits that were typed.

use std::collections::BTreeMap;

use numbercloak::simulator::radio::Attachment;
use uuid::Uuid;

use super::radio::{mobile, on_air, phone, without_hints};
use super::{Country, QUESTION};
use crate::support::app::{NUMBER, OTHER_NUMBER};
use crate::support::rp::{Answer, Wish};

/// All of one length: the phone's operator's customer, the other operator's, and nobody's.
const NUMBERS: [&str; 3] = [OTHER_NUMBER, "+990709998", "+990709997"];

/// What can be seen of one try, from the outside: requests with their answers, pages, what is asked
/// of whom, what the app is told.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    hops: Vec<(String, String, u16, usize)>,
    text: String,
    asked: BTreeMap<String, usize>,
    told: Answer,
}

fn without(text: &str, login: Uuid, number: &str) -> String {
    let digits = &number[number.len() - 3..];
    let id = login.simple().to_string().to_uppercase();
    text.replace(&login.to_string(), "LOGIN")
        .replace(&format!("{}-{}", &id[24..28], &id[28..]), "REFERENCE")
        .replace(digits, "nnn")
}

/// Types a number on a phone and gives up when it was not confirmed.
async fn try_number(country: &Country, attached: &Attachment, number: &str, pick: bool) -> Seen {
    let app = &country.app;
    let radio = on_air(country).await;
    let air = radio.handle();
    air.attach(attached.clone());
    let before = asked(country);
    let mut browser = phone(country, &air);
    let departure = app.open(&mut browser, &Wish::new()).await;
    let login = browser.login();
    browser
        .press_with("Continue", &[("phone_number", number)])
        .await;
    if pick {
        assert_eq!(browser.title(), QUESTION);
        browser.press("Bluewave").await;
    }
    let text = without(&browser.page().document.text, login, number);
    browser.press("Return to shop").await;
    let told = app.answer(&browser, &departure);
    let hops = browser.hops.iter().map(|hop| {
        let path = hop.url.path().replace(&login.to_string(), "LOGIN");
        let status = hop.status.as_u16();
        (hop.method.to_string(), path, status, hop.size)
    });
    Seen {
        hops: hops.collect(),
        text,
        asked: since(&before, asked(country)),
        told,
    }
}

/// How often each endpoint of the operators was asked.
fn asked(country: &Country) -> BTreeMap<String, usize> {
    let operators = [
        ("simulator", country.app.operator.clone()),
        ("bluewave", country.bluewave.handle()),
        ("kestrel", country.kestrel.handle()),
    ];
    let mut times = BTreeMap::new();
    for (name, operator) in operators {
        for received in operator.received() {
            *times
                .entry(format!("{name} {}", received.path))
                .or_insert(0) += 1;
        }
    }
    // Metadata and keys are fetched when ours are old, whatever is asked.
    times.retain(|line, _| !line.contains(".well-known") && !line.ends_with("/jwks"));
    times
}

fn since(
    before: &BTreeMap<String, usize>,
    now: BTreeMap<String, usize>,
) -> BTreeMap<String, usize> {
    let more = now.into_iter().map(|(line, times)| {
        let earlier = before.get(&line).copied().unwrap_or(0);
        (line, times - earlier)
    });
    more.filter(|(_, times)| *times > 0).collect()
}

#[tokio::test]
async fn on_mobile_data_every_number_but_the_sim_s_own_looks_the_same() {
    let country = Country::new().await;
    without_hints(&country).await;
    let own = mobile("bluewave", NUMBER);
    let mut seen = Vec::new();
    for number in NUMBERS {
        seen.push(try_number(&country, &own, number, false).await);
    }
    let told = Answer::Error("access_denied".to_owned(), "mismatch".to_owned());
    assert_eq!(seen[0].told, told);
    let others = seen[0]
        .asked
        .keys()
        .filter(|line| !line.starts_with("bluewave"));
    assert_eq!(others.count(), 0, "the number chooses nobody");
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
}

#[tokio::test]
async fn on_wifi_every_number_looks_the_same() {
    let country = Country::new().await;
    without_hints(&country).await;
    let mut seen = Vec::new();
    for number in [NUMBERS.as_slice(), &[NUMBER]].concat() {
        seen.push(try_number(&country, &Attachment::Wifi, number, true).await);
    }
    let outcome = "not_on_mobile_network".to_owned();
    assert_eq!(
        seen[0].told,
        Answer::Error("access_denied".to_owned(), outcome)
    );
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:#?}");
}

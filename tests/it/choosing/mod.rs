//! How an operator is chosen among several: the rules and their order, the page that asks the person,
//! the one re-route, the telco finder, the phone's address. Whatever chooses, an operator is asked only
//! inside its authority and the client's list (P5).

mod commands;
mod customers;
mod finder;
mod page;
mod radio;
mod reroute;
mod rules;

use numbercloak::simulator::Simulator;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::rp::Wish;

/// A server with the operators Simulator, Bluewave and Kestrel, all with authority over +990.
struct Country {
    app: App,
    bluewave: Simulator,
    kestrel: Simulator,
}

impl Country {
    async fn new() -> Self {
        let app = App::start().await;
        Self {
            bluewave: app.add_network("bluewave", "Bluewave", |_| {}).await,
            kestrel: app.add_network("kestrel", "kestrel Telecom", |_| {}).await,
            app,
        }
    }

    /// Signs a new browser in without a page for the operator, and returns operator and rule; or the
    /// title of the page that came instead.
    async fn chosen(&self, wish: &Wish) -> String {
        let app = &self.app;
        let mut browser = app.browser();
        let departure = app.open(&mut browser, wish).await;
        let login = browser.login();
        browser.press("Continue").await;
        let [leg] = app.legs(login).await.try_into().unwrap_or_default();
        if leg.is_empty() {
            return browser.title().to_owned();
        }
        let signed_in = app.redeem(&browser, &departure).await;
        let (operator, rest) = leg.split_once(' ').unwrap();
        let rule = rest.strip_suffix(" verified").unwrap();
        let claim = &signed_in.claims["number_verification"]["operator"];
        assert_eq!(claim, operator);
        let records = app.records(login).await;
        let selected = records
            .iter()
            .find(|record| record.body["type"] == "OPERATOR_SELECTED")
            .unwrap();
        assert_eq!(selected.body["rule"], rule);
        assert_eq!(selected.body["operator"], operator);
        format!("{operator} {rule}")
    }

    /// How often the operators were asked to authorize: Simulator, Bluewave, Kestrel.
    fn asked(&self) -> [usize; 3] {
        [
            &self.app.operator,
            &self.bluewave.handle(),
            &self.kestrel.handle(),
        ]
        .map(|operator| {
            let received = operator.received();
            received.iter().filter(|r| r.path == "/authorize").count()
        })
    }
}

/// The operators that a page offers, in its order: value and name.
fn offered(browser: &Browser) -> Vec<(String, String)> {
    let form = browser.form("/operator");
    let named = form.buttons.into_iter().map(|(text, button)| {
        let (name, value) = button.unwrap();
        assert_eq!(name, "operator");
        (value, text)
    });
    named.filter(|(value, _)| value != "-").collect()
}

/// Their aliases.
fn aliases(browser: &Browser) -> Vec<String> {
    offered(browser)
        .into_iter()
        .map(|(alias, _)| alias)
        .collect()
}

const QUESTION: &str = "Choose your operator";

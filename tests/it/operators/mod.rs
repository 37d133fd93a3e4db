//! Every operator in the field, played by the simulator: the same app, unchanged, signs in through each,
//! registered by its preset; and what each of them can get wrong is refused.

mod added;
mod consent;
mod refused;
mod signs_in;
mod walks;

use numbercloak::simulator::Persona;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::rp::{Departure, Wish};

/// A login about `number` from a phone with `sim`, as far as the operator takes it.
async fn go(app: &App, browser: &mut Browser, number: &str, sim: &str) -> Departure {
    let departure = app.open(browser, &Wish::of(number)).await;
    if number != sim {
        // The operator asks instead of believing the hint.
        app.operator.set_sim(
            numbercloak::simulator::Whose::Address("127.0.0.1".parse().unwrap()),
            numbercloak::simulator::Device::parse(sim),
        );
    }
    browser.go_as(sim).await;
    departure
}

/// A server with this persona as its only operator.
async fn at(persona: Persona) -> App {
    App::builder().persona(persona).start().await
}

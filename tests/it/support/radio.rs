//! A pretend radio network in front of operators, for browsers that are phones.

use numbercloak::admin::ranges;
use numbercloak::simulator::Handle;
use numbercloak::simulator::radio::{self, Radio};

use super::app::App;

/// A radio in front of these operators, by alias, whose addresses an admin has loaded. Phones start on
/// Wi-Fi.
pub async fn on_air(app: &App, operators: Vec<(String, Handle)>) -> Radio {
    let aliases: Vec<String> = operators.iter().map(|(alias, _)| alias.clone()).collect();
    let settings = radio::Settings::new("127.0.0.1:0".parse().unwrap(), operators);
    let radio = radio::start(settings).await.unwrap();
    for alias in &aliases {
        let table = radio.handle().network_of(alias).unwrap().to_string();
        let networks = ranges::read(&table, &[]).unwrap();
        ranges::load(&app.desk(), alias, &networks, &[])
            .await
            .unwrap();
    }
    app.state().forget("operators").await;
    radio
}

//! The parts of the charts that are about apps: how their sign-ins ended, on Wi-Fi and from one device to another.

use crate::admin::charts::{self, Charts};
use crate::console::audit::charts::{Bar, WIDE};
use crate::console::audit::filter::encoded;
use crate::console::overview::percent;

/// Apps shown.
pub const MOST: usize = 12;

/// How one app's sign-ins ended.
pub struct App {
    /// Its `client_id`; empty for none.
    pub name: String,
    /// Sign-ins that ended.
    pub ended: i64,
    /// Of them, with a code.
    pub signed_in: String,
    /// Those whose phone was not on its network at some time.
    pub off_network: String,
    /// Of these, with a code.
    pub recovered: String,
    /// Those that a phone took over.
    pub handed_off: String,
    /// Of these, with a code.
    pub handed_off_signed_in: String,
    /// Hand-offs that were reported.
    pub reported: i64,
    /// How wide its two bars are: all, and signed in.
    pub widths: [i64; 2],
    /// Where its records are.
    pub link: String,
}

/// A row for each app with the most sign-ins.
pub fn rows(charts: &Charts, span: &str) -> Vec<App> {
    let most = charts.apps.first().map_or(0, |app| app.ended).max(1);
    let app = |app: &charts::App| App {
        name: app.client_id.clone(),
        ended: app.ended,
        signed_in: of(app.signed_in, app.ended),
        off_network: of(app.off_network, app.ended),
        recovered: of(app.recovered, app.off_network),
        handed_off: of(app.handed_off, app.ended),
        handed_off_signed_in: of(app.handed_off_signed_in, app.handed_off),
        reported: app.reported,
        widths: [app.ended * WIDE / most, app.signed_in * WIDE / most],
        link: format!("client={}&since={span}", encoded(&app.client_id)),
    };
    charts.apps.iter().take(MOST).map(app).collect()
}

/// A count with its share.
fn of(part: i64, all: i64) -> String {
    match part {
        0 => "0".to_owned(),
        _ => format!("{part} ({})", percent(part, all)),
    }
}

/// What became of phones that were not on their network, and of hand-offs, over all apps.
pub fn elsewhere(charts: &Charts) -> Vec<Bar> {
    let sum = |count: fn(&charts::App) -> i64| charts.apps.iter().map(count).sum::<i64>();
    let (ended, off) = (sum(|app| app.ended), sum(|app| app.off_network));
    let handed = sum(|app| app.handed_off);
    let rows = [
        ("Phone not on its network at first", off, ended),
        ("Signed in all the same", sum(|app| app.recovered), off),
        ("Taken over by a phone", handed, ended),
        (
            "Signed in with it",
            sum(|app| app.handed_off_signed_in),
            handed,
        ),
        (
            "Reported by the phone's person",
            sum(|app| app.reported),
            handed,
        ),
    ];
    let most = rows.iter().map(|(_, count, _)| *count).max();
    let most = most.unwrap_or(0).max(1);
    rows.into_iter()
        .map(|(label, count, all)| Bar {
            label: label.to_owned(),
            count,
            share: percent(count, all),
            width: count * WIDE / most,
            link: None,
        })
        .collect()
}

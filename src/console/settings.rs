//! `/admin/settings`: the configuration as it is, with where each value comes from. It is changed
//! where it stands, not here.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::settings::{Setting, settings};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Page {
    frame: Frame,
    /// Each section with its settings.
    sections: Vec<(String, Vec<Setting>)>,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let mut sections: Vec<(String, Vec<Setting>)> = Vec::new();
    for setting in settings(&visit.app.config.redacted_toml()) {
        match sections.last_mut() {
            Some((name, lines)) if *name == setting.section => lines.push(setting),
            _ => sections.push((setting.section.clone(), vec![setting])),
        }
    }
    let page = Page {
        frame: visit.frame("Settings"),
        sections,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

//! The pages around signing out.

use askama::Template;

use crate::web::page::Frame;

/// Asks whether to sign out.
#[derive(Template)]
#[template(path = "logout/confirm.html")]
pub struct Confirm {
    /// With the form's token.
    pub frame: Frame,
    /// The request, to be brought back by the form.
    pub fields: Vec<(String, String)>,
    /// Where the browser goes, signed in, if the person stays: where the app awaits it, else our home.
    pub stay: String,
}

/// Says that the session is over.
#[derive(Template)]
#[template(path = "logout/signed_out.html")]
pub struct SignedOut {
    /// The app's, if one asked for it.
    pub frame: Frame,
    /// The addresses at which apps are told.
    pub frames: Vec<String>,
    /// Seconds before the browser goes on.
    pub wait: u8,
    /// Where to go on.
    pub back: Option<String>,
}

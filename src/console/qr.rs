//! QR codes as inline pictures: black on white in either colour scheme, or phones cannot read them.

use qrcode::render::svg::Color;
use qrcode::{EcLevel, QrCode};

use crate::web::failure::Failure;

/// An address as an SVG picture, to stand in a page as it is.
pub fn svg(address: &str) -> Result<String, Failure> {
    let code =
        QrCode::with_error_correction_level(address, EcLevel::M).map_err(Failure::internal)?;
    let picture = code
        .render::<Color<'_>>()
        .min_dimensions(200, 200)
        .dark_color(Color("#000"))
        .light_color(Color("#fff"))
        .build();
    // Inside a page there is no place for the declaration of a document of its own.
    let start = picture.find("<svg").unwrap_or(0);
    Ok(picture[start..].replacen(
        "<svg",
        "<svg role=\"img\" aria-label=\"QR code\" class=\"qr\"",
        1,
    ))
}

//! The QR code: an SVG inside the page, black on white whatever the colours around it, with the quiet
//! zone that scanners need.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around it (ISO/IEC 18004 section 9.1).
const QUIET: usize = 4;

/// A drawn code: the side of its picture in modules, and the path of what is black.
pub struct Drawn {
    /// Modules from edge to edge, with the quiet zone.
    pub side: usize,
    /// The black modules, row by row.
    pub path: String,
}

/// Draws a text, medium error correction: a scratched screen still reads.
///
/// # Errors
/// If the text is longer than any code holds.
pub fn draw(text: &str) -> Result<Drawn, qrcode::types::QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let width = code.width();
    let colors = code.to_colors();
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..]
                .iter()
                .take_while(|color| **color == Color::Dark)
                .count();
            if run > 0 {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    Ok(Drawn {
        side: width + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_code_is_read_back_and_has_its_quiet_zone() {
        let text = "https://id.example.com/go/0123456789012345678901234567890123456789012";
        let drawn = draw(text).unwrap();
        let scale = 6;
        let side = drawn.side * scale;
        let mut picture = vec![255u8; side * side];
        for run in drawn.path.split('M').skip(1) {
            let (x, rest) = run.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (length, _) = rest.split_once('v').unwrap();
            let [x, y, length] = [x, y, length].map(|n| n.parse::<usize>().unwrap());
            assert!(x >= QUIET && y >= QUIET && x + length + QUIET <= drawn.side);
            for row in y * scale..(y + 1) * scale {
                let start = row * side + x * scale;
                picture[start..start + length * scale].fill(0);
            }
        }
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| picture[y * side + x]);
        let grids = image.detect_grids();
        let (_, read) = grids[0].decode().unwrap();
        assert_eq!(read, text);
    }
}

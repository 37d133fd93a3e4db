//! The picture beside an app's name. What staff upload is never shown: it is decoded within limits and
//! drawn anew as a small PNG, so that no script, metadata, second reading of its bytes or place elsewhere
//! comes along.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits};
use serde_json::json;

use crate::admin::clients::find;
use crate::admin::desk::{Act, commit};
use crate::admin::refused::check_seen;
use crate::admin::{Desk, Refused};
use crate::secret::sha256;
use crate::store::client_logos;
use crate::store::clients::{self, Client};

/// Bytes of an upload, at most.
pub const MOST_BYTES: usize = 256 * 1024;
/// Pixels on a side of an upload, at most: looked at before anything is decoded.
const MOST_SIDE: u32 = 2048;
/// Memory that decoding may take.
const MOST_MEMORY: u64 = 64 * 1024 * 1024;
/// Pixels on a side of what is kept, at most.
const SIDE: u32 = 256;
/// Bytes of what is kept, at most: a first sign-in on a slow phone has 40 kB for everything.
const MOST_KEPT: usize = 12 * 1024;

/// Gives an app a picture and returns the app as it is then.
///
/// # Errors
/// [`Refused::Invalid`] if it is no picture or too large, [`Refused::NotFound`], [`Refused::Stale`].
pub async fn set(
    desk: &Desk,
    client_id: &str,
    upload: Vec<u8>,
    seen: Option<i32>,
) -> Result<Client, Refused> {
    // Before the work: whoever names no app makes none.
    let mut tx = desk.begin().await?;
    find(&mut tx, client_id).await?;
    drop(tx);
    let drawn = tokio::task::spawn_blocking(move || redraw(&upload)).await;
    let drawn = drawn.unwrap_or_else(|_| Err("cannot be read".to_owned()));
    let png = drawn.map_err(|message| Refused::invalid("logo", message))?;
    change(desk, client_id, Some(&png), seen).await
}

/// A picture as it would be kept.
///
/// # Errors
/// [`Refused::Invalid`] if it is no picture or too large.
pub(super) fn drawn(upload: &[u8]) -> Result<Drawn, Refused> {
    let png = redraw(upload).map_err(|message| Refused::invalid("logo", message))?;
    Ok(Drawn {
        name: name_of(&png),
        png,
    })
}

/// A picture that was drawn anew.
#[derive(Debug)]
pub(super) struct Drawn {
    /// What names it: two pictures of one name are the same.
    pub(super) name: String,
    png: Vec<u8>,
}

/// Gives an app a picture that was drawn, or takes its picture away.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Stale`].
pub(super) async fn keep(
    desk: &Desk,
    client_id: &str,
    drawn: Option<&Drawn>,
) -> Result<(), Refused> {
    let png = drawn.map(|drawn| drawn.png.as_slice());
    change(desk, client_id, png, None).await.map(drop)
}

/// Takes an app's picture away and returns the app as it is then.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Stale`].
pub async fn remove(desk: &Desk, client_id: &str, seen: Option<i32>) -> Result<Client, Refused> {
    change(desk, client_id, None, seen).await
}

async fn change(
    desk: &Desk,
    client_id: &str,
    png: Option<&[u8]>,
    seen: Option<i32>,
) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    let mut client = find(&mut tx, client_id).await?;
    check_seen(seen, client.revision)?;
    let before = client.logo.take();
    client.logo = png.map(name_of);
    if client.logo == before {
        return Ok(client);
    }
    clients::update(&mut tx, &client, desk.now).await?;
    match (png, &client.logo) {
        (Some(png), Some(hash)) => {
            client_logos::put(&mut tx, client.id, hash, png, desk.now).await?;
        }
        _ => client_logos::remove(&mut tx, client.id).await?,
    }
    let act = Act {
        operation: "UPDATE",
        resource: "client",
        id: client_id,
        details: json!({ "logo": { "before": before, "after": client.logo } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    client.revision += 1;
    client.updated_at = desk.now;
    Ok(client)
}

/// Names a picture by what is in it.
fn name_of(png: &[u8]) -> String {
    sha256(png)[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads a PNG, JPEG or WebP picture and draws it as a PNG of at most 256 by 256 pixels, smaller if that
/// is needed to keep it light: people see it 44 pixels wide.
fn redraw(upload: &[u8]) -> Result<Vec<u8>, String> {
    if upload.len() > MOST_BYTES {
        return Err(format!("is larger than {} KiB", MOST_BYTES / 1024));
    }
    let unreadable = "is no PNG, JPEG or WebP picture that can be read";
    // By its first bytes; what the upload calls itself does not count.
    let format = image::guess_format(upload).map_err(|_| unreadable)?;
    if !matches!(
        format,
        ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP
    ) {
        return Err(unreadable.to_owned());
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| match error {
        ImageError::Limits(_) => format!("has more than {MOST_SIDE} by {MOST_SIDE} pixels"),
        _ => unreadable.to_owned(),
    })?;
    let orientation = decoder.orientation();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|_| unreadable)?;
    if let Ok(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    let mut side = SIDE;
    loop {
        if picture.width() > side || picture.height() > side {
            picture = picture.thumbnail(side, side);
        }
        let plain = DynamicImage::ImageRgba8(picture.to_rgba8());
        let mut png = Cursor::new(Vec::new());
        plain
            .write_to(&mut png, ImageFormat::Png)
            .map_err(|_| "cannot be drawn")?;
        let png = png.into_inner();
        // A picture of 48 by 48 pixels is light, whatever is on it.
        if png.len() <= MOST_KEPT || side <= 48 {
            return Ok(png);
        }
        side = side * 3 / 4;
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        let image = RgbaImage::from_pixel(width, height, Rgba([200, 30, 90, 255]));
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgba8(image)
            .into_rgb8()
            .write_to(&mut bytes, format)
            .unwrap();
        bytes.into_inner()
    }

    fn size(png: &[u8]) -> (u32, u32) {
        assert_eq!(image::guess_format(png).unwrap(), ImageFormat::Png);
        let read = image::load_from_memory(png).unwrap();
        (read.width(), read.height())
    }

    #[test]
    fn a_picture_is_drawn_anew_and_small_and_keeps_its_shape() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let drawn = redraw(&picture(600, 300, format)).unwrap();
            assert_eq!(size(&drawn), (256, 128), "{format:?}");
            assert_eq!(size(&redraw(&picture(40, 40, format)).unwrap()), (40, 40));
        }
    }

    #[test]
    fn what_is_on_it_makes_no_picture_heavy() {
        // As hard to pack as a picture can be.
        let mut seed = 1_u32;
        let noise = RgbaImage::from_fn(240, 240, |_, _| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, d] = seed.to_be_bytes();
            Rgba([a, b, c ^ d, a ^ d])
        });
        let mut bytes = Cursor::new(Vec::new());
        noise.write_to(&mut bytes, ImageFormat::Png).unwrap();
        let drawn = redraw(bytes.get_ref()).unwrap();
        assert!(drawn.len() <= MOST_KEPT, "{} bytes", drawn.len());
        assert!(size(&drawn).0 >= 44, "{:?}", size(&drawn));
    }

    #[test]
    fn nothing_that_rides_along_is_kept() {
        let mut upload = picture(40, 40, ImageFormat::Png);
        upload.extend(b"<script>alert(1)</script>");
        let drawn = redraw(&upload).unwrap();
        assert!(!drawn.windows(8).any(|part| part == b"<script>"));
        assert_eq!(drawn, redraw(&picture(40, 40, ImageFormat::Png)).unwrap());
    }

    #[test]
    fn what_is_no_such_picture_is_refused() {
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        let gif = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;";
        let cut = &picture(40, 40, ImageFormat::Png)[..40];
        for bad in [
            &svg[..],
            &gif[..],
            cut,
            b"",
            b"https://evil.example/logo.png",
        ] {
            assert!(redraw(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_picture_that_unpacks_to_too_much_is_refused_before_it_does() {
        let wide = picture(MOST_SIDE + 1, 1, ImageFormat::Png);
        assert!(redraw(&wide).unwrap_err().contains("2048 by 2048"));
        // A header that promises more pixels than the bytes behind it could ever hold.
        let mut bomb = picture(1, 1, ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        let crc = crc32(&bomb[12..29]);
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(redraw(&bomb).is_err());
        assert!(
            redraw(&vec![0; MOST_BYTES + 1])
                .unwrap_err()
                .contains("256 KiB")
        );
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ 0xedb8_8320
                } else {
                    crc >> 1
                }
            })
        })
    }
}

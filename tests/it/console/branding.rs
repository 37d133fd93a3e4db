//! What an app brings along to the pages people see: uploaded here, drawn anew, shown there, and nothing
//! else comes with it.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use numbercloak::secret::{b64, random};
use numbercloak::store::staff::Role;

use crate::api::Program;
use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::command::run;
use crate::support::console::signed_in;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, count, http};

const PAGE: &str = "/admin/clients/shop/branding";

/// A picture of one colour.
pub fn picture(side: u32, format: ImageFormat) -> Vec<u8> {
    let image = RgbImage::from_pixel(side, side, Rgb([200, 30, 90]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

async fn at_branding(app: &App) -> Browser {
    let (mut browser, _) = signed_in(app, Role::Admin).await;
    browser.follow(PAGE).await;
    browser
}

/// What the attribute of the first tag that has it says.
fn found<'a>(source: &'a str, start: &str) -> Option<&'a str> {
    let (_, rest) = source.split_once(start)?;
    rest.split_once('"').map(|(value, _)| value)
}

async fn fetch(app: &App, path: &str) -> reqwest::Response {
    let answer = http().get(format!("{}{path}", app.issuer)).send().await;
    answer.unwrap()
}

#[tokio::test]
async fn a_logo_is_drawn_anew_and_stands_on_the_person_s_pages_from_our_own_origin() {
    let app = App::start().await;
    let mut browser = at_branding(&app).await;
    for format in [ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Png] {
        browser.upload("/logo", "logo", &picture(700, format)).await;
        let text = &browser.page().document.text;
        assert!(text.contains("The logo is shown from now on."), "{text}");
    }
    let mut person = app.browser();
    app.open(&mut person, &Wish::of(NUMBER)).await;
    let page = person.page().clone();
    let logo = found(&page.source, "<img class=\"picture\" src=\"").unwrap();
    assert!(
        page.document.text.contains("shop.example"),
        "the domain stays"
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("img-src 'self' data:;"), "{policy}");

    let answer = fetch(&app, logo).await;
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "image/png");
    assert_eq!(
        headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let png = answer.bytes().await.unwrap();
    assert_eq!(image::guess_format(&png).unwrap(), ImageFormat::Png);
    let drawn = image::load_from_memory(&png).unwrap();
    assert_eq!((drawn.width(), drawn.height()), (256, 256));

    browser.press("Take the logo away").await;
    app.open(&mut person, &Wish::of(NUMBER)).await;
    assert!(!person.page().source.contains("class=\"picture\""));
    assert!(person.page().source.contains("class=\"initial\""));
}

#[tokio::test]
async fn what_is_no_small_picture_is_refused_and_told() {
    let app = App::start().await;
    let mut browser = at_branding(&app).await;
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let big = vec![0_u8; 256 * 1024 + 1];
    let wide = picture(2049, ImageFormat::Png);
    for (file, told) in [
        (svg, "PNG, JPEG or WebP"),
        (big, "256 KiB"),
        (wide, "2048 by 2048"),
        (Vec::new(), "choose a picture first"),
    ] {
        browser.follow(PAGE).await;
        browser.upload("/logo", "logo", &file).await;
        assert_eq!(browser.page().status, 422, "{told}");
        let text = &browser.page().document.text;
        assert!(text.contains(told), "{told}: {text}");
    }
    browser.follow(PAGE).await;
    browser.upload("/logo", "logo", &vec![0; 1024 * 1024]).await;
    assert_eq!(browser.page().status, 413, "nobody reads that much");
    let client = app.state().client("shop").await.unwrap().unwrap();
    assert_eq!(client.logo, None);
    for path in [
        "/brand/logo-0123456789abcdef0123456789abcdef.png",
        "/brand/logo-.png",
        "/brand/accent-0b5566-0000000000000000.css",
        "/brand/..%2f..%2fetc%2fpasswd",
    ] {
        let answer = fetch(&app, path).await;
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_colour_comes_as_a_stylesheet_of_ours_and_nothing_but_a_colour_is_one() {
    let app = App::start().await;
    let mut browser = at_branding(&app).await;
    browser.press_with("Save", &[("accent", "#ffe600")]).await;
    let text = &browser.page().document.text;
    assert!(text.contains("black text"), "{text}");
    assert!(text.contains("darkened to #"), "{text}");
    let mut person = app.browser();
    app.open(&mut person, &Wish::of(NUMBER)).await;
    let page = person.page().clone();
    assert!(page.source.contains("<main class=\"brand\">"));
    assert!(!page.source.contains("<style") && !page.source.contains("style="));
    let sheet = page
        .source
        .split("<link rel=\"stylesheet\" href=\"")
        .filter_map(|rest| rest.split_once('"'))
        .map(|(path, _)| path)
        .find(|path| path.starts_with("/brand/accent-ffe600-"))
        .unwrap();
    let answer = fetch(&app, sheet).await;
    assert_eq!(answer.headers()["content-type"], "text/css; charset=utf-8");
    let css = answer.text().await.unwrap();
    assert!(css.contains("background:#ffe600;color:#000000"), "{css}");

    for bad in [
        "red",
        "#fff",
        "#ffe600;}",
        "url(//x)",
        "</style><script>",
        "#00000g",
    ] {
        browser.follow(PAGE).await;
        browser.press_with("Save", &[("accent", bad)]).await;
        assert_eq!(browser.page().status, 422, "{bad}");
        let text = &browser.page().document.text;
        assert!(text.contains("six hexadecimal digits"), "{bad}: {text}");
    }
    browser.follow(PAGE).await;
    let links = [
        ("accent", ""),
        ("policy_uri", "https://shop.example/privacy"),
        ("tos_uri", "https://shop.example/terms"),
    ];
    browser.press_with("Save", &links).await;
    app.open(&mut person, &Wish::of(NUMBER)).await;
    let page = person.page();
    assert!(!page.source.contains("/brand/"));
    let targets: Vec<_> = page.document.links.iter().map(|(_, to)| to).collect();
    assert!(
        targets
            .iter()
            .any(|to| *to == "https://shop.example/privacy")
    );
    assert!(targets.iter().any(|to| *to == "https://shop.example/terms"));
    browser.follow(PAGE).await;
    let script = [("policy_uri", "javascript:alert(1)")];
    browser.press_with("Save", &script).await;
    assert_eq!(browser.page().status, 422);
}

#[tokio::test]
async fn a_logo_comes_by_the_api_and_the_command_line_too_and_stands_in_the_record() {
    let app = App::start().await;
    let png = picture(40, ImageFormat::Png);
    let file = std::env::temp_dir().join(format!("numbercloak-{}.png", b64(&random::<12>())));
    std::fs::write(&file, &png).unwrap();
    let path = file.to_str().unwrap();
    let line = ["client", "update", "shop", "--json", "--logo-file", path];
    let set = run(&app, &line, "").await.json();
    std::fs::remove_file(&file).unwrap();
    let logo = set["logo"].as_str().unwrap().to_owned();
    assert_eq!(fetch(&app, &logo).await.status(), 200);
    let colour = ["client", "update", "shop", "--accent", "#0B5566", "--json"];
    let set = run(&app, &colour, "").await.json();
    assert_eq!(set["settings"]["accent"], "#0b5566");

    let program = Program::owner(&app).await;
    let image = STANDARD.encode(picture(41, ImageFormat::WebP));
    let body = serde_json::json!({ "image": image });
    let put = program.put("/clients/shop/logo", body).await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_ne!(put.json()["logo"], logo.as_str());
    for (bad, told) in [("%%%", "base64"), ("R0lGODlhAQABAAAAADs=", "PNG")] {
        let refused: Raw = program
            .put("/clients/shop/logo", serde_json::json!({ "image": bad }))
            .await;
        assert_eq!(refused.status, 422);
        assert!(refused.body.contains(told), "{}", refused.body);
    }
    let gone = program.delete("/clients/shop/logo").await;
    assert_eq!(gone.json()["logo"], serde_json::Value::Null);
    let missing = program.delete("/clients/nobody/logo").await;
    assert_eq!(missing.status, 404);
    let of_logos = "audit_records where convert_from(body, 'UTF8') like '%\"logo\":{%'";
    assert_eq!(count(&app, of_logos).await, 3, "set twice, taken away once");
}

//! Forged posts to a login's forms.

use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN};

use super::{Raw, cookie_header, count, http, nothing_opened};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn a_form_counts_only_with_its_own_token_and_from_our_own_page() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let csrf = browser.form("/continue").fields[0].1.clone();
    let login = app.only_login().await;
    let mut other = app.browser();
    app.open(&mut other, &Wish::of(OTHER_NUMBER)).await;
    let foreign = other.form("/continue").fields[0].1.clone();
    // The same browser's other login has another token, too.
    let mut second = browser.clone();
    app.open(&mut second, &Wish::of(OTHER_NUMBER)).await;
    let second = second.form("/continue").fields[0].1.clone();
    let own = app.issuer.as_str();
    let good = format!("csrf={csrf}");
    let forged: Vec<(String, Vec<(&str, &str)>)> = vec![
        (String::new(), vec![]),
        ("csrf=".into(), vec![]),
        (format!("csrf={}", &csrf[1..]), vec![]),
        (format!("csrf={csrf}A"), vec![]),
        (format!("csrf={foreign}"), vec![]),
        (format!("csrf={second}"), vec![]),
        (format!("CSRF={csrf}"), vec![]),
        (format!("csrf={foreign}&csrf={csrf}"), vec![]),
        (good.clone(), vec![("origin", "https://evil.example")]),
        (good.clone(), vec![("origin", "https://shop.example")]),
        (good.clone(), vec![("origin", "http://localhost")]),
        (good.clone(), vec![("sec-fetch-site", "cross-site")]),
        (good.clone(), vec![("sec-fetch-site", "same-site")]),
        (
            good.clone(),
            vec![("origin", own), ("sec-fetch-site", "cross-site")],
        ),
        (
            good.clone(),
            vec![("origin", "null"), ("sec-fetch-site", "cross-site")],
        ),
    ];
    let before = count(&app, "audit_records").await;
    for path in [
        "continue",
        "number",
        "operator",
        "cancel",
        "return",
        "more-time",
    ] {
        for (body, headers) in &forged {
            let mut request = http()
                .post(format!("{own}/login/{login}/{path}"))
                .header(COOKIE, cookie_header(&browser))
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(format!(
                    "{body}&phone_number=%2B990709999&operator=simulator"
                ));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = Raw::of(request).await;
            assert!(
                matches!(answer.status, 400 | 403 | 409 | 422),
                "{path} {body} {headers:?}: {}",
                answer.status
            );
            assert!(
                answer.body.contains("This form is out of date"),
                "{path} {body}"
            );
            // The page leads back to the login: no dead end.
            assert!(
                answer.body.contains(&format!("/login/{login}")),
                "{path} {body}"
            );
        }
        // In the query a token is nothing.
        let in_query = http()
            .post(format!("{own}/login/{login}/{path}?{good}"))
            .header(COOKIE, cookie_header(&browser));
        assert!(Raw::of(in_query).await.body.contains("out of date"));
        // A GET of a form's address, as of a restored tab, shows the login and changes nothing.
        let got = http()
            .get(format!("{own}/login/{login}/{path}?{good}"))
            .header(COOKIE, cookie_header(&browser));
        let got = Raw::of(got).await;
        assert_eq!(got.status, 200);
        assert!(got.body.contains("Check your number"), "{path}");
    }
    assert_eq!(count(&app, "audit_records").await, before);
    assert_eq!(count(&app, "legs").await, 0);
    nothing_opened(&app).await;

    let request = http()
        .post(format!("{own}/login/{login}/continue"))
        .header(COOKIE, cookie_header(&browser))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ORIGIN, own)
        .header("sec-fetch-site", "same-origin")
        .body(good);
    assert_eq!(Raw::of(request).await.status, 200);
    assert_eq!(count(&app, "legs").await, 1);
}

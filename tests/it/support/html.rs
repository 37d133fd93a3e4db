//! As much HTML as our pages and the simulator's use: tags, attributes, text, character references.
//! Anything else is a panic: a page that this cannot read should be looked at.

/// A form of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent, as written.
    pub action: String,
    /// `get` or `post`.
    pub method: String,
    /// Its inputs: name and value.
    pub fields: Vec<(String, String)>,
    /// Its buttons: text, and name and value if they have them.
    pub buttons: Vec<(String, Option<(String, String)>)>,
}

/// What of a page tests look at.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The title.
    pub title: String,
    /// The first heading.
    pub heading: String,
    /// All text of the body, white space collapsed.
    pub text: String,
    /// Its forms.
    pub forms: Vec<Form>,
    /// Its links: text and target, as written.
    pub links: Vec<(String, String)>,
    /// Where a `refresh` leads within seconds, as written.
    pub refresh: Option<String>,
    /// Whether a select's first option comes next: it is chosen unless another one says that it is.
    awaits_option: bool,
}

/// Tags that have no end.
const VOID: [&str; 9] = [
    "meta", "link", "input", "br", "path", "circle", "rect", "hr", "img",
];

/// Reads a page.
pub fn read(html: &str) -> Document {
    let mut document = Document::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let text = decode(&rest[..start]);
        take_text(&mut document, &open, &text);
        rest = &rest[start + 1..];
        let end = end_of_tag(rest);
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop();
            part_words(&mut document, name.trim());
            assert_eq!(closed.as_deref(), Some(name.trim()), "tags do not nest");
            continue;
        }
        let tag_is_empty = tag.ends_with('/');
        let (name, attributes) = attributes(tag.trim_end_matches('/'));
        part_words(&mut document, &name);
        take_tag(&mut document, &name, &attributes);
        if !tag_is_empty && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<String>::new(), "tags are left open");
    for text in [
        &mut document.title,
        &mut document.heading,
        &mut document.text,
    ] {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    document
}

/// The `>` that ends a tag: not one within quotes.
fn end_of_tag(rest: &str) -> usize {
    let mut quoted = false;
    rest.find(|c| {
        quoted ^= c == '"';
        c == '>' && !quoted
    })
    .expect("a tag ends")
}

fn attributes(tag: &str) -> (String, Vec<(String, String)>) {
    let (name, mut rest) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            break;
        }
        let end = rest
            .find(|c: char| c == '=' || c.is_whitespace())
            .unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end);
        let mut value = "";
        rest = after;
        if let Some(after) = after.strip_prefix("=\"") {
            let (inside, after) = after.split_once('"').expect("quotes are closed");
            (value, rest) = (inside, after);
        } else {
            assert!(!after.starts_with('='), "an attribute without quotes");
        }
        found.push((attribute.to_owned(), decode(value)));
    }
    (name.to_owned(), found)
}

fn take_tag(document: &mut Document, name: &str, attributes: &[(String, String)]) {
    let get = |wanted: &str| {
        attributes
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    };
    let named = || Some((get("name")?, get("value").unwrap_or_default()));
    match name {
        "form" => document.forms.push(Form {
            action: get("action").expect("a form has an action"),
            method: get("method").unwrap_or_else(|| "get".to_owned()),
            ..Form::default()
        }),
        "input" => {
            let form = document.forms.last_mut().expect("an input is in a form");
            let is_choice = matches!(get("type").as_deref(), Some("checkbox" | "radio"));
            if !is_choice || get("checked").is_some() {
                form.fields.extend(named());
            }
        }
        "textarea" | "select" => {
            let form = document.forms.last_mut().expect("a field is in a form");
            form.fields.extend(named());
            document.awaits_option = name == "select";
        }
        "option" => {
            let form = document.forms.last_mut().expect("an option is in a form");
            let (_, chosen) = form.fields.last_mut().expect("an option is in a select");
            if document.awaits_option || get("selected").is_some() {
                *chosen = get("value").expect("an option has a value");
            }
            document.awaits_option = false;
        }
        "button" => {
            let form = document.forms.last_mut().expect("a button is in a form");
            form.buttons.push((String::new(), named()));
        }
        "a" => document
            .links
            .push((String::new(), get("href").unwrap_or_default())),
        "meta" if get("http-equiv").as_deref() == Some("refresh") => {
            let content = get("content").unwrap_or_default();
            let (wait, url) = content
                .split_once(";url=")
                .expect("a refresh leads somewhere");
            assert!(
                wait.parse::<u8>().is_ok_and(|seconds| seconds <= 5),
                "{wait}"
            );
            document.refresh = Some(url.to_owned());
        }
        _ => {}
    }
}

/// Words on two sides of a block's edge are two words.
fn part_words(document: &mut Document, tag: &str) {
    if !["a", "b", "bdi", "code", "span", "strong"].contains(&tag) {
        document.text.push(' ');
    }
}

fn take_text(document: &mut Document, open: &[String], text: &str) {
    let within = |name: &str| open.iter().any(|tag| tag == name);
    if within("title") {
        document.title.push_str(text);
    }
    if within("h1") {
        document.heading.push_str(text);
    }
    if within("button") {
        let form = document.forms.last_mut().expect("a button is in a form");
        form.buttons.last_mut().expect("open").0.push_str(text);
    }
    if within("textarea") {
        let form = document.forms.last_mut().expect("a textarea is in a form");
        form.fields.last_mut().expect("open").1.push_str(text);
    }
    if within("a") {
        document.links.last_mut().expect("open").0.push_str(text);
    }
    if within("body") && !within("script") && !within("style") {
        document.text.push_str(text);
    }
}

/// A text without the character references that askama writes.
pub fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        decoded.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let (name, after) = rest.split_once(';').expect("a reference ends");
        let c = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" => '\u{a0}',
            _ => name
                .strip_prefix('#')
                .and_then(|number| match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok(),
                    None => number.parse().ok(),
                })
                .and_then(char::from_u32)
                .expect("a reference we know"),
        };
        decoded.push(c);
        rest = after;
    }
    decoded.push_str(rest);
    decoded
}

#[test]
fn a_page_is_read_with_its_form_and_its_way_on() {
    let page = read(
        "<!doctype html><html><head><meta charset=\"utf-8\"><title>A &#38; B</title>\n\
         <meta http-equiv=\"refresh\" content=\"0;url=/x?a=1&amp;b=2\"></head><body><h1>Head <bdi>one</bdi></h1>\
         <form method=\"post\" action=\"/y\"><input name=\"n\" value=\"a > b\"><button name=\"b\" value=\"1\">Go</button></form>\
         <a href=\"/z\">There</a></body></html>",
    );
    assert_eq!(page.title, "A & B");
    assert_eq!(page.heading, "Head one");
    assert_eq!(page.refresh.as_deref(), Some("/x?a=1&b=2"));
    assert_eq!(page.text, "Head one Go There");
    assert_eq!(page.links, [("There".to_owned(), "/z".to_owned())]);
    let form = &page.forms[0];
    assert_eq!((form.action.as_str(), form.method.as_str()), ("/y", "post"));
    assert_eq!(form.fields, [("n".to_owned(), "a > b".to_owned())]);
    let button = ("Go".to_owned(), Some(("b".to_owned(), "1".to_owned())));
    assert_eq!(form.buttons, [button]);
}

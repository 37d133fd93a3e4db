//! A browser without JavaScript: cookies, redirects, refreshes, forms. It stays on this machine:
//! where a page or a redirect leads elsewhere, to the app for one, it stops and says where.

use std::net::SocketAddr;
use std::time::Duration;

use numbercloak::clock::{Clock, Time};
use reqwest::header::{
    CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, ORIGIN, SET_COOKIE, USER_AGENT,
};
use reqwest::{Method, StatusCode};
use url::{Host, Url};
use uuid::Uuid;

use super::html::{self, Document, Form};
use super::{client_through, outside_client};

/// More hops than any browser makes.
const MOST_HOPS: usize = 20;

/// What a form sends: its content type and its bytes.
type Posted = (String, Vec<u8>);

/// One request and where its answer led.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Url,
    /// The answer's status.
    pub status: StatusCode,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The title of the page, if it was one.
    pub title: String,
    /// Bytes of the answer's body.
    pub size: usize,
}

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it is.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its source.
    pub source: String,
    /// What stands on it.
    pub document: Document,
}

/// One cookie.
#[derive(Clone, Debug)]
pub struct Cookie {
    host: String,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    path: String,
    secure: bool,
    /// `Lax` or stricter: not sent with what another site posts.
    same_site: bool,
    /// `Strict`: not sent with anything that another site led to.
    strict: bool,
    expires_at: Option<Time>,
}

/// Where a trip ended.
#[derive(Clone, Debug)]
pub enum End {
    /// On a page.
    Page,
    /// On the way to somebody else: the app.
    Left(Url),
    /// Nowhere: no answer in time, a broken connection, redirects without end.
    Lost(&'static str),
}

/// A browser. [`Browser::clone`] is a second one with the same cookies.
#[derive(Clone)]
pub struct Browser {
    http: reqwest::Client,
    clock: Clock,
    jar: Vec<Cookie>,
    /// All requests so far.
    pub hops: Vec<Hop>,
    /// Where the last trip ended.
    pub end: End,
    page: Option<Page>,
    /// Whether refreshes are followed at once, as browsers do.
    pub follows_refresh: bool,
    /// What it calls itself.
    pub user_agent: Option<&'static str>,
    /// Its `Accept-Language`.
    pub languages: &'static str,
    /// Which replica answers for an authority; else the address in the URL.
    route: Option<(String, SocketAddr)>,
}

impl Browser {
    /// A browser without cookies that waits as long as people do.
    pub fn new(clock: &Clock) -> Self {
        Self::with_patience(clock, Duration::from_secs(30))
    }

    /// One that waits so long for an answer.
    pub fn with_patience(clock: &Clock, patience: Duration) -> Self {
        Self {
            http: outside_client(patience),
            clock: clock.clone(),
            jar: Vec::new(),
            hops: Vec::new(),
            end: End::Lost("went nowhere yet"),
            page: None,
            follows_refresh: true,
            user_agent: None,
            languages: "en",
            route: None,
        }
    }

    /// A phone: everything goes through this proxy.
    pub fn through(clock: &Clock, proxy: SocketAddr) -> Self {
        Self {
            http: client_through(proxy),
            ..Self::new(clock)
        }
    }

    /// From now on the issuer's requests go to this replica.
    pub fn goes_to(&mut self, issuer: &str, replica: SocketAddr) {
        let url = Url::parse(issuer).unwrap();
        self.route = Some((authority(&url), replica));
    }

    /// Types an address or follows a link from elsewhere.
    pub async fn open(&mut self, url: impl AsRef<str>) {
        let url = Url::parse(url.as_ref()).unwrap();
        self.page = None;
        self.travel(Method::GET, url, None).await;
    }

    /// Follows a link or path of the page.
    pub async fn follow(&mut self, target: &str) {
        let url = self.page().url.join(target).unwrap();
        self.travel(Method::GET, url, None).await;
    }

    /// Follows the page's refresh, where refreshes are not followed by themselves.
    pub async fn proceed(&mut self) {
        let target = self.page().document.refresh.clone();
        self.follow(&target.expect("the page has a refresh")).await;
    }

    /// Presses the button with this text; its form goes as it is but for `fields`.
    pub async fn press_with(&mut self, button: &str, fields: &[(&str, &str)]) {
        let page = self.page();
        let found = page.document.forms.iter().find_map(|form| {
            let button = form
                .buttons
                .iter()
                .find(|(text, _)| text.trim() == button)?;
            Some((form.clone(), button.1.clone()))
        });
        let Some((form, pressed)) = found else {
            panic!("no button {button} on: {}", page.document.text);
        };
        self.send(&form, pressed, fields).await;
    }

    /// Presses the button with this text.
    pub async fn press(&mut self, button: &str) {
        self.press_with(button, &[]).await;
    }

    /// Presses `Continue`; where the operator takes no hint, says that the phone has this SIM.
    pub async fn go_as(&mut self, sim: &str) {
        self.press("Continue").await;
        if matches!(self.end, End::Page) && self.title() == "Which SIM is this?" {
            self.press_with("Be this SIM", &[("sim", sim)]).await;
        }
    }

    /// Sends the form whose action ends so.
    pub async fn submit(&mut self, action: &str, fields: &[(&str, &str)]) {
        let form = self.form(action);
        self.send(&form, None, fields).await;
    }

    /// The form whose action ends so.
    pub fn form(&self, action: &str) -> Form {
        let page = self.page();
        let mut forms = page.document.forms.iter();
        forms
            .find(|form| form.action.ends_with(action))
            .unwrap_or_else(|| panic!("no form to {action} on: {}", page.document.text))
            .clone()
    }

    /// Sends a form of the page.
    pub async fn send(
        &mut self,
        form: &Form,
        pressed: Option<(String, String)>,
        fields: &[(&str, &str)],
    ) {
        let url = self.page().url.join(&form.action).unwrap();
        let mut pairs = form.fields.clone();
        for (name, value) in fields {
            pairs.retain(|(known, _)| known != name);
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
        pairs.extend(pressed);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&pairs)
            .finish();
        assert_eq!(form.method, "post");
        let kind = "application/x-www-form-urlencoded".to_owned();
        self.travel(Method::POST, url, Some((kind, body.into_bytes())))
            .await;
    }

    /// Sends the form whose action ends so with a file in this field.
    pub async fn upload(&mut self, action: &str, field: &str, file: &[u8]) {
        const BOUNDARY: &str = "----between-the-parts";
        let form = self.form(action);
        let url = self.page().url.join(&form.action).unwrap();
        let mut body = Vec::new();
        for (name, value) in form.fields.iter().filter(|(name, _)| name != field) {
            let part = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            );
            body.extend(part.into_bytes());
        }
        // What the file calls itself must not count.
        let start = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"a.svg\"\r\n\
             Content-Type: image/svg+xml\r\n\r\n"
        );
        body.extend(start.into_bytes());
        body.extend(file);
        body.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.travel(Method::POST, url, Some((kind, body))).await;
    }

    /// The last page.
    pub fn page(&self) -> &Page {
        match &self.page {
            Some(page) => page,
            None => panic!("no page: {:?}", self.end),
        }
    }

    /// The last page's title without the app's or service's name.
    pub fn title(&self) -> &str {
        own_title(&self.page().document.title)
    }

    /// Where the browser left to.
    pub fn left(&self) -> &Url {
        match &self.end {
            End::Left(url) => url,
            other => panic!("did not leave but: {other:?}, on: {:?}", self.page),
        }
    }

    /// The titles of all pages seen, in order, without the app's or service's name.
    pub fn titles(&self) -> Vec<&str> {
        self.hops
            .iter()
            .map(|hop| own_title(&hop.title))
            .filter(|title| !title.is_empty())
            .collect()
    }

    /// The login that the page belongs to, as its forms say.
    pub fn login(&self) -> Uuid {
        let mut forms = self.page().document.forms.iter();
        let id = forms.find_map(|form| form.action.strip_prefix("/login/")?.split('/').next());
        Uuid::parse_str(id.expect("a page of a login")).unwrap()
    }

    /// Sends a form as this page's could be, to another action of the same login: what a person
    /// forges, or an older page still offers.
    pub async fn forge(&mut self, action: &str, fields: &[(&str, &str)]) {
        let mut form = self.page().document.forms[0].clone();
        form.action = format!("/login/{}/{action}", self.login());
        self.send(&form, None, fields).await;
    }

    /// The cookies for a host.
    pub fn cookies(&self, host: &str) -> Vec<&Cookie> {
        self.jar
            .iter()
            .filter(|cookie| cookie.host == host)
            .collect()
    }

    /// Forgets the cookies whose name starts so.
    pub fn forget_cookies(&mut self, start: &str) {
        self.jar.retain(|cookie| !cookie.name.starts_with(start));
    }

    /// Puts a cookie there by hand.
    pub fn set_cookie(&mut self, host: &str, name: &str, value: &str) {
        self.store(
            host,
            &format!("{name}={value}; Path=/; SameSite=Lax"),
            false,
        );
    }

    async fn travel(&mut self, method: Method, url: Url, body: Option<Posted>) {
        let mut from = self.page.take().map(|page| page.url);
        let (mut method, mut url, mut body) = (method, url, body);
        for _ in 0..MOST_HOPS {
            if !is_here(&url) {
                self.end = End::Left(url);
                return;
            }
            let request = self.request(&method, &url, from.as_ref(), body.clone());
            let Ok(answer) = request.send().await else {
                self.end = End::Lost("no answer");
                return;
            };
            let (status, headers) = (answer.status(), answer.headers().clone());
            let host = url.host_str().unwrap_or_default().to_owned();
            for set in headers.get_all(SET_COOKIE) {
                let secure = url.scheme() == "https";
                self.store(&host, set.to_str().unwrap(), secure);
            }
            let mut hop = Hop {
                method: method.clone(),
                url: url.clone(),
                status,
                headers: headers.clone(),
                title: String::new(),
                size: 0,
            };
            if status.is_redirection() {
                self.hops.push(hop);
                let target = String::from_utf8_lossy(headers[LOCATION].as_bytes()).into_owned();
                url = url.join(&target).unwrap();
                if !matches!(status.as_u16(), 307 | 308) {
                    (method, body) = (Method::GET, None);
                }
                continue;
            }
            let Ok(source) = answer.text().await else {
                self.end = End::Lost("the answer broke off");
                return;
            };
            let is_html = headers
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
            let document = if is_html {
                html::read(&source)
            } else {
                Document::default()
            };
            hop.title.clone_from(&document.title);
            hop.size = source.len();
            self.hops.push(hop);
            let refresh = document.refresh.clone().filter(|_| self.follows_refresh);
            let page = Page {
                url: url.clone(),
                status,
                headers,
                source,
                document,
            };
            match refresh {
                Some(target) => {
                    from = Some(url.clone());
                    url = url.join(&target).unwrap();
                    (method, body) = (Method::GET, None);
                    self.page = Some(page);
                }
                None => {
                    self.page = Some(page);
                    self.end = End::Page;
                    return;
                }
            }
        }
        self.end = End::Lost("redirects without end");
    }

    /// A request as browsers make it. Under `Referrer-Policy: no-referrer`, which our pages have,
    /// forms carry `Origin: null`.
    fn request(
        &self,
        method: &Method,
        url: &Url,
        from: Option<&Url>,
        body: Option<Posted>,
    ) -> reqwest::RequestBuilder {
        let same_site = from.is_none_or(|from| from.host_str() == url.host_str());
        let site = match from {
            None => "none",
            Some(from) if from.origin() == url.origin() => "same-origin",
            Some(_) if same_site => "same-site",
            Some(_) => "cross-site",
        };
        let mut sent_to = url.clone();
        let here = authority(url);
        if let Some((_, replica)) = self.route.as_ref().filter(|(known, _)| *known == here) {
            sent_to.set_ip_host(replica.ip()).unwrap();
            sent_to.set_port(Some(replica.port())).unwrap();
        }
        let mut request = self
            .http
            .request(method.clone(), sent_to)
            .header(HOST, here)
            .header("sec-fetch-site", site)
            .header("accept-language", self.languages);
        if let Some(agent) = self.user_agent {
            request = request.header(USER_AGENT, agent);
        }
        let now = self.clock.now();
        let cookies: Vec<String> = self
            .jar
            .iter()
            .filter(|cookie| {
                cookie.host == url.host_str().unwrap_or_default()
                    && url.path().starts_with(&cookie.path)
                    && (!cookie.secure || url.scheme() == "https")
                    && cookie.expires_at.is_none_or(|end| end > now)
                    && (same_site || !cookie.same_site || *method == Method::GET)
                    && (same_site || !cookie.strict)
            })
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        match body {
            None => request,
            Some((kind, body)) => request
                .header(CONTENT_TYPE, kind)
                .header(ORIGIN, "null")
                .body(body),
        }
    }

    fn store(&mut self, host: &str, set: &str, over_tls: bool) {
        let mut parts = set.split(';').map(str::trim);
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut cookie = Cookie {
            host: host.to_owned(),
            name: name.to_owned(),
            value: value.to_owned(),
            path: "/".to_owned(),
            secure: false,
            same_site: false,
            strict: false,
            expires_at: None,
        };
        for attribute in parts {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match key.to_ascii_lowercase().as_str() {
                "path" => value.clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                "samesite" => {
                    cookie.same_site = !value.eq_ignore_ascii_case("none");
                    cookie.strict = value.eq_ignore_ascii_case("strict");
                }
                "max-age" => {
                    let seconds: u64 = value.parse().unwrap();
                    cookie.expires_at = Some(self.clock.now() + Duration::from_secs(seconds));
                }
                "domain" => panic!("a cookie for more than this host: {name}"),
                "httponly" => {}
                other => panic!("an attribute we do not know: {other}"),
            }
        }
        assert!(!cookie.secure || over_tls, "browsers refuse this: {name}");
        self.jar
            .retain(|known| known.host != cookie.host || known.name != cookie.name);
        if cookie.expires_at.is_none_or(|end| end > self.clock.now()) {
            self.jar.push(cookie);
        }
    }
}

fn own_title(title: &str) -> &str {
    title.rsplit_once(" – ").map_or(title, |(own, _)| own)
}

fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        _ => false,
    }
}

fn authority(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

//! Checks over more than one value, and against the files that are named.

use std::path::Path;
use std::time::Duration;

use url::Url;

use super::Needs;
use super::clients;
use super::console;
use super::faults::Fault;
use super::root_keys;
use super::sections::Settings;
use super::sources::{Given, Origin};
use super::span;

/// Adds every fault found. A key already found at fault is not spoken of again. With `needs`, only
/// what a tool with those needs would stumble over.
pub(super) fn all(
    settings: &Settings,
    given: &Given,
    needs: Option<Needs>,
    faults: &mut Vec<Fault>,
) {
    let mut check = Check { given, faults };
    if needs.is_none_or(|needs| needs.issuer) {
        check.required(
            "issuer",
            "set it to your public URL, such as issuer = \"https://id.example.com\"",
        );
    }
    check.required(
        "database.url",
        "set NUMBERCLOAK__DATABASE__URL, or NUMBERCLOAK__DATABASE__URL_FILE to a file with it",
    );
    check.database(settings);
    if needs.is_none_or(|needs| needs.root_keys) {
        check.root_keys(settings);
    }
    check.spans(settings);
    check.can_be_read(
        "operators.extra_ca_file",
        settings.operators.extra_ca_file.as_deref(),
    );
    // The files of TLS are for the server's user, who may be another than the tool's.
    if needs.is_some() {
        return;
    }
    check.tls(settings);
    check.mtls(settings);
    check.streams(settings);
    for (key, what, fix) in console::faults(&settings.console) {
        check.fault(key, what, fix);
    }
    if let Some(url) = &settings.branding.support_url
        && !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http" | "mailto"))
    {
        check.fault(
            "branding.support_url",
            "is not a link that people can open",
            "write an https:// or mailto: URL",
        );
    }
}

struct Check<'a> {
    given: &'a Given,
    faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    fn is_usable(&self, key: &str) -> bool {
        !self.given.failed.contains(key)
    }

    fn is_set(&self, key: &str) -> bool {
        self.given.values.contains_key(key)
    }

    fn fault(&mut self, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        if self.is_usable(key) {
            self.faults
                .push(Fault::new(self.given.place(key), what, fix));
        }
    }

    fn required(&mut self, key: &str, fix: &str) {
        if !self.is_set(key) {
            self.fault(key, "is not set", fix);
        }
    }

    fn database(&mut self, settings: &Settings) {
        let database = &settings.database;
        let urls = [
            ("database.url", Some(&database.url)),
            ("database.migrator_url", database.migrator_url.as_ref()),
        ];
        for (key, url) in urls {
            let Some(url) = url.filter(|_| self.is_set(key)) else {
                continue;
            };
            let parsed = Url::parse(url.reveal());
            if !parsed.is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql")) {
                let fix = "write postgres://user:password@host:5432/name, special characters in the \
                           password percent-encoded";
                self.fault(key, "is not a PostgreSQL URL", fix);
            }
        }
    }

    fn streams(&mut self, settings: &Settings) {
        let streams = &settings.streams;
        if let Some(url) = &streams.webhook_url {
            if !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http")) {
                let fix = "write streams.webhook_url = \"https://siem.example.com/numbercloak\"";
                self.fault("streams.webhook_url", "is no https URL", fix);
            }
            if streams.webhook_secret.is_none() {
                self.fault(
                    "streams.webhook_secret",
                    "is not set, and whoever gets what is sent could not tell that it is ours",
                    "set NUMBERCLOAK__STREAMS__WEBHOOK_SECRET_FILE to a file with at least 32 random characters",
                );
            }
        }
        let collector = streams.otlp_url.as_deref().map(Url::parse);
        if collector.is_some_and(|url| !url.is_ok_and(|u| matches!(u.scheme(), "https" | "http"))) {
            let fix = "write streams.otlp_url = \"https://collector.example.com/v1/logs\"";
            self.fault("streams.otlp_url", "is no https URL", fix);
        }
        let short = |secret: &crate::secret::Redacted| secret.reveal().chars().count() < 32;
        if streams.webhook_secret.as_ref().is_some_and(short) {
            let fix =
                "use at least 32 random characters, such as the output of openssl rand -base64 32";
            self.fault("streams.webhook_secret", "is too short to be a key", fix);
        }
        let retention = &settings.retention;
        if retention.personal > retention.audit {
            let fix = "keep the records at least as long as their personal parts";
            self.fault("retention.personal", "is longer than retention.audit", fix);
        }
    }

    fn root_keys(&mut self, settings: &Settings) {
        const SOURCES: [&str; 3] = [
            "keys.root_key_file",
            "keys.root_key",
            "keys.root_key_command",
        ];
        let keys = &settings.keys;
        let set: Vec<_> = SOURCES.into_iter().filter(|key| self.is_set(key)).collect();
        match set[..] {
            [] if SOURCES.iter().all(|key| self.is_usable(key)) => self.fault(
                "keys.root_key_file",
                "no root key is configured",
                "make one with `numbercloak key init` and name its file here",
            ),
            [] | [_] => {}
            [first, second, ..] => {
                let what = format!("{} is set as well", self.given.place(first));
                self.fault(second, what, "keep one of the two");
            }
        }
        if let Some((_, Origin::File(..))) = self.given.values.get("keys.root_key") {
            let what = "a root key does not belong in the configuration file";
            self.fault(
                "keys.root_key",
                what,
                "move it to a file and name that in keys.root_key_file",
            );
        } else if let Some(line) = &keys.root_key
            && let Err((what, fix)) = root_keys::parse(line.reveal())
        {
            self.fault("keys.root_key", what, fix);
        }
        let every = keys.rotate_every;
        if !every.is_zero() && every < Duration::from_secs(2 * 86_400) {
            self.fault(
                "keys.rotate_every",
                "is shorter than apps need to learn of a key",
                "write keys.rotate_every = \"90d\", or \"0s\" to rotate by hand only",
            );
        }
        if self.is_set("keys.root_key_command") && keys.root_key_command.is_empty() {
            self.fault(
                "keys.root_key_command",
                "is empty",
                "name a program and its arguments",
            );
        }
        let active = keys
            .root_key_file
            .iter()
            .map(|path| ("keys.root_key_file", path));
        let retired = keys.retired_root_key_files.iter();
        for (key, path) in active.chain(retired.map(|path| ("keys.retired_root_key_files", path))) {
            if let Err((what, fix)) = root_keys::read_root_key_file(path) {
                self.fault(key, what, fix);
            }
        }
    }

    fn tls(&mut self, settings: &Settings) {
        const CERTIFICATE: &str = "server.tls.certificate_file";
        const KEY: &str = "server.tls.key_file";
        let server = &settings.server;
        for (set, missing) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE)] {
            if self.is_set(set) && !self.is_set(missing) {
                self.fault(
                    missing,
                    format!("is not set, but {set} is"),
                    "set both or neither",
                );
            }
        }
        let files = [
            (CERTIFICATE, server.tls.certificate_file.as_deref()),
            (KEY, server.tls.key_file.as_deref()),
        ];
        for (key, path) in files {
            if let Some(path) = path
                && let Err(error) = std::fs::File::open(path)
            {
                let what = format!("{} cannot be read ({error})", path.display());
                self.fault(key, what, "name a PEM file that this user may read");
            }
        }
        if let Some(path) = server.tls.key_file.as_deref()
            && root_keys::mode_of(path).is_some_and(|mode| mode & 0o007 != 0)
        {
            self.others_can_read(KEY, path);
        }
        let has_tls = self.is_set(CERTIFICATE) || self.is_set(KEY);
        if has_tls
            && settings
                .issuer
                .as_ref()
                .is_some_and(|issuer| !issuer.is_https())
        {
            self.fault(
                "issuer",
                "is http:// while server.tls is set",
                "write https://, or remove [server.tls]",
            );
        }
        if server.proxy_protocol
            && server.trusted_proxies.is_empty()
            && self.is_usable("server.trusted_proxies")
        {
            self.fault(
                "server.proxy_protocol",
                "would let anybody claim any address: server.trusted_proxies is empty",
                "list your proxies' networks in server.trusted_proxies",
            );
        }
        if server.listen == Some(server.management_listen) && server.management_listen.port() != 0 {
            self.fault(
                "server.management_listen",
                "is the same as server.listen",
                "give /metrics and the health checks a port of their own",
            );
        }
    }

    fn mtls(&mut self, settings: &Settings) {
        const CERTIFICATE: &str = "mtls.certificate_file";
        const KEY: &str = "mtls.key_file";
        let mtls = &settings.mtls;
        for (set, missing) in [(CERTIFICATE, KEY), (KEY, CERTIFICATE)] {
            if self.is_set(set) && !self.is_set(missing) {
                let what = format!("is not set, but {set} is");
                self.fault(missing, what, "set both or neither");
            }
        }
        let files = [
            (CERTIFICATE, mtls.certificate_file.as_deref()),
            (KEY, mtls.key_file.as_deref()),
            ("mtls.client_ca_file", mtls.client_ca_file.as_deref()),
        ];
        for (key, path) in files {
            self.can_be_read(key, path);
        }
        if let Some(path) = mtls.key_file.as_deref()
            && root_keys::mode_of(path).is_some_and(|mode| mode & 0o007 != 0)
        {
            self.others_can_read(KEY, path);
        }
        if mtls.listen.is_some()
            && !self.is_set(CERTIFICATE)
            && !self.is_set("server.tls.certificate_file")
        {
            let what = "has no certificate to listen with";
            self.fault(
                "mtls.listen",
                what,
                "set mtls.certificate_file and mtls.key_file",
            );
        }
        if mtls
            .url
            .as_deref()
            .is_some_and(|url| !clients::is_base(url))
        {
            let fix = "write https://host or https://host:port";
            self.fault("mtls.url", "is not the base of https URLs", fix);
        }
        let Some(header) = &mtls.proxy_header else {
            return;
        };
        if http::HeaderName::from_bytes(header.as_bytes()).is_err() {
            let fix = "write a name such as client-cert";
            self.fault("mtls.proxy_header", "is not the name of a header", fix);
        }
        // With a PROXY line the peer is the app itself, which could write the header.
        let server = &settings.server;
        if server.trusted_proxies.is_empty() || server.proxy_protocol {
            self.fault(
                "mtls.proxy_header",
                "would let anybody claim any certificate",
                "list your proxies' networks in server.trusted_proxies and leave \
                 server.proxy_protocol off",
            );
        }
    }

    fn can_be_read(&mut self, key: &str, path: Option<&Path>) {
        if let Some(path) = path
            && let Err(error) = std::fs::File::open(path)
        {
            let what = format!("{} cannot be read ({error})", path.display());
            self.fault(key, what, "name a PEM file that this user may read");
        }
    }

    fn others_can_read(&mut self, key: &str, path: &Path) {
        let shown = path.display();
        let what = format!("{shown} can be read by everybody");
        self.fault(key, what, format!("chmod o= {shown}"));
    }

    /// Pairs in which the first may not be longer than the second.
    fn spans(&mut self, settings: &Settings) {
        let login = &settings.lifetimes;
        let operators = &settings.operators;
        let pairs: [(&str, Duration, &str, Duration); 3] = [
            ("lifetimes.leg", login.leg, "lifetimes.login", login.login),
            (
                "lifetimes.session_idle",
                login.session_idle,
                "lifetimes.session_absolute",
                login.session_absolute,
            ),
            (
                "operators.connect_timeout",
                operators.connect_timeout,
                "operators.total_timeout",
                operators.total_timeout,
            ),
        ];
        for (short, value, long, limit) in pairs {
            if value > limit && self.is_usable(long) {
                let (value, limit) = (span::show(value), span::show(limit));
                // The one that was set is the one to look at.
                let key = if self.is_set(short) { short } else { long };
                let what = format!("{short} ({value}) is longer than {long} ({limit})");
                self.fault(
                    key,
                    what,
                    format!("write {short} = \"{limit}\" or less, or raise {long}"),
                );
            }
        }
    }
}

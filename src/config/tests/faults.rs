//! What is refused, and in which words.

use super::*;

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    for (toml, env, flags, place, near) in [
        (
            "[server]\nlisen = 1\n",
            None,
            None,
            ":8 server.lisen",
            "server.listen",
        ),
        (
            "listen = 1\n",
            None,
            None,
            ":7 keys.listen",
            "server.listen",
        ),
        ("[sever]\nlisten = 1\n", None, None, ":7 sever", "server"),
        (
            "",
            Some(("NUMBERCLOAK__SERVER__LISEN", "1")),
            None,
            "env NUMBERCLOAK__SERVER__LISEN",
            "NUMBERCLOAK__SERVER__LISTEN",
        ),
        (
            "",
            None,
            Some(("log.levl", "1")),
            "flag log.levl",
            "log.level",
        ),
    ] {
        let (env, flags): (Vec<_>, Vec<_>) =
            (env.into_iter().collect(), flags.into_iter().collect());
        let fault = only_fault(minimal_and(toml, &env, &flags));
        assert!(fault.place.ends_with(place), "{fault}");
        assert_eq!(fault.fix, format!("did you mean `{near}`?"));
    }
    let fault = only_fault(minimal_and("[qqqqqqqq]\n", &[], &[]));
    assert!(fault.fix.contains("config schema"), "{fault}");
}

#[test]
fn a_wrong_value_is_answered_with_what_is_expected() {
    for (key, value, expected) in [
        ("server.listen", "8080", "server.listen = \"0.0.0.0:8443\""),
        (
            "server.listen",
            "\"localhost\"",
            "server.listen = \"0.0.0.0:8443\"",
        ),
        ("server.proxy_protocol", "\"yes\"", "true or false"),
        (
            "server.trusted_proxies",
            "[\"10.0.0.0/99\"]",
            "[\"10.0.0.0/8\"]",
        ),
        (
            "server.trusted_proxies",
            "\"10.0.0.0/8\"",
            "a list of texts",
        ),
        ("server", "1", "write [server]"),
        (
            "database.max_connections",
            "\"many\"",
            "a whole number from 2 to 1000",
        ),
        (
            "database.max_connections",
            "1",
            "a whole number from 2 to 1000",
        ),
        (
            "database.max_connections",
            "-1",
            "a whole number from 2 to 1000",
        ),
        ("lifetimes.code", "\"11m\"", "from 5s to 10m"),
        ("lifetimes.code", "601", "from 5s to 10m"),
        ("lifetimes.code", "-1", "from 5s to 10m"),
        ("lifetimes.code", "\"soon\"", "lifetimes.code = \"1m\""),
        ("log.format", "\"xml\"", "one of \"json\", \"text\""),
        ("branding.service_name", "\"\"", "a text"),
        (
            "branding.support_url",
            "\"javascript:alert(1)\"",
            "https://",
        ),
    ] {
        let toml = format!("{key} = {value}\n{DOTTED}");
        let fault = only_fault(load_text(&Folder::new(), &toml, &[], &[]));
        assert!(fault.place.ends_with(&format!(":1 {key}")), "{fault}");
        assert!(fault.fix.contains(expected), "{fault}");
    }
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    for (toml, place) in [
        ("lifetimes.leg = \"16m\"", "lifetimes.leg"),
        ("lifetimes.login = \"2m\"", "lifetimes.login"),
        ("lifetimes.session_idle = \"25h\"", "lifetimes.session_idle"),
        (
            "operators.connect_timeout = \"9s\"",
            "operators.connect_timeout",
        ),
        ("server.proxy_protocol = true", "server.proxy_protocol"),
        (
            "server.listen = \"127.0.0.1:9000\"",
            "server.management_listen",
        ),
        (
            "server.tls.key_file = \"root.key\"",
            "server.tls.certificate_file",
        ),
    ] {
        let toml = format!("{toml}\n{MINIMAL}");
        let fault = only_fault(load_text(&Folder::new(), &toml, &[], &[]));
        assert!(fault.place.ends_with(place), "{fault}");
    }
}

#[test]
fn plain_http_is_refused_on_a_public_host() {
    let env = [("NUMBERCLOAK__ISSUER", "http://id.example.com")];
    let fault = only_fault(minimal_and("", &env, &[]));
    assert_eq!(fault.place, "env NUMBERCLOAK__ISSUER");
    assert!(fault.what.contains("needs https"), "{fault}");
    assert!(fault.fix.contains("https://id.example.com"), "{fault}");
    assert!(minimal_and("", &[("NUMBERCLOAK__ISSUER", "http://[::1]:1")], &[]).is_ok());
}

#[test]
fn all_faults_are_told_at_once() {
    let toml = "[server]\nlisten = 1\nlisen = 1\n[lifetimes]\nleg = \"x\"\nlogin = \"1d\"\n";
    let env = [("NUMBERCLOAK__LOG__LEVEL", "loud"), ("NUMBERCLOAK__X", "1")];
    let flags = [("operators.allow_test", "maybe"), ("issuer", "ftp://x")];
    let faults = load_text(&Folder::new(), toml, &env, &flags).unwrap_err();
    let mut places: Vec<_> = faults.0.iter().map(|fault| fault.place.as_str()).collect();
    places.sort_by_key(|place| place.rsplit(' ').next().unwrap().to_owned());
    let last: Vec<_> = places
        .iter()
        .map(|place| place.rsplit(' ').next().unwrap())
        .collect();
    assert_eq!(
        last,
        [
            "NUMBERCLOAK__LOG__LEVEL",
            "NUMBERCLOAK__X",
            "database.url",
            "issuer",
            "keys.root_key_file",
            "lifetimes.leg",
            "lifetimes.login",
            "operators.allow_test",
            "server.lisen",
            "server.listen",
        ],
        "{faults}"
    );
    assert!(
        faults
            .to_string()
            .starts_with("the configuration has 10 faults\n")
    );
}

#[test]
fn a_file_that_is_missing_or_not_toml_is_named_with_the_line() {
    let fault = &load(
        Some(Path::new("/nonexistent.toml")),
        std::iter::empty(),
        Vec::new(),
    )
    .unwrap_err()
    .0[0];
    assert_eq!(fault.place, "/nonexistent.toml");

    let secret = "url = \"postgres://app:hunter2@db/n";
    let toml = format!("issuer = \"https://id.example.com\"\n[database]\n{secret}\n");
    let faults = load_text(&Folder::new(), &toml, &[], &[]).unwrap_err();
    assert_eq!(
        faults.0.len(),
        1,
        "what is missing cannot be known: {faults}"
    );
    assert!(faults.0[0].place.ends_with("config.toml:3"), "{faults}");
    assert!(!faults.to_string().contains("hunter2"), "{faults}");
}

#[test]
fn a_root_key_others_can_read_is_refused_with_the_command_that_mends_it() {
    let folder = Folder::new();
    for mode in [0o640, 0o604, 0o660, 0o644] {
        folder.allow("root.key", mode);
        let fault = only_fault(load_text(&folder, MINIMAL, &[], &[]));
        let path = folder.0.join("root.key");
        assert_eq!(fault.fix, format!("chmod 600 {}", path.display()));
    }
    folder.allow("root.key", 0o400);
    assert!(load_text(&folder, MINIMAL, &[], &[]).is_ok());
}

#[test]
fn exactly_one_root_key_is_configured_and_it_must_be_one() {
    let key = root_key();
    let twice = [("NUMBERCLOAK__KEYS__ROOT_KEY", key.as_str())];
    assert!(
        only_fault(minimal_and("", &twice, &[]))
            .what
            .contains("set as well")
    );

    let without = MINIMAL.replace("root_key_file = \"root.key\"", "");
    let load = |toml: &str, env: &[(&str, &str)]| load_text(&Folder::new(), toml, env, &[]);
    assert!(only_fault(load(&without, &[])).what.contains("no root key"));
    assert!(load(&without, &twice).is_ok());
    let bad = [("NUMBERCLOAK__KEYS__ROOT_KEY", "hunter2")];
    let fault = only_fault(load(&without, &bad));
    assert!(fault.what.contains("does not hold a root key"), "{fault}");
    assert!(!fault.to_string().contains("hunter2"), "{fault}");
    let in_file = format!("{without}root_key = \"{key}\"\n");
    let fault = only_fault(load(&in_file, &[]));
    assert!(fault.what.contains("does not belong"), "{fault}");
    assert!(!fault.to_string().contains(&key), "{fault}");
    let gone = MINIMAL.replace("root.key", "gone.key");
    assert!(only_fault(load(&gone, &[])).what.contains("cannot be read"));
}

#[test]
fn a_secret_is_refused_as_a_flag() {
    let fault = only_fault(minimal_and("", &[], &[("database.url", "postgres://db/n")]));
    assert_eq!(fault.place, "flag database.url");
    assert!(fault.fix.contains("NUMBERCLOAK__DATABASE__URL"), "{fault}");
}

//! Secrets: where they are read from, and that they are never shown.

use super::*;

#[test]
fn a_secret_can_come_from_a_file_without_its_last_newline() {
    let folder = Folder::new();
    let path = folder.write("url", "postgres://db/from-file\n");
    let toml = MINIMAL.replace("url =", "max_connections = 5 #");
    let env = [("NUMBERCLOAK__DATABASE__URL_FILE", path.to_str().unwrap())];
    let config = load_text(&folder, &toml, &env, &[]).unwrap();
    assert_eq!(config.database.url.reveal(), "postgres://db/from-file");
    assert!(
        config
            .redacted_toml()
            .contains("# env NUMBERCLOAK__DATABASE__URL_FILE")
    );

    let both = [env[0], ("NUMBERCLOAK__DATABASE__URL", "postgres://db/n")];
    let fault = only_fault(load_text(&folder, &toml, &both, &[]));
    assert_eq!(fault.place, "env NUMBERCLOAK__DATABASE__URL_FILE");

    let missing = [("NUMBERCLOAK__DATABASE__URL_FILE", "/nonexistent/url")];
    let fault = only_fault(load_text(&folder, &toml, &missing, &[]));
    assert!(
        fault.what.starts_with("/nonexistent/url cannot be read"),
        "{fault}"
    );

    let no_secret = [("NUMBERCLOAK__LOG__LEVEL_FILE", "/x")];
    let fault = only_fault(minimal_and("", &no_secret, &[]));
    assert!(fault.fix.contains("NUMBERCLOAK__LOG__LEVEL "), "{fault}");
}

#[test]
fn root_keys_are_read_active_first_and_from_a_command_too() {
    let (old, new) = (root_key(), root_key());
    let folder = Folder::new();
    folder.write("root.key", &new);
    folder.write("old.key", &old);
    let reveal = |config: Config| {
        let roots = config.keys.read()?;
        Ok::<_, Faults>(roots.iter().map(RootKey::reveal).collect::<Vec<_>>())
    };
    let toml = format!("{MINIMAL}retired_root_key_files = [\"old.key\"]\n");
    let config = load_text(&folder, &toml, &[], &[]).unwrap();
    assert_eq!(reveal(config).unwrap(), [new.clone(), old]);

    folder.write("old.key", &new);
    let config = load_text(&folder, &toml, &[], &[]).unwrap();
    assert!(reveal(config).unwrap_err().0[0].what.contains("twice"));

    let command = |words: &str| {
        let line = format!("root_key_command = {words}");
        let toml = MINIMAL.replace("root_key_file = \"root.key\"", &line);
        load_text(&folder, &toml, &[], &[]).unwrap()
    };
    let says = reveal(command(&format!("[\"echo\", \"{new}\"]"))).unwrap();
    assert_eq!(says, [new]);
    for bad in [
        "[\"false\"]",
        "[\"echo\", \"hunter2\"]",
        "[\"/nonexistent\"]",
    ] {
        let faults = reveal(command(bad)).unwrap_err();
        assert_eq!(faults.0[0].place, "keys.root_key_command");
        assert!(!faults.to_string().contains("hunter2"), "{faults}");
    }
}

#[test]
fn no_secret_is_ever_shown() {
    let key = root_key();
    let env = [
        ("NUMBERCLOAK__KEYS__ROOT_KEY", key.as_str()),
        (
            "NUMBERCLOAK__DATABASE__MIGRATOR_URL",
            "postgres://owner:hunter3@db/n",
        ),
    ];
    let toml = MINIMAL.replace("root_key_file = \"root.key\"", "");
    let config = load_text(&Folder::new(), &toml, &env, &[]).unwrap();
    let shown = config.redacted_toml();
    for text in [&shown, &format!("{config:?}")] {
        for secret in ["hunter2", "hunter3", &key] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    assert!(shown.contains("root_key = \"[redacted]\" # env NUMBERCLOAK__KEYS__ROOT_KEY\n"));

    let bad = [
        ("NUMBERCLOAK__DATABASE__URL", "mysql://hunter4"),
        ("NUMBERCLOAK__DATABASE__MIGRATOR_URL", "hunter5"),
    ];
    let flag = [("keys.root_key", "hunter6")];
    let faults = minimal_and("[[database.url]]\nx = \"hunter7\"\n", &bad, &flag).unwrap_err();
    assert!(
        !format!("{faults}{faults:?}").contains("hunter"),
        "{faults}"
    );
}

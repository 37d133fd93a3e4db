//! Configuration as code.

use std::collections::HashMap;
use std::path::Path;

use image::ImageFormat;
use numbercloak::admin::apply::{self, Applying, Change};
use numbercloak::admin::apply_file::File;
use numbercloak::admin::audit::Query;
use numbercloak::admin::{
    Refused, client_logo, clients, finder, network_ranges, operators, ranges,
};
use numbercloak::secret::Redacted;
use numbercloak::store::network_ranges::NetworkKind;
use serde_json::json;

use crate::console::branding::picture;
use crate::support::app::{App, NUMBER, OPERATOR};
use crate::support::rp::Wish;

const SECRET: &str = "between the operator and us";

const FILE: &str = r#"
owner = "platform"

[[clients]]
client_id = "bank"
name = "Bank"
redirect_uris = ["https://bank.example/cb"]
settings = { confirm = "always", operators = ["vf"], checks = { sim_swap = { policy = "report" } } }

[[clients]]
client_id = "kiosk"
name = "Kiosk"
type = "spa"
redirect_uris = ["https://kiosk.example/cb"]
disabled = true

[[operators]]
alias = "vf"
preset = "vodafone"
base_url = "https://vf.example"
client_secret_file = "vf.secret"
settings = { client_id = "us" }
"#;

/// Networks and their autonomous systems.
const TABLE: &str = "network,asn\n192.0.2.0/25,3352\n192.0.2.128/25,3352\n198.51.100.0/24,64500\n";

/// The same file with what stands beside it.
fn with_tables() -> String {
    let file = FILE.replace(
        "name = \"Bank\"",
        "name = \"Bank\"\nlogo_file = \"bank.png\"",
    );
    let ranges = "ranges = { file = \"vf.csv\", asns = [3352] }";
    let networks = "[networks]\nvpn = { networks = [\"203.0.113.0/24\", \"198.51.100.7\"] }";
    format!("{file}{ranges}\n\n{networks}\n")
}

/// How a run goes: its flags.
#[derive(Clone, Copy, Default)]
struct Flags {
    dry_run: bool,
    prune: bool,
    take_over: bool,
}

async fn run(app: &App, text: &str, flags: Flags) -> Result<Vec<Change>, Refused> {
    let files: HashMap<&str, &str> = HashMap::from([
        ("vf.secret", SECRET),
        ("secrets/vf.client_secret", SECRET),
        (
            "secrets/simulator.client_secret",
            "a secret between operator and us",
        ),
    ]);
    let how = Applying {
        outbound: &app.state().outbound,
        secret: |file: &Path| match files.get(file.to_str().unwrap()) {
            Some(text) => Ok(Redacted::new(*text)),
            None => Err(Refused::Invalid {
                field: "secret_file",
                message: format!("{} cannot be read", file.display()),
            }),
        },
        bytes: &|file: &Path| match file.to_str() {
            Some("bank.png") => Ok(picture(64, ImageFormat::Png)),
            Some("vf.csv") => Ok(TABLE.as_bytes().to_vec()),
            _ => Err(Refused::Invalid {
                field: "file",
                message: format!("{} cannot be read", file.display()),
            }),
        },
        dry_run: flags.dry_run,
        prune: flags.prune,
        take_over: flags.take_over,
    };
    apply::apply(&app.desk(), &File::parse(text)?, &how).await
}

const LOOK: Flags = Flags {
    dry_run: true,
    prune: false,
    take_over: false,
};

const PRUNE: Flags = Flags {
    dry_run: false,
    prune: true,
    take_over: false,
};

const TAKE_OVER: Flags = Flags {
    dry_run: false,
    prune: false,
    take_over: true,
};

fn told(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| format!("{} {} {}", change.action, change.resource, change.id);
    changes.iter().map(line).collect()
}

#[tokio::test]
async fn a_file_is_told_then_done_then_there_is_nothing_left_to_do() {
    let app = App::start().await;
    let all = [
        "create operator vf",
        "create client bank",
        "create client kiosk",
    ];
    // The first app names an operator that is not there yet.
    let looked = run(&app, FILE, LOOK).await.unwrap();
    assert_eq!(told(&looked), all);
    assert!(operators::show(&app.desk(), "vf").await.is_err());
    let done = run(&app, FILE, Flags::default()).await.unwrap();
    assert_eq!(told(&done), all);
    assert!(done[1].client_secret.is_some() && done[2].client_secret.is_none());
    let bank = clients::show(&app.desk(), "bank").await.unwrap();
    assert_eq!(bank.managed_by.as_deref(), Some("platform"));
    assert_eq!(bank.settings.operators, ["vf"]);
    assert!(
        clients::show(&app.desk(), "kiosk")
            .await
            .unwrap()
            .disabled_at
            .is_some()
    );
    let again = run(&app, FILE, Flags::default()).await.unwrap();
    assert_eq!(told(&again), [""; 0]);
    assert_eq!(
        clients::show(&app.desk(), "bank").await.unwrap().revision,
        bank.revision
    );
}

#[tokio::test]
async fn what_people_changed_since_is_told_field_by_field_and_set_right() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let edit = |fields: &mut clients::Editable| fields.settings.fresh_for_s = 0;
    clients::update(&app.desk(), "bank", None, edit)
        .await
        .unwrap();
    operators::set_disabled(&app.desk(), "vf", true)
        .await
        .unwrap();
    let looked = run(&app, FILE, LOOK).await.unwrap();
    assert_eq!(told(&looked), ["update operator vf", "update client bank"]);
    assert_eq!(
        looked[0].changes,
        json!({"paused": {"before": true, "after": false}})
    );
    let field = json!({"settings.fresh_for_s": {"before": 0, "after": 900}});
    assert_eq!(looked[1].changes, field);
    run(&app, FILE, Flags::default()).await.unwrap();
    assert_eq!(run(&app, FILE, LOOK).await.unwrap(), []);
    let query = Query {
        client_id: Some("bank".to_owned()),
        kind: Some("ADMIN_EVENT".to_owned()),
        ..Query::default()
    };
    assert_eq!(app.audit(query).await.len(), 3);
}

#[tokio::test]
async fn an_operator_moves_to_another_server_with_the_secret_the_file_gives_and_with_no_other() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let moved = FILE.replace("https://vf.example", "https://id.vf.example");
    let blind = moved.replace("client_secret_file = \"vf.secret\"\n", "");
    for flags in [LOOK, Flags::default()] {
        let refused = run(&app, &blind, flags).await.unwrap_err();
        assert!(
            matches!(
                refused,
                Refused::Invalid {
                    field: "client_secret",
                    ..
                }
            ),
            "{refused}"
        );
    }
    for flags in [LOOK, Flags::default()] {
        let changes = run(&app, &moved, flags).await.unwrap();
        assert_eq!(changes[0].changes["credentials"], "replaced");
    }
    assert_eq!(run(&app, &moved, LOOK).await.unwrap(), []);
}

#[tokio::test]
async fn what_a_dry_run_tells_is_what_a_run_does_a_changed_sector_is_refused_by_both() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let uri = "sector_identifier_uri = \"https://sector.example/uris\"\n";
    let moved = FILE.replace("name = \"Bank\"\n", &format!("name = \"Bank\"\n{uri}"));
    for flags in [LOOK, Flags::default()] {
        let refused = run(&app, &moved, flags).await.unwrap_err().to_string();
        assert!(refused.contains("changes every sub"), "{refused}");
    }
}

#[tokio::test]
async fn pruning_ends_what_the_owner_kept_and_nothing_else() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let ended = run(&app, "owner = \"platform\"", PRUNE).await.unwrap();
    let expected = ["end client bank", "end client kiosk", "end operator vf"];
    assert_eq!(told(&ended), expected);
    assert!(
        clients::show(&app.desk(), "bank")
            .await
            .unwrap()
            .disabled_at
            .is_some()
    );
    assert!(
        operators::show(&app.desk(), "vf")
            .await
            .unwrap()
            .disabled_at
            .is_some()
    );
    assert_eq!(
        told(&run(&app, "owner = \"platform\"", PRUNE).await.unwrap()),
        [""; 0]
    );
    // Nobody becomes the app that was removed, and no export tries to.
    let theirs = FILE.replace("platform", "others");
    for flags in [LOOK, Flags::default()] {
        let refused = run(&app, &theirs, flags).await.unwrap_err().to_string();
        assert!(refused.contains("removed for good"), "{refused}");
    }
    let exported = apply::export(&app.desk(), "all", false).await.unwrap();
    let named: Vec<_> = exported.clients.iter().map(|app| &app.client_id).collect();
    assert!(!named.contains(&&"bank".to_owned()), "{named:?}");
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
}

#[tokio::test]
async fn a_row_of_another_owner_is_taken_over_on_purpose_only() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let theirs = FILE.replace("platform", "others");
    let refused = run(&app, &theirs, LOOK).await.unwrap_err();
    assert!(refused.to_string().contains("platform"), "{refused}");
    let taken = run(&app, &theirs, TAKE_OVER).await.unwrap();
    assert_eq!(taken.len(), 3);
    let bank = clients::show(&app.desk(), "bank").await.unwrap();
    assert_eq!(bank.managed_by.as_deref(), Some("others"));
}

#[tokio::test]
async fn what_is_exported_applies_without_a_difference_but_its_owner_and_holds_no_secret() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let text = apply::export(&app.desk(), "platform", false)
        .await
        .unwrap()
        .to_toml();
    assert!(
        !text.contains(SECRET) && !text.contains("a secret between"),
        "{text}"
    );
    for part in [
        "client_id = \"shop\"",
        "alias = \"simulator\"",
        "secrets/vf.client_secret",
    ] {
        assert!(text.contains(part), "{part} {text}");
    }
    // What nobody kept is kept by the file's owner from now on; nothing else differs.
    let changes = run(&app, &text, Flags::default()).await.unwrap();
    let expected = [
        format!("update operator {OPERATOR}"),
        "update client shop".to_owned(),
    ];
    assert_eq!(told(&changes), expected);
    for change in &changes {
        assert_eq!(
            change.changes,
            json!({"managed_by": {"before": null, "after": "platform"}})
        );
    }
    assert_eq!(run(&app, &text, LOOK).await.unwrap(), []);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
}

#[tokio::test]
async fn the_telco_finder_is_kept_by_the_file_too_and_exported_again() {
    const FINDER: &str = r#"
owner = "platform"

[telco_finder]
secret_file = "vf.secret"
settings = { url = "https://finder.example/lookup", auth = "bearer", timeout_ms = 900 }
"#;
    let app = App::start().await;
    let wrong = FINDER.replace("900", "90000");
    let refused = run(&app, &wrong, LOOK).await.unwrap_err();
    assert!(refused.to_string().contains("timeout_ms"), "{refused}");
    let all = ["create telco_finder telco_finder"];
    assert_eq!(told(&run(&app, FINDER, LOOK).await.unwrap()), all);
    assert!(finder::show(&app.desk()).await.unwrap().is_none());
    assert_eq!(
        told(&run(&app, FINDER, Flags::default()).await.unwrap()),
        all
    );
    assert_eq!(run(&app, FINDER, LOOK).await.unwrap(), []);
    let slower = FINDER.replace("900", "1600");
    let changes = run(&app, &slower, Flags::default()).await.unwrap();
    assert_eq!(
        changes[0].changes["timeout_ms"],
        json!({"before": 900, "after": 1600})
    );
    let moved = slower.replace("finder.example", "finder2.example");
    let blind = moved.replace("secret_file = \"vf.secret\"\n", "");
    for flags in [LOOK, Flags::default()] {
        let refused = run(&app, &blind, flags).await.unwrap_err();
        assert!(refused.to_string().starts_with("secret"), "{refused}");
    }
    let changes = run(&app, &moved, Flags::default()).await.unwrap();
    assert_eq!(changes[0].changes["secret"], "replaced");
    let exported = apply::export(&app.desk(), "platform", false).await.unwrap();
    let text = exported.to_toml();
    assert!(
        text.contains("timeout_ms = 1600") && !text.contains(SECRET),
        "{text}"
    );
    // Secrets are where the export expects them, or they stay as they are.
    let text = text.replace("secrets/telco_finder.secret", "vf.secret");
    run(&app, &text, Flags::default()).await.unwrap();
    assert_eq!(run(&app, &text, LOOK).await.unwrap(), []);
    // It has an owner like everything else.
    let known = finder::show(&app.desk()).await.unwrap().unwrap();
    assert_eq!(known.managed_by.as_deref(), Some("platform"));
    let theirs = FINDER.replace("platform", "others");
    let refused = run(&app, &theirs, LOOK).await.unwrap_err();
    assert!(refused.to_string().contains("platform"), "{refused}");
    let own = apply::export(&app.desk(), "others", true).await.unwrap();
    assert!(own.telco_finder.is_none());
    let taken = run(&app, &theirs, TAKE_OVER).await.unwrap();
    assert_eq!(
        taken[0].changes["managed_by"],
        json!({"before": "platform", "after": "others"})
    );
    let ended = run(&app, "owner = \"platform\"", PRUNE).await.unwrap();
    assert!(
        !told(&ended).contains(&all[0].replace("create", "end")),
        "{ended:?}"
    );
    assert_eq!(
        told(&run(&app, "owner = \"others\"", PRUNE).await.unwrap()),
        ["end telco_finder telco_finder"]
    );
    assert!(finder::show(&app.desk()).await.unwrap().is_none());
}

#[tokio::test]
async fn tables_and_pictures_beside_the_file_are_kept_like_the_rest_and_exported_in_it() {
    let app = App::start().await;
    let text = with_tables();
    let all = [
        "create operator vf",
        "update operator_ranges vf",
        "update networks vpn",
        "create client bank",
        "update client_logo bank",
        "create client kiosk",
    ];
    assert_eq!(told(&run(&app, &text, LOOK).await.unwrap()), all);
    let kind = NetworkKind::Vpn;
    let none = network_ranges::show(&app.desk(), kind).await.unwrap();
    assert!(none.is_none());
    assert_eq!(
        told(&run(&app, &text, Flags::default()).await.unwrap()),
        all
    );
    assert_eq!(run(&app, &text, LOOK).await.unwrap(), []);
    let ranges = ranges::show(&app.desk(), "vf").await.unwrap();
    assert_eq!(ranges.networks, ["192.0.2.0/24".parse().unwrap()]);
    assert_eq!(ranges.asns, [3352]);
    let own = apply::export(&app.desk(), "platform", true).await.unwrap();
    let own = own.to_toml();
    assert!(
        own.contains("192.0.2.0/24") && own.contains("203.0.113.0/24"),
        "{own}"
    );
    assert_eq!(run(&app, &own, LOOK).await.unwrap(), [], "{own}");

    // What people do meanwhile is told and set right.
    let other = ["203.0.113.0/24".parse().unwrap()];
    network_ranges::load(&app.desk(), kind, &other)
        .await
        .unwrap();
    ranges::load(&app.desk(), "vf", &[], &[]).await.unwrap();
    client_logo::remove(&app.desk(), "bank", None)
        .await
        .unwrap();
    let changes = run(&app, &own, LOOK).await.unwrap();
    let expected = [
        "update operator_ranges vf",
        "update networks vpn",
        "update client_logo bank",
    ];
    assert_eq!(told(&changes), expected);
    let of_networks = json!({
        "added": { "count": 1, "first": ["198.51.100.7/32"] },
        "removed": { "count": 0, "first": [] },
    });
    assert_eq!(changes[1].changes, of_networks);
    run(&app, &own, Flags::default()).await.unwrap();
    assert_eq!(run(&app, &text, LOOK).await.unwrap(), []);

    let theirs = "owner = \"others\"\n[networks]\nvpn = {}\n";
    let refused = run(&app, theirs, LOOK).await.unwrap_err();
    assert!(refused.to_string().contains("platform"), "{refused}");
    let ended = run(&app, "owner = \"platform\"", PRUNE).await.unwrap();
    assert!(
        told(&ended).contains(&"end networks vpn".to_owned()),
        "{ended:?}"
    );
    let left = network_ranges::show(&app.desk(), kind).await.unwrap();
    let left = left.unwrap();
    assert!(left.networks.is_empty() && left.managed_by.is_none());
    let records = app.audit(Query::default()).await;
    let of_networks = records
        .iter()
        .filter(|record| record.body["resource"] == "network_ranges");
    let keepers: Vec<_> = of_networks
        .map(|record| &record.body["details"]["managed_by"])
        .collect();
    assert_eq!(keepers.first(), Some(&&json!("platform")));
    assert_eq!(keepers.last(), Some(&&json!(null)));
}

#[tokio::test]
async fn a_table_or_picture_that_cannot_be_used_is_refused_before_anything_is_done() {
    let app = App::start().await;
    let text = with_tables();
    for (from, to, says) in [
        ("vf.csv", "none.csv", "none.csv"),
        ("asns = [3352]", "asns = [1]", "no network"),
        ("file = \"vf.csv\"", "networks = [\"192.0.2.0/24\"]", "asns"),
        ("203.0.113.0/24", "0.0.0.0/0", "0.0.0.0/0"),
        (
            "logo_file = \"bank.png\"",
            "logo_file = \"vf.csv\"",
            "no PNG",
        ),
        (
            "logo_file = \"bank.png\"",
            "logo_file = \"bank.png\"\nlogo = \"\"",
            "not both",
        ),
        ("logo_file = \"bank.png\"", "logo = \"%\"", "base64"),
    ] {
        assert!(text.contains(from), "{from}");
        let refused = run(&app, &text.replacen(from, to, 1), LOOK)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(says), "{to}: {refused}");
    }
    assert!(operators::show(&app.desk(), "vf").await.is_err());
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_before_it_is_told() {
    let app = App::start().await;
    for (from, to, says) in [
        ("name = \"Bank\"", "nam = \"Bank\"", "nam"),
        ("confirm = \"always\"", "confirm = \"perhaps\"", "perhaps"),
        (
            "https://bank.example/cb",
            "http://bank.example/cb",
            "redirect_uris",
        ),
        ("client_id = \"kiosk\"", "client_id = \"bank\"", "twice"),
        ("vf.secret", "none.secret", "none.secret"),
        ("preset = \"vodafone\"", "preset = \"nobody\"", "preset"),
        ("owner = \"platform\"", "owner = \"The Platform\"", "owner"),
    ] {
        let refused = run(&app, &FILE.replacen(from, to, 1), LOOK)
            .await
            .unwrap_err();
        assert!(refused.to_string().contains(says), "{to}: {refused}");
    }
    let kept = clients::list(&app.desk()).await.unwrap();
    assert_eq!(kept.len(), 1);
}

//! Configuration as code.

use std::collections::HashMap;
use std::path::Path;

use numbercloak::admin::apply::{self, Applying, Change};
use numbercloak::admin::apply_file::File;
use numbercloak::admin::audit::Query;
use numbercloak::admin::{Refused, clients, operators};
use numbercloak::secret::Redacted;
use serde_json::json;

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
async fn pruning_ends_what_the_owner_kept_and_nothing_else() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let flags = Flags {
        prune: true,
        ..Flags::default()
    };
    let ended = run(&app, "owner = \"platform\"", flags).await.unwrap();
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
        told(&run(&app, "owner = \"platform\"", flags).await.unwrap()),
        [""; 0]
    );
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
}

#[tokio::test]
async fn a_row_of_another_owner_is_taken_over_on_purpose_only() {
    let app = App::start().await;
    run(&app, FILE, Flags::default()).await.unwrap();
    let theirs = FILE.replace("platform", "others");
    let refused = run(&app, &theirs, LOOK).await.unwrap_err();
    assert!(refused.to_string().contains("platform"), "{refused}");
    let flags = Flags {
        take_over: true,
        ..Flags::default()
    };
    let taken = run(&app, &theirs, flags).await.unwrap();
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

//! What dev mode puts into the database: the simulated operators, the demo clients, the first owner's
//! setup link. Run at every start; changes only what differs.

use std::path::Path;

use crate::admin::clients::{self, NewClient};
use crate::admin::operators::{self, NewOperator};
use crate::admin::{Desk, Refused, client_secrets, staff};
use crate::config::Issuer;
use crate::dev::files;
use crate::dev::networks::{Networks, OPERATOR};
use crate::dev::personas::{OurKeys, register as register_persona};
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::{Redacted, Token, same};
use crate::simulator::SimulatedClient;
use crate::store::checks::{CheckContract, Offered, Policy};
use crate::store::clients::{Handoff, Kind, Settings as ClientSettings};
use crate::store::operators::{
    Credentials, HintForm, IdTokenRule, Mode, Settings as OperatorSettings,
};

/// A demo app as it is registered.
pub(super) struct App {
    id: &'static str,
    name: &'static str,
    /// What becomes of a login whose extra checks fail or cannot be made.
    checks: Policy,
    /// Whether a desktop may move a login to a phone.
    handoff: Handoff,
}

/// The one whose button people press first.
pub(super) const DEMO: App = App {
    id: "demo",
    name: "Demo app",
    checks: Policy::Off,
    handoff: Handoff::Off,
};

/// The one that shows what the extra checks refuse, and hands off.
pub(super) const STRICT: App = App {
    id: "demo-strict",
    name: "Strict demo app",
    checks: Policy::Require,
    handoff: Handoff::On,
};

/// A demo app's registration.
pub struct DemoClient {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret.
    pub secret: Redacted,
}

/// Registers the simulator as an operator, and us with the simulator. Its address and our secret
/// there are new at every start.
pub(super) async fn operator(
    desk: &Desk,
    issuer: &Issuer,
    networks: &Networks,
) -> anyhow::Result<()> {
    let simulator = &networks.usual;
    let secret = Token::random().reveal();
    simulator.handle().register(SimulatedClient {
        client_id: "numbercloak".to_owned(),
        client_secret: Some(secret.clone()),
        jwks: None,
        redirect_uris: vec![issuer.url(&format!("/broker/{OPERATOR}/endpoint"))],
    });
    let settings = OperatorSettings {
        issuer: Some(simulator.issuer().to_owned()),
        api_root: simulator.issuer().to_owned(),
        client_id: "numbercloak".to_owned(),
        login_hint: HintForm::Tel,
        id_token: IdTokenRule::Required,
        id_token_algs: vec![SigningAlg::RS256],
        require_iss: true,
        // Longer than those of the other personas, so that this one is asked if nobody names another.
        prefixes: (0..10).map(|digit| format!("990{digit}")).collect(),
        ip_ranges: networks.addresses_of(OPERATOR),
        checks: Offered {
            sim_swap: Some(CheckContract::default()),
            number_recycling: Some(CheckContract::default()),
            ..Offered::default()
        },
        ..OperatorSettings::default()
    };
    let credentials = Credentials {
        client_secret: Some(Redacted::new(secret)),
        ..Credentials::default()
    };
    let operator = NewOperator {
        alias: OPERATOR.to_owned(),
        name: "Simulated Network".to_owned(),
        mode: Mode::Test,
        settings,
        credentials,
    };
    put(desk, operator).await
}

/// Registers the other personas as operators, and us with them.
pub(super) async fn others(
    desk: &Desk,
    issuer: &Issuer,
    networks: &Networks,
) -> anyhow::Result<()> {
    let keys = tokio::task::spawn_blocking(OurKeys::generate).await??;
    for simulator in &networks.others {
        let callback = |alias: &str| issuer.url(&format!("/broker/{alias}/endpoint"));
        let mut registered =
            register_persona(simulator.persona(), simulator.issuer(), callback, &keys)?;
        let alias = &registered.operator.alias;
        registered.operator.settings.ip_ranges = networks.addresses_of(alias);
        simulator.handle().register(registered.client);
        put(desk, registered.operator).await?;
    }
    Ok(())
}

/// Adds an operator, or brings the one of this alias up to date.
async fn put(desk: &Desk, operator: NewOperator) -> anyhow::Result<()> {
    match operators::show(desk, &operator.alias).await {
        Ok(_) => {
            let alias = operator.alias.clone();
            operators::update(desk, &alias, None, |known| {
                known.settings = operator.settings;
                known.credentials = Some(operator.credentials);
            })
            .await?;
        }
        Err(Refused::NotFound { .. }) => {
            operators::add(desk, operator).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Registers a demo app, or finds it with the secret that is kept.
pub(super) async fn client(
    desk: &Desk,
    data: &Path,
    app: &App,
    redirect_uri: &str,
) -> anyhow::Result<DemoClient> {
    let known = match clients::show(desk, app.id).await {
        Ok(client) => client,
        Err(Refused::NotFound { .. }) => return register(desk, data, app, redirect_uri).await,
        Err(error) => return Err(error.into()),
    };
    if known.redirect_uris != [redirect_uri] {
        clients::update(desk, app.id, None, |client| {
            client.redirect_uris = vec![redirect_uri.to_owned()];
        })
        .await?;
    }
    let kept = files::client_secret(data, app.id).filter(|secret| {
        Token::parse(secret).is_some_and(|token| {
            let hash = token.hash();
            known.secrets.iter().any(|live| same(&live.hash, &hash))
        })
    });
    let secret = match kept {
        Some(secret) => secret,
        None => {
            let rotated =
                client_secrets::rotate(desk, app.id, std::time::Duration::ZERO, None).await?;
            let secret = rotated.secret.reveal();
            files::keep_client_secret(data, app.id, &secret)?;
            secret
        }
    };
    Ok(DemoClient {
        client_id: app.id.to_owned(),
        secret: Redacted::new(secret),
    })
}

async fn register(
    desk: &Desk,
    data: &Path,
    app: &App,
    redirect_uri: &str,
) -> anyhow::Result<DemoClient> {
    let mut settings = ClientSettings {
        handoff: app.handoff,
        ..ClientSettings::default()
    };
    settings.checks.sim_swap.policy = app.checks;
    settings.checks.number_recycling.policy = app.checks;
    let registered = clients::create(
        desk,
        NewClient {
            name: app.name.to_owned(),
            kind: Kind::Web,
            auth_method: None,
            sector: None,
            redirect_uris: vec![redirect_uri.to_owned()],
            test: true,
            client_id: Some(app.id.to_owned()),
            settings,
        },
    )
    .await?;
    let secret = registered
        .secret
        .map(|secret| secret.reveal())
        .unwrap_or_default();
    files::keep_client_secret(data, app.id, &secret)?;
    Ok(DemoClient {
        client_id: app.id.to_owned(),
        secret: Redacted::new(secret),
    })
}

/// A link that makes the first owner; none if there is one already.
pub async fn setup_link(desk: &Desk, issuer: &Issuer) -> anyhow::Result<Option<String>> {
    match staff::setup_link(desk, None).await {
        Ok(link) => Ok(Some(link.url(issuer))),
        Err(Refused::Invalid { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

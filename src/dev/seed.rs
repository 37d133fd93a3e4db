//! What dev mode puts into the database: the simulated operator, the demo client, the first owner's
//! setup link. Run at every start; changes only what differs.

use std::path::Path;

use crate::admin::clients::{self, NewClient};
use crate::admin::operators::{self, NewOperator};
use crate::admin::{Desk, Refused, client_secrets, staff};
use crate::config::Issuer;
use crate::dev::files;
use crate::dev::personas::{OurKeys, register as register_persona};
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::{Redacted, Token, same};
use crate::simulator::{SimulatedClient, Simulator};
use crate::store::clients::{Kind, Settings as ClientSettings};
use crate::store::operators::{
    Credentials, HintForm, IdTokenRule, Mode, Settings as OperatorSettings,
};

const OPERATOR: &str = "simulator";
const CLIENT: &str = "demo";

/// The demo app's registration.
pub struct DemoClient {
    /// Its `client_id`.
    pub client_id: String,
    /// Its secret.
    pub secret: Redacted,
}

/// Registers the simulator as an operator, and us with the simulator. Its address and our secret
/// there are new at every start.
pub async fn operator(desk: &Desk, issuer: &Issuer, simulator: &Simulator) -> anyhow::Result<()> {
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
pub async fn others(desk: &Desk, issuer: &Issuer, others: &[Simulator]) -> anyhow::Result<()> {
    let keys = tokio::task::spawn_blocking(OurKeys::generate).await??;
    for simulator in others {
        let callback = |alias: &str| issuer.url(&format!("/broker/{alias}/endpoint"));
        let registered =
            register_persona(simulator.persona(), simulator.issuer(), callback, &keys)?;
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

/// Registers the demo app, or finds it with the secret that is kept.
pub async fn client(desk: &Desk, data: &Path, redirect_uri: &str) -> anyhow::Result<DemoClient> {
    let known = match clients::show(desk, CLIENT).await {
        Ok(client) => client,
        Err(Refused::NotFound { .. }) => return register(desk, data, redirect_uri).await,
        Err(error) => return Err(error.into()),
    };
    if known.redirect_uris != [redirect_uri] {
        clients::update(desk, CLIENT, None, |client| {
            client.redirect_uris = vec![redirect_uri.to_owned()];
        })
        .await?;
    }
    let kept = files::demo_secret(data).filter(|secret| {
        Token::parse(secret).is_some_and(|token| {
            let hash = token.hash();
            known.secrets.iter().any(|live| same(&live.hash, &hash))
        })
    });
    let secret = match kept {
        Some(secret) => secret,
        None => {
            let rotated =
                client_secrets::rotate(desk, CLIENT, std::time::Duration::ZERO, None).await?;
            let secret = rotated.secret.reveal();
            files::keep_demo_secret(data, &secret)?;
            secret
        }
    };
    Ok(DemoClient {
        client_id: CLIENT.to_owned(),
        secret: Redacted::new(secret),
    })
}

async fn register(desk: &Desk, data: &Path, redirect_uri: &str) -> anyhow::Result<DemoClient> {
    let registered = clients::create(
        desk,
        NewClient {
            name: "Demo app".to_owned(),
            kind: Kind::Web,
            auth_method: None,
            sector: None,
            redirect_uris: vec![redirect_uri.to_owned()],
            test: true,
            client_id: Some(CLIENT.to_owned()),
            settings: ClientSettings::default(),
        },
    )
    .await?;
    let secret = registered
        .secret
        .map(|secret| secret.reveal())
        .unwrap_or_default();
    files::keep_demo_secret(data, &secret)?;
    Ok(DemoClient {
        client_id: CLIENT.to_owned(),
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

//! The names of the document's schemas. What they say comes from the types themselves: OpenAPI 3.1 takes
//! JSON Schema as it is, and our settings have theirs already.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr, Required};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::admin;
use crate::api::{
    audit, audit_exports, audit_log, audit_record, audit_views, client_secrets, client_snippets,
    clients, export_manifest, finder, health, keys, lists, networks, numbers, operator_discovery,
    operators, presets, privacy, ranges, registration_tokens, sessions, staff, staff_access,
    tokens, usage,
};
use crate::web::problem_details::ProblemDetails;

macro_rules! named {
    ($($name:ident = $of:ty;)*) => {
        $(
            /// Stands for a type in the documentation of handlers.
            #[derive(Debug)]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    Ref::from_schema_name(stringify!($name)).into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    stringify!($name).into()
                }
            }
        )*

        /// Every schema, by its name.
        pub fn all() -> Map<String, Value> {
            let settings = SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            });
            let mut generator = settings.into_generator();
            generator.subschema_for::<ProblemDetails>();
            $(generator.subschema_for::<$of>();)*
            let mut schemas = generator.take_definitions(true);
            // What people write is read strictly, though a row of a newer server is not.
            if let Some(settings) = schemas.get_mut("ClientSettings") {
                settings["additionalProperties"] = json!(false);
            }
            schemas
        }
    };
}

named! {
    Client = admin::client_view::ClientView;
    ClientPage = lists::Listed<admin::client_view::ClientView>;
    NewApp = clients::NewApp;
    AppPatch = clients::AppPatch;
    NewSector = clients::NewSector;
    NewLogo = clients::NewLogo;
    Snippets = client_snippets::Snippets;
    NewSecret = client_secrets::NewSecret;
    SecretMade = client_secrets::SecretMade;
    SecretRevoked = client_secrets::SecretRevoked;
    Operator = admin::operator_view::OperatorView;
    OperatorPage = lists::Listed<admin::operator_view::OperatorView>;
    NewNetwork = operators::NewNetwork;
    NetworkPatch = operators::NetworkPatch;
    ConnectionTest = operators::ConnectionTest;
    PresetList = lists::All<presets::Preset>;
    Ranges = ranges::Ranges;
    NewRanges = ranges::NewRanges;
    Discovery = operator_discovery::Discovery;
    Discovered = operator_discovery::Discovered;
    HidingNetworksOfKind = networks::HidingNetworksOfKind;
    HidingNetworksList = lists::All<networks::HidingNetworks>;
    NewHidingNetworks = networks::NewHidingNetworks;
    TelcoFinder = finder::TelcoFinder;
    NewTelcoFinder = finder::NewTelcoFinder;
    Keys = keys::Keys;
    Staging = keys::Staging;
    Staged = keys::Staged;
    Rotating = keys::Rotating;
    KeysRotated = keys::KeysRotated;
    KeyRevoked = keys::KeyRevoked;
    Account = staff::Account;
    AccountList = lists::All<staff::Account>;
    NewAccount = staff::NewAccount;
    NewRole = staff::NewRole;
    UnmaskRight = staff::UnmaskRight;
    SetupLinkMade = staff::SetupLinkMade;
    StaffSessionList = lists::All<staff_access::StaffSession>;
    StaffSessionsOf = staff_access::StaffSessionsOf;
    StaffSessionsEnded = staff_access::StaffSessionsEnded;
    PasskeyList = lists::All<staff_access::Passkey>;
    PasskeyName = staff_access::PasskeyName;
    AuditView = audit_views::AuditView;
    AuditViewList = lists::All<audit_views::AuditView>;
    NewAuditView = audit_views::NewAuditView;
    SessionPage = lists::Listed<sessions::Session>;
    SessionsOf = sessions::SessionsOf;
    SessionsEnded = sessions::SessionsEnded;
    NewOwner = numbers::NewOwner;
    NumberMoved = numbers::NumberMoved;
    NumberOf = privacy::NumberOf;
    ErasureOf = privacy::ErasureOf;
    KeptOfNumber = privacy::KeptOfNumber;
    NumberErased = privacy::NumberErased;
    InitialAccessToken = registration_tokens::InitialAccessToken;
    InitialAccessTokenList = lists::All<registration_tokens::InitialAccessToken>;
    NewInitialAccessToken = registration_tokens::NewInitialAccessToken;
    ApiToken = tokens::ApiToken;
    ApiTokenPage = lists::Listed<tokens::ApiToken>;
    NewApiToken = tokens::NewApiToken;
    Myself = tokens::Myself;
    UsageDayList = lists::All<admin::usage::Day>;
    QuotaList = lists::All<usage::Quota>;
    RecordPage = lists::Listed<audit::RecordView>;
    RecordSearch = audit::RecordSearch;
    SignedManifest = export_manifest::SignedManifest;
    PlacedRecord = audit_record::PlacedRecord;
    InclusionProof = audit_record::InclusionProof;
    UnmaskReason = audit_record::UnmaskReason;
    PersonalPart = audit_record::PersonalPart;
    Export = audit_exports::ExportView;
    ExportList = lists::All<audit_exports::ExportView>;
    NewExport = audit_exports::NewExport;
    LogState = audit_log::LogView;
    Charts = admin::charts::Charts;
    Hold = audit_log::HoldView;
    HoldList = lists::All<audit_log::HoldView>;
    NewHold = audit_log::NewHold;
    ReleaseReason = audit_log::ReleaseReason;
    SettingList = lists::All<admin::settings::Setting>;
    Overview = admin::overview::Overview;
    Health = health::Health;
}

/// The header of edits.
#[derive(Debug)]
pub struct IfMatch;

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let says = "The ETag of the state you saw, or * for whatever it is.";
        vec![header("If-Match", says, Required::True)]
    }
}

/// A header that a request may or must have.
pub fn header(name: &str, says: &str, required: Required) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).build();
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(says))
        .schema(Some(text))
        .build()
}

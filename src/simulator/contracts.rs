//! The contracts of all personas. Sources and dates are in docs/operators.md; paths that no public
//! page tells are ours.

use super::contract::{
    Call, ClientAuth, Contract, Correlator, NEW_NAMES, Need, Number, OLD_NAMES, Pkce,
    RequestObject, Scopes, TokenErrors,
};

const BASIC: &[ClientAuth] = &[ClientAuth::Basic];

pub(super) const CAMARA_2_1: Contract = Contract {
    name: "camara-2.1",
    discovery: true,
    authorize: "/authorize",
    token: "/token",
    call: Call::Camara {
        verify: &["/number-verification/v2/verify"],
        share: &["/number-verification/v2/device-phone-number"],
        number: Number::Plus,
        correlator: Correlator::Wide,
        namespaced: false,
    },
    scopes: Scopes::Words(NEW_NAMES),
    client_auth: &[ClientAuth::Basic, ClientAuth::Post, ClientAuth::Assertion],
    token_query: false,
    token_redirect_uri: true,
    pkce: Pkce::Checked,
    request_object: RequestObject::Taken,
    needs: &[],
    id_token: true,
    iss: true,
    correlation: false,
    expires_in_text: false,
    token_life: 300,
    reusable_token: false,
    token_errors: TokenErrors::OAuth,
    second_hop: false,
    enablement: None,
};

pub(super) const CAMARA_2_0: Contract = Contract {
    name: "camara-2.0",
    call: Call::Camara {
        verify: &["/number-verification/v2/verify"],
        share: &["/number-verification/v2/device-phone-number"],
        number: Number::Plus,
        correlator: Correlator::Narrow,
        namespaced: false,
    },
    ..CAMARA_2_1
};

pub(super) const CAMARA_1_0: Contract = Contract {
    name: "camara-1.0",
    call: Call::Camara {
        verify: &["/number-verification/v1/verify"],
        share: &["/number-verification/v1/device-phone-number"],
        number: Number::Plus,
        correlator: Correlator::Any,
        namespaced: false,
    },
    ..CAMARA_2_1
};

pub(super) const CAMARA_0_3: Contract = Contract {
    name: "camara-0.3",
    call: Call::Camara {
        verify: &["/number-verification/v0/verify"],
        share: &["/number-verification/v0/device-phone-number"],
        number: Number::OptionalPlus,
        correlator: Correlator::Any,
        namespaced: true,
    },
    scopes: Scopes::Hash(OLD_NAMES),
    ..CAMARA_2_1
};

pub(super) const CAMARA_STRICT: Contract = Contract {
    name: "camara-strict",
    client_auth: &[ClientAuth::Assertion],
    pkce: Pkce::Required,
    request_object: RequestObject::Required,
    ..CAMARA_2_1
};

pub(super) const VONAGE: Contract = Contract {
    name: "vonage",
    discovery: false,
    authorize: "/oauth2/auth",
    token: "/oauth2/token",
    call: Call::Camara {
        verify: &["/camara/number-verification/v031/verify"],
        share: &[],
        number: Number::Digits,
        correlator: Correlator::Any,
        namespaced: true,
    },
    scopes: Scopes::Hash(OLD_NAMES),
    client_auth: &[ClientAuth::Application],
    pkce: Pkce::Unknown,
    request_object: RequestObject::Refused,
    needs: &[("login_hint", Need::Any), ("state", Need::Long(8))],
    id_token: false,
    iss: false,
    token_life: 3600,
    enablement: Some("/v0.1/network-enablement"),
    ..CAMARA_2_1
};

pub(super) const TELEFONICA: Contract = Contract {
    name: "telefonica",
    discovery: false,
    authorize: "/apigateway/authorize",
    token: "/apigateway/token",
    call: Call::Camara {
        verify: &[
            "/apigateway/number-verification/v0/verify",
            "/apigateway/number-verification/v1/verify",
            "/apigateway/number-verification/v2/verify",
        ],
        share: &[
            "/apigateway/number-verification/v0/device-phone-number",
            "/apigateway/number-verification/v1/device-phone-number",
            "/apigateway/number-verification/v2/device-phone-number",
        ],
        number: Number::OptionalPlus,
        correlator: Correlator::Wide,
        namespaced: false,
    },
    scopes: Scopes::Either(NEW_NAMES, OLD_NAMES),
    client_auth: BASIC,
    request_object: RequestObject::Refused,
    needs: &[("login_hint", Need::Any)],
    iss: false,
    token_errors: TokenErrors::Numeric,
    second_hop: true,
    ..CAMARA_2_1
};

pub(super) const VODAFONE_MC: Contract = Contract {
    name: "vodafone-mc",
    discovery: false,
    authorize: "/mobileconnect/deviceinitiated/v1/authorize",
    token: "/mobileconnect/deviceinitiated/v1/token",
    call: Call::Match {
        path: "/mobileconnect/premiuminfo/v1/",
        correlated: false,
    },
    scopes: Scopes::Match,
    client_auth: BASIC,
    token_query: true,
    pkce: Pkce::Unknown,
    request_object: RequestObject::Refused,
    needs: &[
        ("acr_values", Need::Is("2")),
        ("version", Need::Is("mc_di_r2_v2.3")),
        ("state", Need::Any),
        ("nonce", Need::Any),
        ("correlation_id", Need::Uuid),
    ],
    iss: false,
    correlation: true,
    ..CAMARA_2_1
};

pub(super) const VODAFONE_CAMARA: Contract = Contract {
    name: "vodafone-camara",
    discovery: false,
    authorize: "/openIDConnectCIBA/v1/bc-authorize",
    token: "/openIDConnectCIBA/v1/token",
    call: Call::Camara {
        verify: &["/number-verification/v1/verify"],
        share: &[],
        number: Number::Plus,
        correlator: Correlator::Any,
        namespaced: false,
    },
    scopes: Scopes::Hash(NEW_NAMES),
    client_auth: BASIC,
    request_object: RequestObject::Refused,
    id_token: false,
    iss: false,
    correlation: true,
    token_life: 3599,
    reusable_token: true,
    ..CAMARA_2_1
};

pub(super) const ORANGE: Contract = Contract {
    name: "orange",
    discovery: false,
    authorize: "/openidconnect/fr/v1/authorize",
    token: "/openidconnect/fr/v1/token",
    call: Call::Camara {
        verify: &["/camara/number-verification/v1/verify"],
        share: &["/camara/number-verification/v1/device-phone-number"],
        number: Number::Plus,
        correlator: Correlator::Any,
        namespaced: false,
    },
    scopes: Scopes::Either(NEW_NAMES, NEW_NAMES),
    client_auth: BASIC,
    request_object: RequestObject::Refused,
    iss: false,
    ..CAMARA_2_1
};

pub(super) const TIM_MC: Contract = Contract {
    name: "tim-mc",
    authorize: "/authorize",
    token: "/token",
    call: Call::Match {
        path: "/openid/userinfo",
        correlated: true,
    },
    expires_in_text: true,
    token_life: 500,
    ..VODAFONE_MC
};

pub(super) const GLIDE: Contract = Contract {
    name: "glide",
    discovery: false,
    authorize: "/oauth2/auth",
    token: "/oauth2/token",
    call: Call::Camara {
        verify: &["/number-verification/verify"],
        share: &[],
        number: Number::Plus,
        correlator: Correlator::Any,
        namespaced: false,
    },
    scopes: Scopes::Purpose("dpv:FraudPreventionAndDetection:number-verification"),
    client_auth: BASIC,
    token_redirect_uri: false,
    request_object: RequestObject::Refused,
    needs: &[("state", Need::Any), ("max_age", Need::Is("0"))],
    iss: false,
    ..CAMARA_2_1
};

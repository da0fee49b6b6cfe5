//! What holds by a tenant's `api` where the configuration says nothing: all of it in one place.
//!
//! Sources: the data-actions API's own pages; for CXone and Genesys Cloud what their documentation says. CXone publishes no limit, so
//! that one is our choice.

use super::key::Fallback;

/// The API of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// CXone data actions.
    #[default]
    DataActions,
    /// CXone's own API.
    Cxone,
    /// Genesys Cloud.
    Genesys,
}

impl Api {
    /// All of them, as they are written.
    pub(super) const ALL: [(&'static str, Self); 3] =
        [("data-actions", Self::DataActions), ("cxone", Self::Cxone), ("genesys", Self::Genesys)];

    /// Whether every action that nothing is configured for is an operation of the API's own, too.
    #[must_use]
    pub fn takes_any_action(self) -> bool {
        match self {
            Self::DataActions | Self::Genesys => true,
            Self::Cxone => false,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DataActions => Self::ALL[0].0,
            Self::Cxone => Self::ALL[1].0,
            Self::Genesys => Self::ALL[2].0,
        }
    }
}

/// What holds for each API when a key is not given.
pub(super) struct ByApi {
    pub data_actions: Fallback,
    pub cxone: Fallback,
    pub genesys: Fallback,
}

impl ByApi {
    pub(super) fn of(&self, api: Api) -> Fallback {
        match api {
            Api::DataActions => self.data_actions,
            Api::Cxone => self.cxone,
            Api::Genesys => self.genesys,
        }
    }
}

const fn by(data_actions: &'static str, cxone: &'static str, genesys: &'static str) -> ByApi {
    let [data_actions, cxone, genesys] =
        [Fallback::Value(data_actions), Fallback::Value(cxone), Fallback::Value(genesys)];
    ByApi { data_actions, cxone, genesys }
}

const NO_EFFECT: Fallback = Fallback::Else("must not be given");

pub(super) static BASE_URL: ByApi = ByApi {
    data_actions: Fallback::Value("\"https://us-01.api.nicecxone.com\""),
    cxone: Fallback::Else("the issuer says it (`auth.issuer`)"),
    genesys: Fallback::Else("`https://api.{region}`"),
};
pub(super) static REGION: ByApi =
    ByApi { data_actions: NO_EFFECT, cxone: NO_EFFECT, genesys: Fallback::Value("\"mypurecloud.com\"") };
pub(super) static LIMITS: ByApi = by(
    "[{ limit = 10, per = \"1s\", burst = 2 }, { limit = 100, per = \"60s\", burst = 10 }]",
    "[{ limit = 5, per = \"1s\", burst = 1 }]",
    "[{ limit = 300, per = \"60s\", burst = 10 }]",
);
pub(super) static MAX_CONCURRENT: ByApi = by("50", "4", "50");
pub(super) static GRANT: ByApi = by("\"client_credentials\"", "\"access_key\"", "\"client_credentials\"");
pub(super) static CLIENT_AUTH: ByApi = by("\"body\"", "\"basic\"", "\"basic\"");
pub(super) static TOKEN_URL: ByApi = ByApi {
    data_actions: Fallback::Else("`{base_url}/oauth/token`"),
    cxone: Fallback::Else("the issuer says it (`auth.issuer`)"),
    genesys: Fallback::Else("`https://login.{region}/oauth/token`"),
};
pub(super) static ISSUER: ByApi = ByApi {
    data_actions: NO_EFFECT,
    cxone: Fallback::Value("\"https://cxone.niceincontact.com\""),
    genesys: NO_EFFECT,
};
pub(super) static TENANT_ID: ByApi =
    ByApi { data_actions: NO_EFFECT, cxone: Fallback::Else("the tenant's tokens say it"), genesys: NO_EFFECT };
pub(super) static TRUSTED_DOMAINS: ByApi = ByApi {
    data_actions: NO_EFFECT,
    cxone: Fallback::Value("[\"niceincontact.com\", \"nice-incontact.com\", \"nicecxone.com\"]"),
    genesys: NO_EFFECT,
};
pub(super) static SCOPES: ByApi = by(
    "[\"integration:data-actions:execute\", \"integration:data-actions:read\", \"dataactions:execute\", \"dataactions:read\", \"jobs:read\"]",
    "[]",
    "[]",
);
pub(super) static POLL: ByApi = by("\"3s\"", "\"30s\"", "\"3s\"");

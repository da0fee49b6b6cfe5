//! What a tenant is let in with, and what says where it is: the keys, for whoever has to mend them.

use super::auth::{Auth, Grant};
use super::presets::Api;
use super::problem::Origin;
use super::{Config, Tenant};
use crate::chain::TenantName;

impl Auth {
    /// The keys of its credentials, each with whether it is missing.
    fn credentials(&self) -> Vec<(&'static str, bool)> {
        let client = [("client_id", self.client_id.is_empty()), ("client_secret", self.client_secret.is_none())];
        let key =
            [("access_key_id", self.access_key_id.is_empty()), ("access_key_secret", self.access_key_secret.is_none())];
        match self.grant {
            Grant::ClientCredentials => client.to_vec(),
            Grant::AccessKey => [client, key].concat(),
            Grant::AccessKeyJson => key.to_vec(),
            Grant::Static => vec![("token", self.token.is_none())],
        }
    }

    /// The keys without which the platform will hardly let anybody in, as far as they are missing.
    #[must_use]
    pub fn lacks(&self) -> Vec<&'static str> {
        let lacking = |credentials: &[(&'static str, bool)]| -> Vec<&'static str> {
            credentials.iter().filter(|(_, lacking)| *lacking).map(|(name, _)| *name).collect()
        };
        let lacks = lacking(&self.credentials());
        // A whole access key may come from nobody in particular: some gateways ask for no client.
        if self.grant == Grant::AccessKey && lacks == ["client_id", "client_secret"] { Vec::new() } else { lacks }
    }
}

impl Api {
    /// The platform, as people call it.
    #[must_use]
    pub fn platform(self) -> &'static str {
        match self {
            Self::DataActions | Self::Cxone => "CXone",
            Self::Genesys => "Genesys Cloud",
        }
    }

    /// How a simulator of it is started, and the configuration that finds it.
    #[must_use]
    pub fn example(self) -> (&'static str, &'static str) {
        match self {
            Self::DataActions => ("cxchain simulate", "examples/simulator.toml"),
            Self::Cxone => ("cxchain simulate --api cxone", "examples/cxone/worker.toml"),
            Self::Genesys => ("cxchain simulate --api genesys", "examples/genesys/worker.toml"),
        }
    }
}

impl Tenant {
    /// Which credentials are missing, in words; `None`: none that is known to be needed. `name` is the tenant's.
    #[must_use]
    pub fn locked_out(&self, name: &TenantName) -> Option<String> {
        let lacks = self.auth.lacks();
        let (last, others) = lacks.split_last()?;
        let others: String = others.iter().map(|key| format!("{key}, no ")).collect();
        let keys = match others.strip_suffix(", no ") {
            Some(others) => format!("{others} and no {last}"),
            None => (*last).to_owned(),
        };
        let (platform, api) = (self.api.platform(), self.api.name());
        Some(format!("tenants.{name}.auth has no {keys}: {platform} (api = {api:?}) will hardly let its calls in"))
    }
}

impl Tenant {
    /// What is worth a look where it is let in, in words. `name` is the tenant's.
    #[must_use]
    pub fn doubts(&self, name: &TenantName) -> Vec<String> {
        let odd = self.api == Api::Cxone && self.auth.grant == Grant::ClientCredentials;
        let odd = odd.then(|| {
            format!(
                "tenants.{name}.auth.grant is \"client_credentials\": CXone (api = \"cxone\") has no such grant, unless auth.issuer or \
                 auth.token_url is a gateway's; \"access_key\" is its own"
            )
        });
        self.locked_out(name).into_iter().chain(odd).collect()
    }
}

impl Config {
    /// The keys that say where `tenant` is found, and those of what it is let in with, in words. Empty if there is no such tenant.
    #[must_use]
    pub fn found_by(&self, tenant: &TenantName) -> String {
        let Some(found) = self.tenants.get(tenant) else { return String::new() };
        let auth = &found.auth;
        let given = |key: &str| self.is_given(&format!("tenants.{tenant}.{key}"));
        let places = match found.api {
            Api::DataActions => vec![("base_url", true), ("auth.token_url", given("auth.token_url"))],
            Api::Cxone => {
                let asks_for_tokens = auth.grant != Grant::Static;
                let asked = found.base_url.is_none() || (asks_for_tokens && auth.token_url.is_none());
                let token_url = auth.token_url.is_some();
                vec![("base_url", found.base_url.is_some()), ("auth.token_url", token_url), ("auth.issuer", asked)]
            }
            Api::Genesys => {
                let (base_url, token_url) = (given("base_url"), given("auth.token_url"));
                vec![("region", !(base_url && token_url)), ("base_url", base_url), ("auth.token_url", token_url)]
            }
        };
        let places = places.into_iter().filter(|(_, holds)| *holds);
        let places: Vec<String> = places.map(|(key, _)| format!("tenants.{tenant}.{key}")).collect();
        let keys: Vec<&str> = auth.credentials().into_iter().map(|(key, _)| key).collect();
        format!("where it is: {}; who asks: tenants.{tenant}.auth ({})", places.join(", "), keys.join(", "))
    }

    fn is_given(&self, key: &str) -> bool {
        let entry = self.shown.iter().find(|entry| entry.path().to_string() == key);
        entry.is_some_and(|entry| entry.origin != Origin::Default)
    }
}

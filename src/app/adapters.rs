//! What a run goes through, made from the configuration: the platform, the gates, and the journal that is given.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;

use super::store::Store;
use super::{StartError, actions};
use crate::chain::TenantName;
use crate::config::{self, Auth, ClientAuth, Config, Grant};
use crate::cxone::{self, AuthSettings, Cxone, CxoneError, TenantSettings};
use crate::gate::{GateSettings, Limit, LimitError, LocalGate};
use crate::ports::{Journal, Outbox, SystemClock, SystemDice};
use crate::runner::Ports;

/// What every runner stands on but the outbox.
pub(super) struct Adapters {
    pub(super) actions: Arc<Cxone>,
    pub(super) gate: Arc<LocalGate>,
    pub(super) journal: Arc<dyn Journal>,
}

impl Adapters {
    /// Connects to nothing yet.
    pub(super) fn new(config: &Config, store: &Store) -> Result<Self, StartError> {
        Ok(Self {
            actions: Arc::new(cxone(config)?),
            gate: Arc::new(LocalGate::new(gates(config)?)),
            journal: store.journal(),
        })
    }

    pub(super) fn ports(self, outbox: Arc<dyn Outbox>) -> Ports {
        let Self { actions, gate, journal } = self;
        Ports { actions, gate, journal, outbox, clock: Arc::new(SystemClock), dice: Arc::new(SystemDice) }
    }
}

fn cxone(config: &Config) -> Result<Cxone, CxoneError> {
    let tenants = config.tenants.iter().map(|(name, tenant)| {
        let settings = TenantSettings {
            preset: actions::preset(tenant.api),
            base_url: tenant.base_url.clone(),
            ca_file: tenant.ca_file.clone(),
            auth: auth(&tenant.auth),
            retry_statuses: tenant.retry.statuses.clone(),
            max_concurrent: usize::try_from(tenant.max_concurrent).unwrap_or(usize::MAX),
            actions: tenant.actions.iter().map(|(id, action)| (id.clone(), actions::settings(action))).collect(),
        };
        (name.clone(), settings)
    });
    Cxone::new(tenants.collect(), config.worker.max_response_bytes)
}

fn auth(auth: &Auth) -> AuthSettings {
    let secret = |secret: &Option<SecretString>| secret.clone().unwrap_or_else(|| SecretString::from(""));
    let scopes = auth.scopes.clone();
    let client = cxone::ClientSettings {
        id: auth.client_id.clone(),
        secret: secret(&auth.client_secret),
        auth: match auth.client_auth {
            ClientAuth::Body => cxone::ClientAuth::Body,
            ClientAuth::Basic => cxone::ClientAuth::Basic,
        },
    };
    let key = cxone::AccessKey { id: auth.access_key_id.clone(), secret: secret(&auth.access_key_secret) };
    let discovery = auth.issuer.as_ref().map(|issuer| cxone::Discovery {
        issuer: issuer.clone(),
        tenant_id: auth.tenant_id.clone(),
        trusted_domains: auth.trusted_domains.clone(),
    });
    AuthSettings {
        grant: match auth.grant {
            Grant::ClientCredentials => cxone::Grant::ClientCredentials { client, scopes },
            Grant::AccessKey => cxone::Grant::AccessKey { key, client, scopes },
            Grant::AccessKeyJson => cxone::Grant::AccessKeyJson { key },
            Grant::Static => cxone::Grant::Static { token: secret(&auth.token) },
        },
        token_url: auth.token_url.clone(),
        discovery,
        refresh_margin: auth.refresh_margin,
    }
}

/// Of each tenant.
///
/// # Errors
/// [`StartError::Limit`].
pub(super) fn gates(config: &Config) -> Result<BTreeMap<TenantName, GateSettings>, StartError> {
    let mut tenants = BTreeMap::new();
    for (name, tenant) in &config.tenants {
        let refuse = |of: String| move |problem| StartError::Limit { of, problem };
        let actions = tenant.actions.iter().map(|(id, action)| {
            let limits = limits(&action.limits).map_err(refuse(format!("{name}.actions.{id}")))?;
            Ok((id.clone(), limits))
        });
        let actions = actions.collect::<Result<_, StartError>>()?;
        let settings = GateSettings {
            limits: limits(&tenant.limits).map_err(refuse(name.to_string()))?,
            max_concurrent: usize::try_from(tenant.max_concurrent).unwrap_or(usize::MAX),
            slack: config.gate.slack,
            workers: config.gate.workers,
            actions,
        };
        tenants.insert(name.clone(), settings);
    }
    Ok(tenants)
}

fn limits(limits: &[config::Limit]) -> Result<Vec<Limit>, LimitError> {
    limits.iter().map(|limit| Limit::new(limit.limit, limit.per, limit.burst)).collect()
}

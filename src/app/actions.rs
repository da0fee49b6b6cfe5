//! A configured action as each room wants it: what its steps are checked against, and how it is called.

use std::sync::Arc;

use crate::chain::ActionRules;
use crate::chain::action::{PathTemplate, Query};
use crate::chain::check::{Catalogue, Offer};
use crate::config::{Action, Api, Config, Tenant};
use crate::cxone::{ActionSettings, Preset};

/// What chains may name in this worker.
#[must_use]
pub fn catalogue(config: &Config) -> Catalogue {
    let tenants = config.tenants.iter().map(|(name, tenant)| (name.clone(), offer(tenant)));
    Catalogue::offering(tenants).require_run_id(config.worker.require_run_id)
}

/// The API of a tenant as its adapter calls it.
pub(super) fn preset(api: Api) -> Preset {
    match api {
        Api::DataActions => Preset::DataActions,
        Api::Cxone => Preset::Cxone,
        Api::Genesys => Preset::Genesys,
    }
}

fn offer(tenant: &Tenant) -> Offer {
    let preset = preset(tenant.api);
    let rules = tenant.actions.iter().map(|(id, action)| (id.clone(), Arc::new(rules(action, preset))));
    Offer {
        rules: rules.collect(),
        only: !tenant.api.takes_any_action(),
        no_job: ActionSettings::default().no_job(preset),
    }
}

fn rules(action: &Action, preset: Preset) -> ActionRules {
    let mut required_params = action.required_params.clone();
    for name in action.path.iter().flat_map(PathTemplate::parameters) {
        if !required_params.iter().any(|known| known == name) {
            required_params.push(name.to_owned());
        }
    }
    ActionRules {
        job: action.job,
        no_job: settings(action).no_job(preset),
        idempotent: action.idempotent,
        timeout: action.timeout,
        required_params,
        path: action.path.clone(),
        query: if action.method.has_body() { action.query.clone() } else { Query::Rest },
        schema: action.schema.clone(),
        redaction: action.redaction.clone(),
    }
}

/// How it is called.
pub(super) fn settings(action: &Action) -> ActionSettings {
    ActionSettings {
        method: action.method,
        path: action.path.clone(),
        query: action.query.clone(),
        poll_path: action.poll_path.clone(),
        headers: action.headers.clone(),
        secret_headers: action.secret_headers.clone(),
        redaction: action.redaction.clone(),
    }
}

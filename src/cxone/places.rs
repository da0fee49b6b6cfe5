//! Where a tenant's token endpoint and API are: as the settings say, else as its issuer says, remembered for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Client, Method, Request};
use tokio::time::Instant;
use url::Url;

use super::ask::{Failure, ask};
use super::discovery::{Document, judge};
use super::settings::Discovery;
use super::token::error;
use crate::chain::ErrorClass;

/// How long what an issuer said is believed without asking again.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) struct Places {
    http: Client,
    token_url: Option<Url>,
    base_url: Option<Url>,
    discovery: Option<Discovery>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    token_url: Option<(Instant, Url)>,
    base_url: Option<(Instant, Url)>,
}

impl Places {
    pub(super) fn new(
        http: Client,
        base_url: Option<Url>,
        token_url: Option<Url>,
        discovery: Option<Discovery>,
    ) -> Self {
        Self { http, token_url, base_url, discovery, found: Mutex::default() }
    }

    /// The token endpoint; asks the issuer if need be.
    pub(super) async fn token_url(&self) -> Result<Url, Failure> {
        if let Some(url) = &self.token_url {
            return Ok(url.clone());
        }
        let known = self.found().token_url.clone();
        let url = self.look_up(known, Document::TokenEndpoint, None).await?;
        Ok(self.found().token_url.insert(url).1.clone())
    }

    /// What was found to be the token endpoint is none: the issuer is asked again.
    pub(super) fn forget_token_url(&self) {
        self.found().token_url = None;
    }

    /// Makes sure that [`base_url`](Self::base_url) knows; asks the issuer if need be. `tenant_id` is what a token said.
    pub(super) async fn find_base_url(&self, tenant_id: Option<&str>) -> Result<(), Failure> {
        if self.base_url.is_none() {
            let known = self.found().base_url.clone();
            let url = self.look_up(known, Document::Api, tenant_id).await?;
            self.found().base_url = Some(url);
        }
        Ok(())
    }

    /// The root of the API; `None`: the issuer was not asked yet. Asks nobody.
    pub(super) fn base_url(&self) -> Option<Url> {
        self.base_url.clone().or_else(|| self.found().base_url.as_ref().map(|(_, url)| url.clone()))
    }

    /// What is known, if it is not too old, or if nothing newer can be had.
    async fn look_up(
        &self,
        known: Option<(Instant, Url)>,
        document: Document,
        tenant_id: Option<&str>,
    ) -> Result<(Instant, Url), Failure> {
        match known {
            Some((at, url)) if at.elapsed() < REMEMBERED => Ok((at, url)),
            Some(old) => Ok(self.discover(document, tenant_id).await.unwrap_or(old)),
            None => self.discover(document, tenant_id).await,
        }
    }

    async fn discover(&self, document: Document, tenant_id: Option<&str>) -> Result<(Instant, Url), Failure> {
        let wrong = |what: &str| Failure::from(error(ErrorClass::System, false, what));
        let settings = self.discovery.as_ref().ok_or_else(|| wrong("no issuer is configured (auth.issuer)"))?;
        let tenant_id = match (document, settings.tenant_id.as_deref().or(tenant_id)) {
            (_, Some(id)) => id,
            (Document::TokenEndpoint, None) => "",
            (Document::Api, None) => {
                return Err(wrong("the token does not say which tenant it is for: give auth.tenant_id"));
            }
        };
        let request = Request::new(Method::GET, document.url(&settings.issuer, tenant_id));
        let asked = Instant::now();
        let url =
            ask(&self.http, request, "the issuer", |status, body| judge(settings, document, status, body)).await?;
        Ok((asked, url))
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

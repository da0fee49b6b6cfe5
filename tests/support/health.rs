//! A worker's health, asked for over HTTP.

use std::time::Duration;

use serde_json::Value;

use super::wait::eventually;

pub struct Health {
    http: reqwest::Client,
    url: String,
}

impl Health {
    #[expect(clippy::disallowed_methods, reason = "a probe is a bare client")]
    pub fn at(address: &str) -> Self {
        // An error says that there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client");
        Self { http, url: format!("http://{address}") }
    }

    /// Status and body of GET `path`.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.http.get(format!("{}{path}", self.url)).send().await.expect("the worker answers");
        (response.status().as_u16(), response.json().await.expect("health is JSON"))
    }

    /// What `/readyz` says as soon as it `fits`.
    pub async fn until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        eventually(what, Duration::from_secs(30), async || {
            let (status, body) = self.get("/readyz").await;
            assert_eq!(status == 200, body["ready"] == true, "{status}: {body}");
            fits(&body).then_some(body)
        })
        .await
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The client.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }
}

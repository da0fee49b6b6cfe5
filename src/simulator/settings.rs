//! How a simulator is set up. Every field has a default, so that a test names only what it is about.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use super::api::Api;
use super::fault::FaultRule;

/// How a simulator is set up; see the fields for the defaults.
#[derive(Debug, Clone)]
pub struct SimulatorSettings {
    /// Where to listen; port 0 takes a free one (127.0.0.1:0).
    pub listen: SocketAddr,
    /// The platform that it plays (CXone data actions).
    pub api: Api,
    /// The client that may have tokens (`simulator-client`).
    pub client_id: String,
    /// Its secret (`simulator-secret`). A simulator guards nothing, so this is no secret.
    pub client_secret: String,
    /// CXone's access key (`simulator-key`).
    pub access_key_id: String,
    /// Its secret (`simulator-key-secret`).
    pub access_key_secret: String,
    /// What CXone calls the tenant (`simulator-tenant`).
    pub tenant_id: String,
    /// How long a token is good for, told to the client in whole seconds, rounded down (1 h).
    pub token_life: Duration,
    /// How long an action takes (50 ms); as a job, its submission and every poll of it.
    pub latency: Duration,
    /// An action takes up to this much longer, drawn from `seed` and the call's number (none).
    pub latency_jitter: Duration,
    /// How long a job is QUEUED (100 ms).
    pub job_queued: Duration,
    /// How long it is RUNNING after that (200 ms).
    pub job_running: Duration,
    /// Where the jitter starts: the same seed gives the same sequence (0).
    pub seed: u64,
    /// The quota: a call passes when every window has room (none, so that every call passes).
    pub limits: Vec<Limit>,
    /// Whether a call that the quota refuses counts against it all the same (false).
    pub refused_calls_count: bool,
    /// What goes wrong from the start (nothing).
    pub faults: Vec<FaultRule>,
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            api: Api::default(),
            client_id: "simulator-client".to_owned(),
            client_secret: "simulator-secret".to_owned(),
            access_key_id: "simulator-key".to_owned(),
            access_key_secret: "simulator-key-secret".to_owned(),
            tenant_id: "simulator-tenant".to_owned(),
            token_life: Duration::from_secs(3600),
            latency: Duration::from_millis(50),
            latency_jitter: Duration::ZERO,
            job_queued: Duration::from_millis(100),
            job_running: Duration::from_millis(200),
            seed: 0,
            limits: Vec::new(),
            refused_calls_count: false,
            faults: Vec::new(),
        }
    }
}

impl SimulatorSettings {
    /// How long the `n`th call's action takes.
    pub(super) fn latency_of(&self, n: u64) -> Duration {
        let jitter = u64::try_from(self.latency_jitter.as_nanos()).unwrap_or(u64::MAX);
        let drawn = splitmix64(self.seed.wrapping_add(n)).checked_rem(jitter).unwrap_or(0);
        self.latency + Duration::from_nanos(drawn)
    }
}

/// Spreads `x` over all of u64 (<https://prng.di.unimi.it/splitmix64.c>).
fn splitmix64(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// One window of the quota: at most `limit` calls in every `per`. Written `10/1s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most calls in any window. With 0 nothing passes.
    pub limit: u32,
    /// How long the window is.
    pub per: Duration,
}

/// Why a text is no [`Limit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a limit is calls/window, such as 10/1s or 100/60s, both over zero")]
pub struct LimitError;

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        let (limit, per) = text.split_once('/').ok_or(LimitError)?;
        let limit = limit.parse().ok().filter(|&limit| limit > 0).ok_or(LimitError)?;
        let per = humantime::parse_duration(per).ok().filter(|per| !per.is_zero()).ok_or(LimitError)?;
        Ok(Self { limit, per })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.limit, humantime::format_duration(self.per))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_reads_as_it_is_written() {
        for text in ["10/1s", "100/1m", "3/250ms"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        for wrong in ["", "10", "10/", "/1s", "0/1s", "10/0s", "-1/1s", "10/1", "10/1s/2s"] {
            assert_eq!(wrong.parse::<Limit>(), Err(LimitError), "{wrong:?}");
        }
    }

    #[test]
    fn jitter_is_bounded_and_comes_from_the_seed() {
        let settings = SimulatorSettings { latency_jitter: Duration::from_millis(20), ..Default::default() };
        let first: Vec<_> = (0..100).map(|n| settings.latency_of(n)).collect();
        assert_eq!(first, (0..100).map(|n| settings.latency_of(n)).collect::<Vec<_>>());
        assert!(first.iter().all(|l| (Duration::from_millis(50)..Duration::from_millis(70)).contains(l)));
        assert_ne!(
            first,
            (0..100).map(|n| SimulatorSettings { seed: 1000, ..settings.clone() }.latency_of(n)).collect::<Vec<_>>()
        );
        assert_eq!(SimulatorSettings::default().latency_of(7), Duration::from_millis(50));
    }
}

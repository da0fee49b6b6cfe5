//! The platforms that the simulator can be.

use std::fmt;
use std::str::FromStr;

/// The platform that a simulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// CXone data actions: client credentials in the form, actions at once and as jobs.
    #[default]
    DataActions,
    /// CXone's own API: an issuer, access keys, operations below `/incontactapi/services/`, data extraction.
    Cxone,
    /// Genesys Cloud: client credentials by Basic, data actions, asynchronous queries.
    Genesys,
}

const NAMES: [(&str, Api); 3] = [("data-actions", Api::DataActions), ("cxone", Api::Cxone), ("genesys", Api::Genesys)];

/// Why a text is no [`Api`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of data-actions, cxone, genesys")]
pub struct ApiError;

impl FromStr for Api {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        NAMES.iter().find(|(name, _)| *name == text).map(|(_, api)| *api).ok_or(ApiError)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAMES.iter().find(|(_, api)| api == self).map_or("", |(name, _)| name))
    }
}

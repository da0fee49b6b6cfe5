//! Which part of a request takes what of a payload.

use serde_json::Value;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Reads.
    Get,
    /// Does something.
    #[default]
    Post,
    /// Puts what is sent in the place of what is there.
    Put,
    /// Changes what is there.
    Patch,
    /// Takes away.
    Delete,
}

impl Method {
    /// As in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether its requests have a body. What a payload has for others goes into the query.
    #[must_use]
    pub fn has_body(self) -> bool {
        match self {
            Self::Post | Self::Put | Self::Patch => true,
            Self::Get | Self::Delete => false,
        }
    }

    /// Whether sending it twice is harmless unless it is said otherwise. What changes something never is: RFC 9110 (section 9.2.2) has
    /// PUT and DELETE for idempotent, but what an API makes of them, only who knows it can say; and the second answer to a DELETE
    /// would be 404, so that a step that was carried out would be called failed.
    #[must_use]
    pub fn is_idempotent(self) -> bool {
        match self {
            Self::Get => true,
            Self::Put | Self::Post | Self::Patch | Self::Delete => false,
        }
    }
}

/// What of a payload goes into the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The members of these names.
    Names(Vec<String>),
    /// All that does not go into the path.
    Rest,
}

impl Query {
    /// Whether the member `name`, which does not go into the path, goes into the query.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::Names(names) => names.iter().any(|taken| taken == name),
            Self::Rest => true,
        }
    }

    /// The longest path with its query, in bytes. Most servers take no more than this in a request's first line.
    pub const LONGEST_TARGET: usize = 8 * 1024;

    /// A value as the values of its key, not yet encoded. A list repeats the key; what is null is left out.
    ///
    /// # Errors
    /// What is wrong with it, and at which entry of a list. Quotes no value.
    pub fn texts(value: &Value) -> Result<Vec<String>, Misfit> {
        let Value::Array(items) = value else { return Ok(Self::text(value, None)?.into_iter().collect()) };
        let texts = items.iter().enumerate().map(|(at, item)| Self::text(item, Some(at)));
        texts.filter_map(Result::transpose).collect()
    }

    fn text(value: &Value, at: Option<usize>) -> Result<Option<String>, Misfit> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            Value::Number(number) => Ok(Some(number.to_string())),
            Value::Bool(flag) => Ok(Some(flag.to_string())),
            Value::Array(_) => Err(Misfit { at, what: "is a list in a list" }),
            Value::Object(_) => Err(Misfit { at, what: "is an object" }),
        }
    }
}

/// Why a value cannot be in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// The entry of a list that it is about; `None`: the value itself.
    pub at: Option<usize>,
    /// What is wrong, as a phrase that follows the place.
    pub what: &'static str,
}

impl Misfit {
    /// What would be right.
    pub const ALLOWED: &'static str = "texts, numbers, booleans and lists of them";
}

impl Default for Query {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

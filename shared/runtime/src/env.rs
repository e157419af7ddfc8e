//! Configuration: read once, at the start of a function, and only through here.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::filter::Targets;

/// The variables a function was given, and which of them it asked for.
///
/// The record of what was asked lets a test hold each function's configuration against `template.yaml`.
#[derive(Clone, Debug)]
pub struct Env {
    variables: Arc<BTreeMap<String, String>>,
    asked: Arc<Mutex<BTreeSet<String>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum Misconfigured {
    #[error("the environment variable {0} is missing")]
    Missing(String),
    #[error("the environment variable {name} {problem}")]
    Invalid { name: String, problem: String },
}

impl Env {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
    pub fn of_process() -> Self {
        Self::of(std::env::vars())
    }

    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: Arc::new(variables.into_iter().collect()), asked: Arc::default() }
    }

    /// The value of `name`; an empty one counts as absent, since templates cannot leave a variable out.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        self.variables.get(name).filter(|value| !value.is_empty()).cloned()
    }

    pub fn text(&self, name: &str) -> Result<String, Misconfigured> {
        self.optional(name).ok_or_else(|| Misconfigured::Missing(name.to_owned()))
    }

    pub fn parsed<T: FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, Misconfigured> {
        self.text(name)?.parse().map_err(|error: T::Err| Misconfigured::Invalid {
            name: name.to_owned(),
            problem: error.to_string(),
        })
    }

    /// Every name that was asked for so far.
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the platform tells every function, and no template need tell.
    pub(crate) fn platform(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// What `RUST_LOG` says is to be logged, by modules and levels, if it says so in a way that can be read.
    pub fn log_filter(&self, otherwise: Targets) -> Targets {
        self.platform("RUST_LOG").and_then(|filter| filter.parse().ok()).unwrap_or(otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_unreadable_variable_is_named() {
        let env = Env::of([("LAG".to_owned(), "soon".to_owned()), ("EMPTY".to_owned(), String::new())]);
        assert_eq!(env.text("TABLE").unwrap_err().to_string(), "the environment variable TABLE is missing");
        assert!(env.parsed::<u32>("LAG").unwrap_err().to_string().contains("LAG"));
        assert_eq!(env.optional("EMPTY"), None);
        assert_eq!(env.asked().into_iter().collect::<Vec<_>>(), ["EMPTY", "LAG", "TABLE"]);
    }
}

use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};

/// Why the table could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The call failed after the SDK's retries; whether it took effect is unknown.
    #[error("{operation} failed: {}", DisplayErrorContext(.source.as_ref()))]
    Failed {
        operation: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the item {0} cannot be read or written")]
    Corrupt(String, #[source] Box<serde_dynamo::Error>),
    /// Others kept writing the same item; the caller's message or request comes again.
    #[error("{0} was written by others too often")]
    Contended(String),
    #[error("the tenant {0} is unknown")]
    NoTenant(String),
}

impl StoreError {
    pub(crate) fn of<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> StoreError
    where
        E: std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| StoreError::Failed {
            operation,
            source: Box::new(error),
        }
    }
}

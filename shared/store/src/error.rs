use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Why the table could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The call failed after the SDK's retries; whether it took effect is unknown.
    ///
    /// `reason` is the service's code and no more: its messages and answers can hold what people entrusted to us.
    #[error("{operation} failed: {reason}")]
    Failed { operation: &'static str, reason: String, source: Box<dyn std::error::Error + Send + Sync> },
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
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| StoreError::Failed { operation, reason: reason(&error), source: Box::new(error) }
    }

    pub(crate) fn unbuildable(
        operation: &'static str,
    ) -> impl FnOnce(aws_sdk_dynamodb::error::BuildError) -> StoreError {
        move |error| StoreError::Failed { operation, reason: error.to_string(), source: Box::new(error) }
    }
}

fn reason<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let text = match error {
        SdkError::ServiceError(failed) => failed.err().code().unwrap_or("an error without a code"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "not reachable",
        SdkError::ResponseError(_) => "an unreadable answer",
        SdkError::ConstructionFailure(_) | _ => "the request could not be made",
    };
    text.to_owned()
}

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// Why the archive could not answer.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The call failed after the SDK's retries; whether it took effect is unknown.
    ///
    /// `reason` is the service's code and no more: answers hold what people entrusted to us.
    #[error("{operation} failed: {reason}")]
    Failed { operation: &'static str, reason: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("the object {0} cannot be read or written")]
    Corrupt(String, #[source] serde_json::Error),
}

impl ArchiveError {
    pub(crate) fn of<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        move |error| {
            let reason = error.code().unwrap_or("no answer").to_owned();
            Self::Failed { operation, reason, source: Box::new(error) }
        }
    }
}

//! The AWS clients, with the deadlines that suit a function.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};

/// Where the embedded services of the local stack listen.
#[derive(Clone, Debug)]
pub struct Endpoints {
    pub dynamodb: String,
    pub s3: String,
    pub sqs: String,
}

/// The secret of every access key on the embedded services: they ask who calls, and believe it.
pub const LOCAL_SECRET: &str = "local";

/// The clients a function may ask for; all share one connection pool per service.
#[derive(Clone, Debug)]
pub struct Aws {
    config: SdkConfig,
    endpoints: Option<Endpoints>,
}

/// Shorter than a caller's patience, longer than the services' slow moments: a call that hangs becomes an
/// error that is retried, and never holds a function until it is killed.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(20))
        .build()
}

/// Up to three more attempts, the first soon: what throttles us does so for milliseconds, and a caller waits meanwhile.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(100))
}

impl Aws {
    pub async fn of_process() -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts())
            .retry_config(retries())
            .load()
            .await;
        Self { config, endpoints: None }
    }

    /// The same clients against the embedded services. `access_key` tells those which function is calling.
    pub fn local(endpoints: Endpoints, access_key: &str) -> Self {
        let credentials = Credentials::new(access_key, LOCAL_SECRET, None, None, "local stack");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts())
            .retry_config(retries())
            .build();
        Self { config, endpoints: Some(endpoints) }
    }

    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.config);
        if let Some(endpoints) = &self.endpoints {
            config = config.endpoint_url(&endpoints.dynamodb);
        }
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::config::Builder::from(&self.config);
        if let Some(endpoints) = &self.endpoints {
            // A bucket in the host's name is not to be found on this machine.
            config = config.endpoint_url(&endpoints.s3).force_path_style(true);
        }
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::config::Builder::from(&self.config);
        if let Some(endpoints) = &self.endpoints {
            config = config.endpoint_url(&endpoints.sqs);
        }
        aws_sdk_sqs::Client::from_conf(config.build())
    }
}

//! The AWS clients, with the deadlines that suit a function.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, RuntimeComponents, SharedCredentialsProvider, SharedHttpClient,
    StalledStreamProtectionConfig,
};
pub use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_types::SdkConfig;

use crate::Env;

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
    elsewhere: Elsewhere,
}

/// Services that are not where AWS has them.
#[derive(Clone, Debug, Default)]
struct Elsewhere {
    dynamodb: Option<String>,
    s3: Option<String>,
    sqs: Option<String>,
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

/// How AWS is reached, by everything that asks for it; `proxies` stand between, if any.
pub fn http_client(proxies: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().proxy_config(proxies.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    })
}

impl Aws {
    /// The clients of a function in the region, with the credentials, that its platform tells it. What looks for
    /// credentials elsewhere is left to programs that people start: it would be a sixth of every function.
    pub(crate) fn of_function(env: &Env) -> Self {
        let credentials = env.platform("AWS_ACCESS_KEY_ID").zip(env.platform("AWS_SECRET_ACCESS_KEY"));
        let credentials = credentials.map(|(id, secret)| {
            let token = env.platform("AWS_SESSION_TOKEN").map(str::to_owned);
            SharedCredentialsProvider::new(Credentials::new(
                id,
                secret,
                token,
                None,
                "the function's environment",
            ))
        });
        let endpoint = |service| env.platform(service).map(str::to_owned);
        let elsewhere = Elsewhere {
            dynamodb: endpoint("AWS_ENDPOINT_URL_DYNAMODB"),
            s3: endpoint("AWS_ENDPOINT_URL_S3"),
            sqs: endpoint("AWS_ENDPOINT_URL_SQS"),
        };
        let mut config = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        config.set_region(env.platform("AWS_REGION").map(|region| Region::new(region.to_owned())));
        config.set_credentials_provider(credentials);
        Self { elsewhere, ..Self::of(&config.build()) }
    }

    /// The clients that a configuration makes, but with the deadlines of this crate, and its HTTP client if it has none.
    pub fn of(config: &SdkConfig) -> Self {
        let http_client = config.http_client().unwrap_or_else(|| http_client(ProxyConfig::disabled()));
        let config = config.to_builder().http_client(http_client);
        let config = config.timeout_config(timeouts()).retry_config(retries()).build();
        Self { config, elsewhere: Elsewhere::default() }
    }

    /// The same clients against the embedded services. `access_key` tells those which function is calling.
    pub fn local(endpoints: Endpoints, access_key: &str) -> Self {
        let credentials = Credentials::new(access_key, LOCAL_SECRET, None, None, "local stack");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let Endpoints { dynamodb, s3, sqs } = endpoints;
        let elsewhere = Elsewhere { dynamodb: Some(dynamodb), s3: Some(s3), sqs: Some(sqs) };
        Self { elsewhere, ..Self::of(&config) }
    }

    /// Answers are read whole within an attempt's deadline, so nobody need watch how quickly they come.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::config::Builder::from(&self.config);
        config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(url) = &self.elsewhere.dynamodb {
            config = config.endpoint_url(url);
        }
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::config::Builder::from(&self.config);
        if let Some(url) = &self.elsewhere.s3 {
            // A bucket in the host's name is not to be found on this machine.
            config = config.endpoint_url(url).force_path_style(true);
        }
        aws_sdk_s3::Client::from_conf(config.build())
    }

    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let mut config = aws_sdk_sqs::config::Builder::from(&self.config);
        config = config.stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(url) = &self.elsewhere.sqs {
            config = config.endpoint_url(url);
        }
        aws_sdk_sqs::Client::from_conf(config.build())
    }
}

//! What a function needs from the machine it runs on: configuration, clock, AWS clients, queues, telemetry.
//!
//! A function is handed a [`Host`] and asks it for what it needs. In the cloud [`start`] makes one from the
//! process; the local stack makes one per function from `template.yaml`. This crate knows no business rule.

mod aws;
mod batch;
mod clock;
mod env;
mod metrics;
mod queue;
mod random;

use tracing::Subscriber;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use aws::{Aws, Endpoints, LOCAL_SECRET, ProxyConfig, http_client};
pub use batch::{Message, Outcome, batch_response, each, parse_batch};
pub use clock::Clock;
pub use env::{Env, Misconfigured};
pub use metrics::{Metric, Metrics, NAMESPACE};
pub use queue::{Queue, QueueError};
pub use random::secret;

/// Whether credentials that only a local stack may honour are honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Cloud,
    Local,
}

impl Place {
    /// A function whose table is on this machine is in a local stack, whoever started it there.
    fn of(env: &Env) -> Self {
        match env.platform("AWS_ENDPOINT_URL_DYNAMODB") {
            Some(url) if url.starts_with("http://127.0.0.1:") => Self::Local,
            _ => Self::Cloud,
        }
    }
}

/// What a function is given to run with.
#[derive(Clone)]
pub struct Host {
    pub env: Env,
    pub aws: Aws,
    pub clock: Clock,
    pub metrics: Metrics,
    pub place: Place,
}

/// What a function writes into its log: JSON, a line each.
///
/// It names things by our ids and says what went wrong by codes, and holds nothing that people entrusted to us: every
/// end-to-end test watches it.
pub fn logs<W>(filter: Targets, into: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines =
        fmt::layer().json().with_current_span(true).without_time().with_target(true).with_writer(into);
    tracing_subscriber::registry().with(filter).with(lines)
}

/// The host of a function in a process of its own: logs as JSON, configuration from the process.
pub fn start() -> Host {
    let env = Env::of_process();
    logs(env.log_filter(Targets::new().with_default(LevelFilter::INFO)), std::io::stdout).init();
    let clock = Clock::system();
    let metrics = Metrics::logged(clock.clone());
    let place = Place::of(&env);
    let aws = Aws::of_function(&env);
    Host { env, aws, clock, metrics, place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_function_whose_table_is_on_this_machine_honours_local_credentials() {
        let place =
            |url: &str| Place::of(&Env::of([("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), url.to_owned())]));
        assert_eq!(place("http://127.0.0.1:4000"), Place::Local);
        for elsewhere in ["https://127.0.0.1.example.com", "http://127.0.0.1.example.com:80", ""] {
            assert_eq!(place(elsewhere), Place::Cloud, "{elsewhere}");
        }
        assert_eq!(Place::of(&Env::of([])), Place::Cloud);
    }
}

//! A served SQS and what the tests ask of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use axum::serve::ListenerExt;
use crae::sqs::{Counts, QueueSpec, Queues, Redrive};

pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// A served SQS with one queue, `calls`, whose time passes only when a test says so.
pub(crate) struct Local {
    pub(crate) queues: Queues,
    pub(crate) client: Client,
    pub(crate) url: String,
    now_ms: Arc<AtomicU64>,
}

impl Local {
    pub(crate) async fn start() -> Local {
        Local::with(QueueSpec::new("calls")).await
    }

    pub(crate) async fn with(spec: QueueSpec) -> Local {
        Local::open(None, spec).await
    }

    pub(crate) async fn open(file: Option<&Path>, spec: QueueSpec) -> Local {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base_url = format!("http://{}", listener.local_addr().expect("its address"));
        let now_ms = Arc::new(AtomicU64::new(START_MS));
        let time = Arc::clone(&now_ms);
        let clock = move || time.load(Ordering::SeqCst);
        let queues = Queues::open(file, base_url.clone(), clock).expect("opens");
        if let Some(redrive) = &spec.redrive {
            let dead_letters = QueueSpec::new(&redrive.dead_letter_queue);
            queues.create(dead_letters).await.expect("created");
        }
        let url = queues.create(spec).await.expect("created");
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let router = queues.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(base_url)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .http_client(runtime::http_client(runtime::ProxyConfig::disabled()))
            .build();
        Local { queues, client: Client::from_conf(config), url, now_ms }
    }

    pub(crate) fn pass_s(&self, seconds: u64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) async fn send(&self, body: &str) {
        let send = self.client.send_message().queue_url(&self.url);
        send.message_body(body).send().await.expect("sent");
    }

    pub(crate) async fn receive(&self) -> Vec<Message> {
        self.receive_from(&self.url).await
    }

    pub(crate) async fn receive_from(&self, url: &str) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(url);
        let received = receive
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .expect("received");
        received.messages.unwrap_or_default()
    }

    pub(crate) async fn delete(&self, receipt: &str) {
        let delete = self.client.delete_message().queue_url(&self.url);
        delete.receipt_handle(receipt).send().await.expect("taken");
    }

    pub(crate) async fn hide(&self, receipt: &str, seconds: i32) -> Result<(), String> {
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds)
            .send()
            .await
            .map(drop)
            .map_err(|error| error.code().unwrap_or_default().to_owned())
    }

    pub(crate) async fn counts(&self) -> (u64, u64, u64) {
        let counts = self.queues.counts("calls").await.expect("counted");
        let Counts { visible, in_flight, delayed } = counts;
        (visible, in_flight, delayed)
    }
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

pub(crate) fn receipt(messages: &[Message]) -> String {
    let first = messages.first().and_then(Message::receipt_handle);
    first.expect("a message").to_owned()
}

pub(crate) fn attribute(message: &Message, name: MessageSystemAttributeName) -> Option<&str> {
    message.attributes()?.get(&name).map(String::as_str)
}

pub(crate) fn with_redrive(max_receive_count: u32) -> QueueSpec {
    QueueSpec {
        redrive: Some(Redrive { dead_letter_queue: "calls-dead".to_owned(), max_receive_count }),
        ..QueueSpec::new("calls")
    }
}

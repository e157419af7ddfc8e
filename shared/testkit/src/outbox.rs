//! The sending half of SQS: takes every message, or refuses it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// A message as it was sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Sent {
    pub queue_url: String,
    pub message_body: String,
    pub message_group_id: Option<String>,
    #[serde(default)]
    pub delay_seconds: u32,
}

#[derive(Debug, Default)]
struct Kept {
    sent: Vec<Sent>,
    refusing: bool,
}

/// Every message that was sent and not taken out yet, whatever its queue.
#[derive(Clone, Debug, Default)]
pub struct Outbox(Arc<Mutex<Kept>>);

impl Outbox {
    /// Takes out all messages, oldest first.
    pub fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.0.lock().unwrap().sent)
    }

    /// Takes out the bodies of all messages, oldest first.
    pub fn take_bodies<M: DeserializeOwned>(&self) -> Vec<M> {
        let read = |sent: Sent| serde_json::from_str(&sent.message_body).unwrap();
        self.take().into_iter().map(read).collect()
    }

    /// From now on refuses every message.
    pub fn refuse(&self) {
        self.0.lock().unwrap().refusing = true;
    }

    /// From now on takes messages again.
    pub fn relent(&self) {
        self.0.lock().unwrap().refusing = false;
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }
}

async fn answer(State(outbox): State<Outbox>, body: String) -> Response {
    let message: Sent = serde_json::from_str(&body).unwrap();
    let mut kept = outbox.0.lock().unwrap();
    let (status, answer) = if kept.refusing {
        // An error that the SDK does not try again, so that no test waits for its patience to end.
        let answer =
            json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "refused by the test" });
        (StatusCode::BAD_REQUEST, answer)
    } else {
        let digest = format!("{:x}", md5::compute(&message.message_body));
        let answer = json!({ "MessageId": format!("sent-{}", kept.sent.len()), "MD5OfMessageBody": digest });
        kept.sent.push(message);
        (StatusCode::OK, answer)
    };
    let headers = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, headers, answer.to_string()).into_response()
}

//! Receiving: waits for messages, and loses none when the waiting is given up.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::message::{self, ReceivedMessage};
use super::queue;
use super::receipt::Receipt;
use super::writer::{Turn, Writer};
use super::{Queues, SqsError};

/// What a receive asks for.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) max: usize,
    /// Instead of the queue's.
    pub(super) visibility_timeout_s: Option<u32>,
    pub(super) wait: Duration,
}

enum Looked {
    Took(Lease),
    /// Nothing is visible now; tells how long until something will be, if the queue holds any.
    Nothing {
        next_in: Option<Duration>,
    },
}

impl Queues {
    pub(super) async fn poll(&self, queue: &str, order: Order) -> Result<Vec<ReceivedMessage>, SqsError> {
        let deadline = Instant::now() + order.wait;
        let bell = self.bells.of(queue).ok_or_else(|| SqsError::QueueDoesNotExist(queue.to_owned()))?;
        loop {
            // Listening begins before the look, so that what is sent in between still rings.
            let mut rung = pin!(bell.notified());
            rung.as_mut().enable();
            let next_in = match self.look(queue, order).await? {
                Looked::Took(lease) => return Ok(lease.keep()),
                Looked::Nothing { next_in } => next_in,
            };
            let now = Instant::now();
            if now >= deadline {
                return Ok(Vec::new());
            }
            let next = next_in.and_then(|next_in| now.checked_add(next_in));
            let until = next.map_or(deadline, |next| next.min(deadline));
            // Whether it rang or time is up, the next look tells.
            drop(timeout_at(until, rung).await);
        }
    }

    async fn look(&self, queue: &str, order: Order) -> Result<Looked, SqsError> {
        let (name, writer) = (queue.to_owned(), self.writer.clone());
        self.writer.run(move |turn| look(turn, name, order, writer)).await
    }
}

fn look(turn: &mut Turn<'_>, name: String, order: Order, writer: Writer) -> Result<Looked, SqsError> {
    let queue = queue::find(turn.connection, &name)?;
    let taken = message::take(turn, &queue, order.max, order.visibility_timeout_s)?;
    if taken.is_empty() {
        let next_ms = message::next_visible_ms(turn, &queue)?;
        let next_in = next_ms.map(|next_ms| Duration::from_millis(next_ms.saturating_sub(turn.now_ms)));
        return Ok(Looked::Nothing { next_in });
    }
    let (receipts, messages) = taken.into_iter().unzip();
    Ok(Looked::Took(Lease { queue: name, receipts, messages, writer }))
}

/// Messages on their way to a receiver, put back if it is gone when they arrive.
struct Lease {
    queue: String,
    receipts: Vec<Receipt>,
    messages: Vec<ReceivedMessage>,
    writer: Writer,
}

impl Lease {
    fn keep(mut self) -> Vec<ReceivedMessage> {
        self.receipts.clear();
        std::mem::take(&mut self.messages)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.receipts.is_empty() {
            return;
        }
        let (queue, receipts) = (std::mem::take(&mut self.queue), std::mem::take(&mut self.receipts));
        self.writer.post(move |turn| message::put_back(turn, &queue, &receipts), drop);
    }
}

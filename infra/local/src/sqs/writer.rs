//! The one thread that owns the file; what waits for it at the same time shares a transaction.

use std::collections::BTreeSet;
use std::iter;
use std::sync::mpsc;
use std::thread;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::SqsError;
use super::bells::Bells;
use super::file::Opened;

/// Bounds how long the first of a group waits for the others.
const GROUP_LIMIT: usize = 256;

pub(super) type Clock = Box<dyn Fn() -> u64 + Send + Sync>;
/// Fails only if the file does; then the whole group is undone, and nobody in it is answered.
type Job = Box<dyn FnOnce(&mut Turn<'_>) -> Result<Answer, rusqlite::Error> + Send>;
/// Called once the group is committed.
type Answer = Box<dyn FnOnce() + Send>;

/// What a job may use while it is its turn.
pub(super) struct Turn<'a> {
    pub(super) connection: &'a Connection,
    pub(super) now_ms: u64,
    last_receipt: &'a mut i64,
    stirred: BTreeSet<String>,
}

impl Turn<'_> {
    /// A number that no other receive has, not even one whose transaction failed.
    pub(super) fn next_receipt(&mut self) -> i64 {
        *self.last_receipt += 1;
        *self.last_receipt
    }

    /// Has the polls waiting at `queue` look again after the commit.
    pub(super) fn stir(&mut self, queue: &str) {
        if !self.stirred.contains(queue) {
            self.stirred.insert(queue.to_owned());
        }
    }
}

#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// The thread ends with the last clone of the returned writer.
    pub(super) fn start(opened: Opened, clock: Clock, bells: Bells) -> Result<Writer, SqsError> {
        let (jobs, waiting) = mpsc::channel();
        let desk = Desk { opened, clock, bells };
        thread::Builder::new().name("sqs".to_owned()).spawn(move || desk.serve(&waiting))?;
        Ok(Writer { jobs })
    }

    /// Does `work` and returns its result when it is committed.
    ///
    /// `work` refuses before it writes: an error that is not the file's does not undo anything.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> Result<T, SqsError> + Send + 'static,
    ) -> Result<T, SqsError> {
        let (reply, answer) = oneshot::channel();
        self.post(work, |outcome| {
            // A caller that is gone cannot be told; what it would have got is dropped.
            drop(reply.send(outcome));
        });
        answer.await.unwrap_or(Err(SqsError::Unanswered))
    }

    /// Does `work` some time soon, and `then` after its commit.
    pub(super) fn post<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Turn<'_>) -> Result<T, SqsError> + Send + 'static,
        then: impl FnOnce(Result<T, SqsError>) + Send + 'static,
    ) {
        let job: Job = Box::new(move |turn| match work(turn) {
            Err(SqsError::File(failure)) => Err(failure),
            outcome => Ok(Box::new(move || then(outcome))),
        });
        // Fails only if the thread is gone; the job is dropped, and so is the reply it holds.
        drop(self.jobs.send(job));
    }
}

struct Desk {
    opened: Opened,
    clock: Clock,
    bells: Bells,
}

impl Desk {
    fn serve(mut self, waiting: &mpsc::Receiver<Job>) {
        while let Ok(first) = waiting.recv() {
            let others = waiting.try_iter().take(GROUP_LIMIT - 1);
            let group = iter::once(first).chain(others).collect();
            match self.commit(group) {
                Ok((answers, stirred)) => {
                    for answer in answers {
                        answer();
                    }
                    self.bells.ring(&stirred);
                }
                Err(failure) => tracing::error!(error = %failure, "the queues' file failed"),
            }
        }
    }

    fn commit(&mut self, group: Vec<Job>) -> Result<(Vec<Answer>, BTreeSet<String>), rusqlite::Error> {
        let transaction = self.opened.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut turn = Turn {
            connection: &transaction,
            now_ms: (self.clock)(),
            last_receipt: &mut self.opened.last_receipt,
            stirred: BTreeSet::new(),
        };
        let answers = group.into_iter().map(|job| job(&mut turn)).collect::<Result<Vec<_>, _>>()?;
        let stirred = turn.stirred;
        transaction.commit()?;
        Ok((answers, stirred))
    }
}

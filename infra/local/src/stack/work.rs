//! What the stack does: answers requests, works off queues, keeps schedules.

use std::path::PathBuf;
use std::time::Duration;

use runtime::Clock;
use tokio::task::JoinHandle;

use super::{Stack, StackError};
use crate::dynamodb::Changes;
use crate::functions::{self, Code};
use crate::gateway::{Gateway, HttpFunction, Route};
use crate::mappings::{Mapping, Position, Schedule, StreamMapping};
use crate::sqs::Queues;
use crate::template::{Event, Function};
use crate::threads::{Stop, Threads};

/// How many batches of one queue Lambda works on at once before it scales; fewer where the template says so.
const POLLERS: usize = 5;

/// Every trigger of the template with the code it starts.
#[derive(Default)]
pub(super) struct Work {
    routes: Vec<(Route, HttpFunction)>,
    mappings: Vec<(Mapping, usize)>,
    streams: Vec<StreamMapping>,
    schedules: Vec<Schedule>,
    redelivery: Option<Duration>,
}

/// What the work is taken from.
pub(super) struct Sources {
    pub(super) queues: Queues,
    pub(super) changes: Changes,
    /// Where it is kept how far the functions have followed the changes.
    pub(super) folder: Option<PathBuf>,
}

impl Work {
    /// Does what a cold start of every function does.
    pub(super) fn connect(stack: &Stack, redelivery: Option<Duration>) -> Result<Self, StackError> {
        let mut work = Self { redelivery, ..Self::default() };
        for function in &stack.template.functions {
            let name = &function.name;
            let code = functions::Function::named(name);
            let code = code.ok_or_else(|| StackError::NoCode(name.clone()))?;
            let code = code
                .connect(&stack.host(name))
                .map_err(|source| StackError::Misconfigured { function: name.clone(), source })?;
            for event in &function.events {
                work.add(function, event, code.clone())?;
            }
        }
        Ok(work)
    }

    fn add(&mut self, function: &Function, event: &Event, code: Code) -> Result<(), StackError> {
        let name = function.name.clone();
        let timeout = function.timeout;
        match (event, code) {
            (Event::HttpApi { method, path }, Code::Http(router)) => {
                let target = HttpFunction { name, timeout, router };
                self.routes.push((Route::read(method, path)?, target));
            }
            (Event::Sqs { queue, batch_size, window, concurrency }, Code::Queue(handle)) => {
                let mapping = Mapping {
                    function: name,
                    timeout,
                    handle,
                    queue: queue.clone(),
                    batch_size: *batch_size,
                    window: *window,
                    redelivery: self.redelivery,
                };
                self.mappings.push((mapping, POLLERS.min(*concurrency)));
            }
            (Event::Stream { batch_size, window, filters, retries, on_failure }, Code::Stream(handle)) => {
                self.streams.push(StreamMapping {
                    function: name,
                    timeout,
                    handle,
                    batch_size: *batch_size,
                    window: *window,
                    filters: filters.clone(),
                    retries: *retries,
                    on_failure: on_failure.clone(),
                });
            }
            (Event::Schedule { every }, Code::Schedule(handle)) => {
                let function = name;
                self.schedules.push(Schedule { function, timeout, handle, every: *every });
            }
            (_, Code::Http(_) | Code::Queue(_) | Code::Stream(_) | Code::Schedule(_)) => {
                return Err(StackError::WrongTrigger { function: name });
            }
        }
        Ok(())
    }

    pub(super) fn gateway(&self, clock: &Clock) -> Gateway {
        Gateway::new(self.routes.clone(), clock.clone())
    }

    /// Starts the pollers and the schedules.
    pub(super) fn start(self, threads: &Threads, sources: &Sources, stop: &Stop) -> Vec<JoinHandle<()>> {
        let Sources { queues, changes, folder } = sources;
        let pollers = self.mappings.into_iter().flat_map(|(mapping, pollers)| {
            let polls = (0..pollers).map(move |_| mapping.clone().poll(queues.clone(), stop.clone()));
            polls.map(|poll| threads.spawn(poll))
        });
        let followers = self.streams.into_iter().map(|mapping| {
            let file = folder.as_ref().map(|folder| folder.join(format!("{}.position", mapping.function)));
            let position = Position::read(file);
            threads.spawn(mapping.follow(changes.clone(), position, queues.clone(), stop.clone()))
        });
        let schedules = self.schedules.into_iter().map(|schedule| threads.spawn(schedule.run(stop.clone())));
        pollers.chain(followers).chain(schedules).collect()
    }
}

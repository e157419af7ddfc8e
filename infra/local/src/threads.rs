//! Threads of one part of the stack, and how what runs on them is told to stop.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A runtime of its own: a part neither starves the others nor ends with the test that happened to start it.
pub(crate) struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    pub(crate) fn start(name: &str, count: usize) -> io::Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(count).thread_name(name).enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn handle(&self) -> Handle {
        self.handle.clone()
    }

    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.handle.spawn(work)
    }
}

impl Drop for Threads {
    /// Without waiting, which asynchronous code may not.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Tells what runs that it should stop, or that whoever could tell is gone.
pub(crate) type Stop = watch::Receiver<bool>;

/// Resolves when `stop` says so.
pub(crate) async fn stopped(mut stop: Stop) {
    // An error says that the sender is gone, which means the same.
    drop(stop.wait_for(|stop| *stop).await);
}

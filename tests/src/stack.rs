use std::sync::atomic::{AtomicU32, Ordering};

use crae::{Options, Stack, tenants};
use tokio::sync::OnceCell;

use crate::Client;

/// The stack that all tests of a binary share.
pub async fn stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK
        .get_or_init(async || {
            Stack::start(Options::default()).await.unwrap_or_else(|error| panic!("{error}"))
        })
        .await
}

/// A client of a tenant that no other test knows, so that all tests run at once.
pub async fn new_tenant() -> Client {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let stack = stack().await;
    let name = format!("tenant-{}", MADE.fetch_add(1, Ordering::Relaxed));
    let tenant = tenants::create(stack, &name, &[]).await.unwrap_or_else(|error| panic!("{error}"));
    Client::new(stack.url(), tenant)
}

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crae::tenants::TenantCredentials;
use crae::{Stack, tenants};
use domain::ids::TenantId;
use domain::party::{Party, PartyKind};
use domain::permission::{Permission, Permissions};
use domain::tenant::Settings;
use domain::time::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::{ApiKey, StoreError, Table, Tenant, TenantKey};
use tokio::sync::OnceCell;

use crate::Client;
use crate::weather::{Operator, Weather};

/// Longer than all tests together keep the queue busy, shorter than a message that failed is hidden.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than the stream of changes is left unread.
const QUIET: Duration = Duration::from_secs(2);

/// The stack that all tests of a binary share.
pub async fn stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    STACK
        .get_or_init(async || {
            let stack =
                Stack::start(Weather::now().options()).await.unwrap_or_else(|error| panic!("{error}"));
            // Before anything asks for them: that a tenant is unknown is remembered for a minute.
            done(tenants::seed(&stack).await);
            if Weather::now().failures {
                Operator::of_all().begin();
            }
            stack
        })
        .await
}

/// A client of a tenant that no other test knows, so that all tests run at once.
pub async fn new_tenant() -> Client {
    let name = new_name("tenant");
    let stack = stack().await;
    client(done(tenants::create(stack, &name, &[]).await)).await
}

/// A new tenant whose days begin at midnight of an IANA zone.
pub async fn new_tenant_in(time_zone: &str) -> Client {
    let name = new_name("tenant");
    let stack = stack().await;
    let settings = Settings { time_zone: time_zone.to_owned(), ..Settings::default() };
    let key = TenantKey::new(Sha256::digest(&name).into());
    done(table().await.create_tenant(&Tenant { id: tenant_id(&name), settings, key }).await);
    // What exists is left as it is; the credentials are still missing.
    client(done(tenants::create(stack, &name, &[]).await)).await
}

async fn client(tenant: TenantCredentials) -> Client {
    let client = Client::new(stack().await.url(), tenant);
    if Weather::now().failures {
        Operator::of_all().meet(&client);
    }
    client
}

/// What the API's clock shows.
pub async fn now() -> Timestamp {
    stack().await.owner().clock.now()
}

/// How an API key came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Active,
    Revoked,
}

/// A client with a key of its own, which holds these permissions and no others.
pub async fn with_permissions(
    client: &Client,
    permissions: impl IntoIterator<Item = Permission>,
    state: KeyState,
) -> Client {
    with_new_key(client, permissions.into_iter().collect(), (state, None)).await
}

/// A client whose key is a partner's or broker's, and holds every permission.
pub async fn bound_to(client: &Client, kind: PartyKind, id: &str) -> Client {
    let party = Party { kind, id: id.to_owned() };
    with_new_key(client, Permissions::all(), (KeyState::Active, Some(party))).await
}

async fn with_new_key(
    client: &Client,
    permissions: Permissions,
    (state, party): (KeyState, Option<Party>),
) -> Client {
    let (key_id, secret) = (new_name("key"), "of-a-test");
    let key = ApiKey {
        key_id: key_id.clone(),
        tenant: tenant_id(&client.tenant.tenant_id),
        secret_hash: hex::encode(Sha256::digest(secret)),
        permissions,
        created_at: now().await,
        revoked: state == KeyState::Revoked,
        party,
    };
    assert!(done(table().await.create_api_key(&key).await), "the key {key_id} existed before");
    client.with_key(&format!("crk_{key_id}_{secret}"))
}

/// The deliveries of a tenant that people must look at: unreadable, of a type nobody handles, or failing again and again.
pub async fn kept_deliveries(client: &Client) -> Vec<Value> {
    let mut all = client.list("/v1/webhooks/deliveries").await;
    all.retain(|delivery| {
        ["unhandled", "quarantined", "dead_lettered"]
            .contains(&delivery["state"].as_str().unwrap_or_default())
    });
    all
}

/// Waits until no delivery of any tenant is queued or being worked on.
pub async fn deliveries_done() {
    let (since, stack) = (Instant::now(), stack().await);
    let on_their_way = async || {
        let waiting = waiting("crae-deliveries").await + waiting("crae-deliveries-dead-letters").await;
        waiting > 0 || Weather::now().failures && !Operator::of_all().is_idle(stack)
    };
    while on_their_way().await {
        assert!(since.elapsed() < PATIENCE, "deliveries are still on their way");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until no hour of any tenant is waiting to be counted, and none has been for a while: what changed last may
/// not have been noticed yet.
pub async fn rollups_done() {
    let (since, mut idle) = (Instant::now(), Instant::now());
    let quiet = Weather::now().patience(QUIET);
    while idle.elapsed() < quiet {
        if waiting("crae-rollups").await > 0 {
            idle = Instant::now();
        }
        assert!(since.elapsed() < 3 * PATIENCE, "hours are still waiting to be counted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many messages are in a queue, whether visible, delayed or being worked on.
async fn waiting(queue: &str) -> u64 {
    let counts = stack().await.queues().counts(queue).await.unwrap_or_else(|error| panic!("{error}"));
    counts.visible + counts.in_flight + counts.delayed
}

async fn table() -> Table {
    let stack = stack().await;
    Table::new(stack.owner().aws.dynamodb(), &stack.template().table.name)
}

fn new_name(what: &str) -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{what}-{}", MADE.fetch_add(1, Ordering::Relaxed))
}

fn tenant_id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap_or_else(|error| panic!("{name} {error}"))
}

fn done<T>(outcome: Result<T, StoreError>) -> T {
    outcome.unwrap_or_else(|error| panic!("{error}"))
}

//! Buckets counted from their facts.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

use std::collections::BTreeMap;

use domain::dimension::Dimension;
use domain::ids::ExternalId;
use domain::interaction::{CallEvent, Field, Section, Value};
use domain::rollup::{Bucket, Recount, Tallies, Tally};
use domain::source::Source;
use domain::time::{HOUR_MS, Hour, Timestamp, Zone};
use rollup_builder::App;
use store::{About, Rollup, Tenant};
use testkit::Stack;

const HOUR: &str = "202611211000";

const ENV: [(&str, &str); 1] = [("ROLLUP_DELAY_SECONDS", "60")];

struct Shop {
    stack: Stack,
    tenant: Tenant,
    app: App,
}

async fn shop() -> Shop {
    let stack = testkit::stack();
    let tenant = stack.tenant("demo").await;
    let app = App::connect(&stack.host(&ENV)).unwrap();
    Shop { stack, tenant, app }
}

fn hour() -> Hour {
    Hour::parse(HOUR).unwrap()
}

impl Shop {
    /// A call of this agent, as told for the `version`th time to have begun then.
    async fn call(&self, id: &str, agent: &str, began: Timestamp, version: i64) {
        let facts: BTreeMap<_, _> = [
            (Field::AgentId, Some(Value::from(agent))),
            (Field::StartedAt, Some(Value::from(began))),
            (Field::DurationSeconds, Some(Value::Integer(60))),
        ]
        .into();
        let external_id = ExternalId::parse(id).unwrap();
        let event = CallEvent {
            external_id: external_id.clone(),
            section: Section::Started,
            time: hour().start().plus_ms(version),
            facts,
        };
        let about = About { source: Source::Convin, external_id };
        let join = |before: &domain::interaction::Interaction| {
            let mut after = before.clone();
            after.fold(&event);
            (after, ())
        };
        let now = self.stack.clock.now();
        self.stack.table().merge_interaction(&self.tenant, &about, now, join).await.unwrap();
    }

    fn bucket(&self, hour: Hour) -> Bucket {
        Bucket { tenant: self.tenant.id.clone(), kind: Tallies::KIND, hour, shard: 0 }
    }

    /// Notes a change; answers the message that asks for a count.
    async fn note(&self, hour: Hour) -> Recount {
        let bucket = self.bucket(hour);
        let changes = self.stack.table().note_change(&bucket, self.stack.clock.now()).await.unwrap();
        Recount { bucket, changes }
    }

    async fn count(&self, asked: &Recount) {
        let message = serde_json::to_string(asked).unwrap();
        let response = rollup_builder::handle(self.app.clone(), testkit::batch([message])).await;
        assert!(response.batch_item_failures.is_empty());
    }

    async fn recount(&self, hour: Hour) {
        self.count(&self.note(hour).await).await;
    }

    /// Up to which change the hour was counted.
    async fn counted(&self, hour: Hour) -> Option<u64> {
        self.stack.table().counted(&self.bucket(hour)).await.unwrap()
    }

    /// How many interactions each agent has in the hour, as reports read it.
    async fn agents(&self, hour: Hour) -> Vec<(String, u64)> {
        let hours = (hour, Zone::UTC.hour_of(hour.start().plus_ms(HOUR_MS)));
        let now = self.stack.clock.now();
        let tallies = self.stack.table().tallies(&self.tenant, Dimension::Agent, hours, now).await.unwrap();
        tallies.into_iter().map(|(agent, tally)| (agent, tally.interactions)).collect()
    }
}

fn agents(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(agent, count)| ((*agent).to_owned(), *count)).collect()
}

#[tokio::test]
async fn an_hour_is_what_its_facts_are_however_often_it_is_counted() {
    let shop = shop().await;
    shop.call("a", "ann", hour().start(), 0).await;
    shop.call("b", "ann", hour().start().plus_ms(HOUR_MS - 1), 0).await;
    shop.call("c", "bob", hour().start().plus_ms(5), 0).await;
    shop.call("d", "bob", hour().start().plus_ms(HOUR_MS), 0).await;
    shop.recount(hour()).await;
    assert_eq!(shop.agents(hour()).await, agents(&[("ann", 2), ("bob", 1)]));
    shop.recount(hour()).await;
    assert_eq!(shop.agents(hour()).await, agents(&[("ann", 2), ("bob", 1)]));
}

#[tokio::test]
async fn a_correction_moves_what_it_corrects() {
    let shop = shop().await;
    let later = Hour::parse("202611211100").unwrap();
    shop.call("a", "ann", hour().start(), 0).await;
    shop.call("b", "ann", hour().start(), 0).await;
    shop.recount(hour()).await;
    shop.call("a", "bob", later.start(), 1).await;
    for hour in [hour(), later] {
        shop.recount(hour).await;
    }
    assert_eq!(shop.agents(hour()).await, agents(&[("ann", 1)]));
    assert_eq!(shop.agents(later).await, agents(&[("bob", 1)]));
}

#[tokio::test]
async fn what_is_counted_is_not_counted_again_for_another_message_that_is_due_or_the_same() {
    let shop = shop().await;
    shop.call("a", "ann", hour().start(), 0).await;
    let (first, second) = (shop.note(hour()).await, shop.note(hour()).await);
    shop.stack.clock.advance(60_000);
    shop.count(&first).await;
    drop(shop.app.meter().take());
    for asked in [first, second] {
        shop.count(&asked).await;
        let billed = shop.app.meter().take();
        assert_eq!(billed.keys().collect::<Vec<_>>(), [&"rollups"]);
        assert!(billed["rollups"].writes == 0.0 && billed["rollups"].reads <= 1.0, "{}", billed["rollups"]);
    }
}

#[tokio::test]
async fn a_change_that_the_index_did_not_show_yet_is_counted_when_its_own_message_comes() {
    let shop = shop().await;
    shop.call("a", "ann", hour().start(), 0).await;
    let first = shop.note(hour()).await;
    shop.stack.clock.advance(59_999);
    // Noted, but when the first message is worked on, the index does not know it: as if it came afterwards.
    let second = shop.note(hour()).await;
    shop.stack.clock.advance(1);
    shop.count(&first).await;
    shop.call("b", "bob", hour().start(), 0).await;
    shop.count(&second).await;
    assert_eq!(shop.agents(hour()).await, agents(&[("ann", 1), ("bob", 1)]));
}

#[tokio::test]
async fn an_older_count_never_replaces_a_newer_one() {
    let shop = shop().await;
    shop.call("a", "ann", hour().start(), 0).await;
    shop.note(hour()).await;
    shop.recount(hour()).await;
    let older = Rollup { bucket: shop.bucket(hour()), changes: 1, tallies: Tallies::default() };
    assert!(!shop.stack.table().put_rollup(&older, i64::MAX).await.unwrap());
    assert_eq!(shop.agents(hour()).await, agents(&[("ann", 1)]));
}

#[tokio::test]
async fn a_count_that_fails_comes_again() {
    let shop = shop().await;
    shop.call("a", "ann", hour().start(), 0).await;
    let asked = shop.note(hour()).await;
    let failing = shop.stack.failing_host(&ENV, |operation, _| operation == "BatchGetItem");
    let message = serde_json::to_string(&asked).unwrap();
    let response = rollup_builder::handle(App::connect(&failing).unwrap(), testkit::batch([message])).await;
    assert_eq!(response.batch_item_failures.len(), 1);
    assert_eq!(shop.counted(hour()).await, None);
}

#[tokio::test]
async fn an_hour_with_a_thousand_agents_fits() {
    let shop = shop().await;
    for n in 0..1_000 {
        let name = format!("an-agent-with-quite-a-long-name-{n}");
        shop.call(&name, &name, hour().start().plus_ms(n), 0).await;
    }
    shop.recount(hour()).await;
    assert_eq!(shop.agents(hour()).await.len(), 1_000);
}

#[tokio::test]
async fn an_hour_with_more_than_one_item_holds_is_counted_whole_and_leaves_nothing_of_an_earlier_count() {
    let shop = shop().await;
    shop.call("call", "ann", hour().start(), 0).await;
    let counted = async |changes: u64, agents: u64| {
        let tally = Tally { interactions: 1, ..Tally::default() };
        let rows = (0..agents).map(|n| (format!("{n:0>128}"), tally.clone())).collect();
        let tallies = Tallies(BTreeMap::from([(Dimension::Agent, rows)]));
        let rollup = Rollup { bucket: shop.bucket(hour()), changes, tallies };
        let expires_at = shop.tenant.settings.expires_at(hour().start(), shop.stack.clock.now());
        let written = shop.stack.table().put_rollup(&rollup, expires_at).await.unwrap();
        (written, shop.agents(hour()).await.len())
    };
    assert_eq!(counted(2, 10_000).await, (true, 10_000));
    assert_eq!(counted(3, 10_001).await, (true, 10_001));
    // What is late changes nothing, whatever it left behind.
    assert_eq!(counted(3, 9_000).await, (false, 10_001));
    assert_eq!(counted(4, 1).await, (true, 1));
}

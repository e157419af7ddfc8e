//! What happens by itself.

#![expect(clippy::unwrap_used, reason = "what is missing fails the test")]

mod schedules;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use attribution_scheduler::App;
use domain::conversion::Conversion;
use domain::identifier::{Identifier, IdentifierType, Region};
use domain::ids::ExternalId;
use domain::interaction::{CallEvent, Field, Interaction, Section, Value};
use domain::money::{Currency, Money};
use domain::rollup::Recount;
use domain::run::{ModelCode, RunMessage, RunStatus};
use domain::source::Source;
use domain::tenant::Settings;
use domain::time::{DAY_MS, HOUR_MS, SECOND_MS, Timestamp};
use store::{About, Run, Tenant};
use testkit::Stack;

const ENV: [(&str, &str); 4] = [
    ("RUNS_QUEUE_URL", "http://queues/runs"),
    ("ROLLUPS_QUEUE_URL", "http://queues/rollups"),
    ("ROLLUP_DELAY_SECONDS", "60"),
    ("INDEX_LAG_SECONDS", "5"),
];

/// It is 2026-11-21T12:00:00Z at first.
struct Shop {
    stack: Stack,
    tenant: Tenant,
    app: App,
}

/// What a tick sent.
#[derive(Debug, PartialEq)]
struct Sent {
    runs: Vec<RunMessage>,
    hours: Vec<String>,
}

impl Shop {
    async fn with(settings: Settings) -> Self {
        let stack = testkit::stack();
        let tenant = stack.tenant_with("demo", settings).await;
        let app = App::connect(&stack.host(&ENV)).unwrap();
        Self { stack, tenant, app }
    }

    async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    /// An order this long before now.
    async fn order(&self, id: &str, before_ms: i64) {
        let now = self.stack.clock.now();
        let conversion = Conversion {
            external_id: ExternalId::parse(id).unwrap(),
            event_type: "purchase".to_owned(),
            identifiers: BTreeSet::from([Identifier::parse(
                IdentifierType::Email,
                "ann@example.com",
                Region::US,
            )
            .unwrap()]),
            amount: Money { minor: 100, currency: Currency::parse("USD").unwrap() },
            occurred_at: now.plus_ms(-before_ms),
            event_source: "billing".to_owned(),
            metadata: None,
            refund_of: None,
            commission_minor: None,
            policy_id: None,
            policy_number: None,
        };
        self.stack.table().record_conversion(&self.tenant, &conversion, now).await.unwrap();
    }

    async fn call(&self, id: &str, before_ms: i64) {
        let began = self.stack.clock.now().plus_ms(-before_ms);
        let external_id = ExternalId::parse(id).unwrap();
        let facts = BTreeMap::from([(Field::StartedAt, Some(Value::from(began)))]);
        let event =
            CallEvent { external_id: external_id.clone(), section: Section::Started, time: began, facts };
        let about = About { source: Source::Convin, external_id };
        let fold = |before: &Interaction| {
            let mut after = before.clone();
            after.fold(&event);
            (after, ())
        };
        let now = self.stack.clock.now();
        self.stack.table().merge_interaction(&self.tenant, &about, now, fold).await.unwrap();
    }

    async fn tick(&self) -> Sent {
        attribution_scheduler::handle(self.app.clone()).await.unwrap();
        self.sent()
    }

    fn sent(&self) -> Sent {
        let (mut runs, mut hours) = (Vec::new(), Vec::new());
        for sent in self.stack.outbox.take() {
            if sent.queue_url == "http://queues/runs" {
                assert_eq!(sent.delay_seconds, 5);
                runs.push(serde_json::from_str(&sent.message_body).unwrap());
            } else {
                assert_eq!(sent.delay_seconds, 60);
                let recount: Recount = serde_json::from_str(&sent.message_body).unwrap();
                hours.push(recount.bucket.hour.name());
            }
        }
        hours.sort();
        Sent { runs, hours }
    }

    async fn runs(&self) -> Vec<Run> {
        let now = self.stack.clock.now();
        self.stack.table().runs(&self.tenant.id, None, 50, now).await.unwrap().0
    }
}

fn days(run: &Run) -> (&str, &str) {
    (run.config.start_date.as_deref().unwrap(), run.config.end_date.as_deref().unwrap())
}

#[tokio::test]
async fn each_day_a_run_of_the_last_thirty_whole_days_starts_once() {
    let shop = Shop::open().await;
    shop.order("order-1", 3 * DAY_MS).await;
    let sent = shop.tick().await;
    let runs = shop.runs().await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].config.model, ModelCode::TimeDecay);
    assert!(runs[0].config.is_usual());
    assert_eq!(days(&runs[0]), ("2026-10-22", "2026-11-20"));
    let expected = RunMessage::Advance {
        tenant: shop.tenant.id.clone(),
        run_id: runs[0].run_id.clone(),
        epoch: 1,
        cutoff: shop.stack.clock.now(),
    };
    assert_eq!(sent.runs, [expected]);
    let active = shop.stack.table().active_runs().await.unwrap();
    assert_eq!(active.iter().map(|active| &active.run_id).collect::<Vec<_>>(), [&runs[0].run_id]);
    // Neither this container nor a new one starts another on the same day.
    assert!(shop.tick().await.runs.is_empty());
    let fresh = App::connect(&shop.stack.host(&ENV)).unwrap();
    attribution_scheduler::handle(fresh).await.unwrap();
    assert!(shop.sent().runs.is_empty());
    shop.stack.clock.advance(DAY_MS);
    assert_eq!(shop.tick().await.runs.len(), 1);
    assert_eq!(days(&shop.runs().await[0]), ("2026-10-23", "2026-11-21"));
}

#[tokio::test]
async fn a_daily_run_whose_message_is_lost_is_sent_on_its_way_again() {
    let shop = Shop::open().await;
    shop.order("order-1", 3 * DAY_MS).await;
    let sent = shop.tick().await.runs;
    shop.stack.clock.advance(90 * SECOND_MS);
    attribution_scheduler::handle(shop.app.clone()).await.unwrap();
    // The indexes have caught up long since: this time nothing needs to wait for them.
    let again = shop.stack.outbox.take().into_iter().map(|again| (again.delay_seconds, again.message_body));
    let again: Vec<(_, RunMessage)> =
        again.map(|(delay, body)| (delay, serde_json::from_str(&body).unwrap())).collect();
    assert_eq!(again, [(0, sent[0].clone())]);
}

#[tokio::test]
async fn a_day_begins_an_hour_after_the_tenants_midnight() {
    // Noon in UTC is 22:00 of the same day in Brisbane.
    let shop =
        Shop::with(Settings { time_zone: "Australia/Brisbane".to_owned(), ..Settings::default() }).await;
    shop.order("order-1", 3 * DAY_MS).await;
    assert_eq!(shop.tick().await.runs.len(), 1);
    assert_eq!(days(&shop.runs().await[0]), ("2026-10-22", "2026-11-20"));
    shop.stack.clock.advance(3 * HOUR_MS - 1);
    assert!(shop.tick().await.runs.is_empty());
    shop.stack.clock.advance(1);
    assert_eq!(shop.tick().await.runs.len(), 1);
    assert_eq!(days(&shop.runs().await[0]), ("2026-10-23", "2026-11-21"));
}

#[tokio::test]
async fn without_conversions_or_by_the_tenants_wish_no_run_starts() {
    let shop = Shop::open().await;
    shop.order("too-old", 32 * DAY_MS).await;
    shop.order("today", HOUR_MS).await;
    assert!(shop.tick().await.runs.is_empty() && shop.runs().await.is_empty());
    let shop = Shop::with(Settings { daily_run_days: 0, ..Settings::default() }).await;
    shop.order("order-1", 3 * DAY_MS).await;
    assert!(shop.tick().await.runs.is_empty() && shop.runs().await.is_empty());
}

#[tokio::test]
async fn the_model_and_the_days_are_the_tenants() {
    let settings =
        Settings { default_model: ModelCode::AiWeighted, daily_run_days: 7, ..Settings::default() };
    let shop = Shop::with(settings).await;
    shop.order("order-1", 3 * DAY_MS).await;
    shop.tick().await;
    let run = &shop.runs().await[0];
    assert_eq!((run.config.model, days(run)), (ModelCode::AiWeighted, ("2026-11-14", "2026-11-20")));
    assert_eq!(run.config.intent_factors, shop.tenant.settings.intent_factors);
}

#[tokio::test]
async fn the_hours_of_the_last_two_days_are_counted_again_once_a_day() {
    let shop = Shop::open().await;
    for (id, before_ms) in [("a", HOUR_MS), ("b", HOUR_MS + 1), ("c", 47 * HOUR_MS), ("d", 50 * HOUR_MS)] {
        shop.call(id, before_ms).await;
    }
    assert_eq!(shop.tick().await.hours, ["202611191300", "202611211000", "202611211100"]);
    assert!(shop.tick().await.hours.is_empty());
}

#[tokio::test]
async fn whatever_call_a_tick_dies_at_the_next_one_makes_up_for_it() {
    let mut nth = 1;
    loop {
        let shop = Shop::open().await;
        shop.order("order-1", 3 * DAY_MS).await;
        shop.call("a", HOUR_MS).await;
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let host =
            shop.stack.failing_host(&ENV, move |_, _| counted.fetch_add(1, Ordering::SeqCst) + 1 >= nth);
        // An error is a tick's only way to tell; the next one comes in any case.
        drop(attribution_scheduler::handle(App::connect(&host).unwrap()).await);
        let died = calls.load(Ordering::SeqCst) >= nth;
        let before = shop.sent();
        let after = shop.tick().await;
        let runs = shop.runs().await;
        assert_eq!(runs.len(), 1, "died at call {nth}");
        assert_eq!(runs[0].status, RunStatus::Running);
        assert!(before.runs.len() + after.runs.len() >= 1, "died at call {nth}: nobody starts the run");
        assert!(before.hours.len() + after.hours.len() >= 1, "died at call {nth}: nobody counts the hour");
        if !died {
            break;
        }
        nth += 1;
    }
    assert!(nth > 15, "a tick makes more calls than {nth}");
}

#[tokio::test]
async fn one_tenants_trouble_is_not_anothers() {
    let shop = Shop::open().await;
    shop.order("order-1", 3 * DAY_MS).await;
    shop.stack.tenant("broken").await;
    let refuses = |operation: &str, body: &str| operation == "GetItem" && body.contains("T#broken");
    let host = shop.stack.failing_host(&ENV, refuses);
    attribution_scheduler::handle(App::connect(&host).unwrap()).await.unwrap();
    assert_eq!(shop.sent().runs.len(), 1);
    assert_eq!(Timestamp::parse("2026-11-21T12:00:00Z").unwrap(), shop.stack.clock.now());
}

//! Runs as their messages come: late, twice, in any order, to workers that die at any step.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod kills;
mod learning;
mod protocol;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use attribution_executor::{App, handle};
use domain::conversion::Conversion;
use domain::identifier::{Identifier, IdentifierType, Region};
use domain::ids::ExternalId;
use domain::interaction::{CallEvent, Field, Interaction, Section, Value};
use domain::learned::{Learned, Learning};
use domain::money::{Currency, Money};
use domain::run::{ModelCode, RunConfig, RunMessage, RunStatus, Stage};
use domain::source::Source;
use domain::time::{HOUR_MS, MINUTE_MS, Timestamp};
use runtime::Host;
use store::{About, Attempt, CreditedConversion, Run, Sums, Table, Tenant};
use testkit::Stack;

const QUEUE: [(&str, &str); 1] = [("RUNS_QUEUE_URL", "http://queues/runs")];

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn email(name: &str) -> Identifier {
    Identifier::parse(IdentifierType::Email, &format!("{name}@example.com"), Region::US).unwrap()
}

/// A tenant with facts, and what a run needs.
struct Shop {
    stack: Stack,
    tenant: Tenant,
    table: Table,
}

impl Shop {
    async fn open() -> Self {
        let stack = testkit::stack();
        let tenant = stack.tenant("demo").await;
        let table = stack.table();
        Self { stack, tenant, table }
    }

    async fn touch(&self, call: &str, who: &[&str], time: Timestamp, agent: &str) {
        self.touch_on("call", call, who, (time, agent)).await;
    }

    async fn touch_on(&self, channel: &str, id: &str, who: &[&str], (time, agent): (Timestamp, &str)) {
        let emails = who.iter().map(|name| email(name).value().to_owned()).collect();
        let event = CallEvent {
            external_id: ExternalId::parse(id).unwrap(),
            section: Section::Started,
            time,
            facts: BTreeMap::from([
                (Field::Emails, Some(Value::List(emails))),
                (Field::AgentId, Some(agent.into())),
                (Field::Channel, Some(channel.into())),
            ]),
        };
        let about = About { source: Source::Convin, external_id: event.external_id.clone() };
        let fold = |before: &Interaction| {
            let mut after = before.clone();
            after.fold(&event);
            (after, ())
        };
        self.table.merge_interaction(&self.tenant, &about, self.stack.clock.now(), fold).await.unwrap();
    }

    async fn convert(&self, order: &str, who: &str, time: Timestamp, money: (i64, &str)) {
        let conversion = Conversion {
            external_id: ExternalId::parse(order).unwrap(),
            event_type: "purchase".to_owned(),
            identifiers: BTreeSet::from([email(who)]),
            amount: Money { minor: money.0, currency: Currency::parse(money.1).unwrap() },
            occurred_at: time,
            event_source: "billing".to_owned(),
            metadata: None,
            refund_of: None,
            commission_minor: None,
            policy_id: None,
            policy_number: None,
        };
        self.table.record_conversion(&self.tenant, &conversion, self.stack.clock.now()).await.unwrap();
    }

    /// Customers in several shards, conversions in two months and two currencies, one of them without a touch; and some who
    /// did not convert.
    async fn stocked() -> Self {
        let shop = Self::open().await;
        let start = at("2026-01-30T10:00:00Z");
        for n in 0..6 {
            let (who, second) = (format!("c{n}"), format!("d{n}"));
            let bought = start.plus_ms(n * 20 * HOUR_MS);
            let first = (bought.plus_ms(-50 * HOUR_MS), "ann");
            shop.touch_on(["email", "chat"][usize::from(n > 3)], &format!("a{n}"), &[&who], first).await;
            shop.touch(&format!("b{n}"), &[&who, &second], bought.plus_ms(-HOUR_MS), "bob").await;
            let currency = if n % 2 == 0 { "USD" } else { "JPY" };
            shop.convert(&format!("o{n}"), &second, bought, (10_001 + n, currency)).await;
        }
        shop.convert("alone", "nobody", start, (777, "USD")).await;
        for n in 0..5 {
            let at = start.plus_ms(n * 30 * HOUR_MS);
            shop.touch_on("email", &format!("e{n}"), &[&format!("l{n}")], (at, "eve")).await;
        }
        shop.touch("last", &["l0"], start.plus_ms(HOUR_MS), "eve").await;
        shop.stack.clock.advance(HOUR_MS);
        shop
    }

    async fn new_run(&self, model: ModelCode) -> Run {
        self.new_run_by(model, &[]).await
    }

    /// A run of several models, which learns from as few conversions as there are.
    async fn new_run_by(&self, model: ModelCode, more: &[ModelCode]) -> Run {
        let learning = Learning { least_conversions: 1, ..Learning::default() };
        let run = self.made(RunConfig { learning, ..RunConfig::usual(model) });
        self.table.create_run(&self.tenant.id, run.and_by(more, &self.tenant.settings)).await.unwrap()
    }

    async fn new_run_of(&self, config: RunConfig) -> Run {
        self.table.create_run(&self.tenant.id, self.made(config)).await.unwrap()
    }

    fn made(&self, config: RunConfig) -> Run {
        let now = self.stack.clock.now();
        Run::new(self.stack.clock.mint("run"), "test".to_owned(), config, now, i64::MAX / 2_000)
    }

    /// What execute sends, after it made the run known to the sweeper.
    async fn executed(&self, run: &Run) -> RunMessage {
        self.table.mark_active(&self.tenant.id, &run.run_id, run.epoch + 1).await.unwrap();
        let cutoff = self.stack.clock.now();
        RunMessage::Advance {
            tenant: self.tenant.id.clone(),
            run_id: run.run_id.clone(),
            epoch: run.epoch + 1,
            cutoff,
        }
    }

    async fn reread(&self, run: &Run) -> Run {
        self.table.run(&self.tenant.id, &run.id(), self.stack.clock.now()).await.unwrap().unwrap()
    }

    /// A worker whose planning leaves work to others.
    fn app(&self) -> App {
        App::connect(&self.stack.host(&QUEUE)).unwrap().in_tasks_of(2, 1)
    }

    /// Hands a message over; answers whether it must come again.
    async fn handled(&self, app: &App, message: &RunMessage) -> bool {
        let body = serde_json::to_string(message).unwrap();
        !handle(app.clone(), testkit::batch([body])).await.batch_item_failures.is_empty()
    }

    /// The messages that were sent since the last call.
    fn sent(&self) -> Vec<RunMessage> {
        self.stack.outbox.take_bodies()
    }

    /// Works off messages until none is left; one that must come again does.
    async fn drain(&self, app: &App, first: impl IntoIterator<Item = RunMessage>) {
        let mut pending: VecDeque<RunMessage> = first.into_iter().collect();
        while let Some(message) = pending.pop_front() {
            if self.handled(app, &message).await {
                pending.push_back(message);
            }
            pending.extend(self.sent());
        }
    }

    /// Two minutes later, the sweeper ticks.
    async fn swept(&self) -> Vec<RunMessage> {
        self.stack.clock.advance(2 * MINUTE_MS);
        let rollups = [("ROLLUPS_QUEUE_URL", "http://queues/rollups"), ("ROLLUP_DELAY_SECONDS", "0")];
        let more = [&rollups[..], &[("INDEX_LAG_SECONDS", "0")]].concat();
        let host: Host = self.stack.host(&[&QUEUE[..], &more[..]].concat());
        attribution_scheduler::handle(attribution_scheduler::App::connect(&host).unwrap()).await.unwrap();
        self.sent()
    }

    /// The same of each of a run's models.
    async fn published_by_each(&self, run: &Run) -> Vec<Published> {
        let mut published = Vec::new();
        for run in run.each() {
            published.push(self.published(&run).await);
        }
        published
    }

    /// Everything a reader of a completed run can see.
    async fn published(&self, run: &Run) -> Published {
        let run = self.reread(run).await;
        assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
        let mut credited = BTreeMap::new();
        for task in self.table.tasks(&self.tenant.id, &run, Stage::Execute).await.unwrap() {
            let attempt = Attempt::committed(&self.tenant.id, &run, &task).unwrap();
            for attributed in [true, false] {
                for part in self.table.credits(attempt, attributed, None, 1_000).await.unwrap() {
                    let conversion = part.conversion;
                    let again = credited.insert(conversion.id.to_string(), conversion);
                    assert!(again.is_none(), "a conversion is credited twice");
                }
            }
        }
        let days = ("2026-01-01", "2026-12-31");
        let days = (domain::time::Day::parse(days.0).unwrap(), domain::time::Day::parse(days.1).unwrap());
        let mut sums = Sums::new();
        for dimension in domain::dimension::Dimension::ALL {
            sums.extend(self.table.run_sums(&self.tenant.id, &run, dimension, days).await.unwrap());
        }
        Published { totals: run.totals, learned: run.learned, credited, sums }
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Published {
    totals: domain::run::Totals,
    learned: Option<Learned>,
    credited: BTreeMap<String, CreditedConversion>,
    sums: Sums,
}

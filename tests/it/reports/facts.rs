//! Random facts of one tenant, kept as they should end up, and what must be sent to get there.

use std::collections::BTreeSet;

use chrono::{DateTime, SecondsFormat, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

/// 2026-02-20T00:00:00Z: from here on, for as many days, clocks change in New York and on Lord Howe Island.
pub(super) const BEGIN: i64 = 1_771_545_600_000;
pub(super) const DAYS: u64 = 60;
const DAY_MS: i64 = 86_400_000;

/// An interaction as it should end up.
#[derive(Clone, Debug)]
pub(super) struct Touch {
    id: String,
    by_webhook: bool,
    /// None as long as nobody told that it began.
    pub(super) began: Option<i64>,
    /// When it was said to begin, whether that was delivered or not.
    planned: i64,
    pub(super) channel: &'static str,
    pub(super) agent: Option<String>,
    pub(super) team: Option<String>,
    pub(super) vendor: Option<String>,
    pub(super) intent: Option<String>,
    /// In hundredths.
    pub(super) probability: Option<u64>,
    pub(super) seconds: Option<u64>,
    pub(super) who: Vec<String>,
    /// How often its start was corrected: each correction is told a day after the one before.
    corrections: i64,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    id: String,
    pub(super) at: i64,
    pub(super) who: Vec<String>,
    pub(super) minor: u64,
    pub(super) currency: &'static str,
    /// When something was paid back, and how much: the oldest first.
    pub(super) refunds: Vec<(i64, u64)>,
}

/// What is to be sent, in this order.
#[derive(Default)]
pub(super) struct Mail {
    pub(super) interactions: Vec<Value>,
    pub(super) webhooks: Vec<String>,
    pub(super) orders: Vec<Value>,
}

pub(super) struct World {
    rng: Rng,
    pub(super) touches: Vec<Touch>,
    pub(super) orders: Vec<Order>,
    /// Starts that are told later.
    withheld: Vec<usize>,
    customers: usize,
    /// Customers whose phone, and whose e-mail, is already known to be another's too.
    merged: BTreeSet<usize>,
}

pub(super) fn rfc3339(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn phone(customer: usize) -> String {
    format!("phone:+1415555{customer:04}")
}

fn email(customer: usize) -> String {
    format!("email:customer-{customer}@example.com")
}

fn identifiers(who: &[String]) -> Value {
    let identifier = |who: &String| {
        let (kind, value) = who.split_once(':').unwrap();
        json!({"type": kind, "value": value})
    };
    who.iter().map(identifier).collect()
}

impl Touch {
    fn item(&self) -> Value {
        let mut item = json!({
            "external_interaction_id": self.id, "channel": self.channel, "started_at": rfc3339(self.planned),
            "customer_identifiers": identifiers(&self.who),
        });
        let mut set = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                item[field] = value;
            }
        };
        set("duration_seconds", self.seconds.map(Value::from));
        set("vendor_code", self.vendor.clone().map(Value::from));
        set("primary_intent", self.intent.clone().map(Value::from));
        set("purchase_probability", self.probability.map(|hundredths| json!(hundredths as f64 / 100.0)));
        set("team_id", self.team.clone().map(Value::from));
        set("agent_id", self.agent.clone().map(Value::from));
        item
    }

    fn webhook(&self, kind: &str, at: i64, data: &Value) -> String {
        json!({"event_type": kind, "call_id": self.id, "timestamp": rfc3339(at), "data": data}).to_string()
    }

    /// Tells everything that a start tells; null where there is nothing to tell.
    fn started(&self) -> String {
        let mut data = json!({
            "started_at": rfc3339(self.planned), "agent_id": self.agent, "team_id": self.team,
            "vendor_code": self.vendor,
        });
        for who in &self.who {
            let (kind, value) = who.split_once(':').unwrap();
            data[if kind == "phone" { "phone_number" } else { kind }] = value.into();
        }
        self.webhook("call.started", BEGIN + self.corrections * DAY_MS, &data)
    }

    fn ended(&self) -> Option<String> {
        let seconds = self.seconds?;
        Some(self.webhook("call.ended", BEGIN, &json!({"duration_seconds": seconds})))
    }

    fn intended(&self) -> String {
        let probability = self.probability.map(|hundredths| hundredths as f64 / 100.0);
        let data = json!({"primary_intent": self.intent, "purchase_probability": probability});
        self.webhook("call.intent.detected", BEGIN + self.corrections * DAY_MS, &data)
    }
}

impl World {
    pub(super) fn random(seed: u64, touches: usize, orders: usize) -> (Self, Mail) {
        let mut world = Self {
            rng: Rng::with_seed(seed),
            touches: Vec::new(),
            orders: Vec::new(),
            withheld: Vec::new(),
            customers: touches / 4 + 1,
            merged: BTreeSet::new(),
        };
        let mut mail = Mail::default();
        for _ in 0..touches {
            world.add_touch(&mut mail);
        }
        for _ in 0..orders {
            world.add_order(&mut mail);
        }
        world.rng.shuffle(&mut mail.webhooks);
        (world, mail)
    }

    fn one_of(&mut self, names: &str, of: u32) -> Option<String> {
        // One in six has none.
        (self.rng.u32(0..6) > 0).then(|| format!("{names}-{}", self.rng.u32(0..of)))
    }

    /// No two things happen in the same millisecond, so that it never matters which of them is taken for the earlier.
    fn moment(&mut self) -> i64 {
        let number = i64::try_from(self.touches.len() + self.orders.len()).unwrap();
        let minute = self.rng.i64(0..i64::try_from(DAYS).unwrap() * 24 * 60);
        BEGIN + minute * 60_000 + number % 60_000
    }

    fn add_touch(&mut self, mail: &mut Mail) {
        let (index, planned, customer) =
            (self.touches.len(), self.moment(), self.rng.usize(0..self.customers));
        let by_webhook = self.rng.u32(0..3) == 0;
        let who = match self.rng.u32(0..8) {
            0 => Vec::new(),
            1 | 2 => vec![phone(customer)],
            3 | 4 => vec![email(customer)],
            _ => vec![phone(customer), email(customer)],
        };
        // Every item to the API names whom it was with.
        let who = if who.is_empty() && !by_webhook { vec![phone(customer)] } else { who };
        let touch = Touch {
            id: format!("touch-{index}"),
            by_webhook,
            began: Some(planned),
            planned,
            channel: if by_webhook { "call" } else { self.rng.choice(["call", "email", "chat"]).unwrap() },
            agent: self.one_of("agent", 12),
            team: self.one_of("team", 3),
            vendor: self.one_of("vendor", 4),
            intent: self.one_of("intent", 5),
            probability: self.rng.bool().then(|| self.rng.u64(0..=100)),
            seconds: self.rng.bool().then(|| self.rng.u64(0..4_000)),
            who,
            corrections: 0,
        };
        self.touches.push(touch);
        self.tell(index, mail);
    }

    fn tell(&mut self, index: usize, mail: &mut Mail) {
        let touch = &mut self.touches[index];
        if !touch.by_webhook {
            mail.interactions.push(touch.item());
            return;
        }
        mail.webhooks.extend(touch.ended());
        mail.webhooks.push(touch.intended());
        if self.rng.u32(0..8) == 0 {
            touch.began = None;
            self.withheld.push(index);
        } else {
            mail.webhooks.push(touch.started());
        }
    }

    fn add_order(&mut self, mail: &mut Mail) {
        let (index, at) = (self.orders.len(), self.moment());
        let customer = self.rng.usize(0..self.customers);
        let who = match self.rng.u32(0..10) {
            0 => vec![format!("email:stranger-{index}@example.com")],
            1..=5 => vec![email(customer)],
            _ => vec![phone(customer)],
        };
        let currency = if self.rng.u32(0..3) == 0 { "EUR" } else { "USD" };
        let (id, minor) = (format!("order-{index}"), self.rng.u64(0..100_000));
        let order = Order { id, at, who, minor, currency, refunds: Vec::new() };
        mail.orders.push(json!({
            "external_event_id": order.id, "event_type": "purchase", "event_source": "test",
            "customer_identifiers": identifiers(&order.who), "currency": currency,
            "amount_decimal": format!("{}.{:02}", order.minor / 100, order.minor % 100),
            "occurred_at": rfc3339(at),
        }));
        self.orders.push(order);
    }

    /// Pays some of an order back, days later: a part, all of it, or more; now and then once more.
    fn refund(&mut self, index: usize, mail: &mut Mail) {
        let most = self.orders[index].minor + 2;
        for number in 0..self.rng.usize(1..4) {
            let at = self.moment().max(self.orders[index].at) + i64::try_from(number).unwrap();
            let minor = if self.rng.bool() { most } else { self.rng.u64(1..most) };
            let order = &mut self.orders[index];
            order.refunds.push((at, minor));
            mail.orders.push(json!({
                "external_event_id": format!("refund-{number}-of-{}", order.id), "event_type": "refund",
                "event_source": "test", "refund_of": order.id, "currency": order.currency,
                "amount_decimal": format!("-{}.{:02}", minor / 100, minor % 100), "occurred_at": rfc3339(at),
            }));
        }
        self.orders[index].refunds.sort_unstable();
    }

    /// Late starts, corrections, replays of what was sent before, two customers who prove to be one, new orders, refunds.
    pub(super) fn change(&mut self, before: &Mail) -> Mail {
        let mut mail = Mail::default();
        for index in std::mem::take(&mut self.withheld) {
            let touch = &mut self.touches[index];
            touch.began = Some(touch.planned);
            mail.webhooks.push(touch.started());
        }
        let all = self.touches.len();
        for _ in 0..all / 10 {
            let index = self.rng.usize(0..all);
            self.correct(index, &mut mail);
        }
        for _ in 0..all / 20 {
            self.merge(&mut mail);
        }
        for _ in 0..self.orders.len() / 10 {
            self.add_order(&mut mail);
        }
        for index in (0..self.orders.len()).step_by(8) {
            self.refund(index, &mut mail);
        }
        mail.webhooks.extend(before.webhooks.iter().take(all / 10).cloned());
        mail.interactions.extend(before.interactions.iter().take(all / 10).cloned());
        self.rng.shuffle(&mut mail.webhooks);
        mail
    }

    /// Says something else about a call than was said before, perhaps that it began hours earlier or later.
    fn correct(&mut self, index: usize, mail: &mut Mail) {
        let (agent, intent) = (self.one_of("agent", 12), self.one_of("intent", 5));
        let moved = self.rng.i64(-4..=4) * 3_600_000;
        let touch = &mut self.touches[index];
        if touch.by_webhook {
            touch.corrections += 1;
            (touch.agent, touch.intent) = (agent, intent);
            touch.planned += moved;
            touch.began = Some(touch.planned);
            mail.webhooks.extend([touch.started(), touch.intended()]);
        }
    }

    /// A new interaction with the phone of one customer and the e-mail of another.
    fn merge(&mut self, mail: &mut Mail) {
        let (one, other) = (self.rng.usize(0..self.customers), self.rng.usize(0..self.customers));
        // Few enough for no identifier to be taken for one that strangers share.
        if one == other || self.merged.contains(&one) || self.merged.contains(&other) {
            return;
        }
        self.merged.extend([one, other]);
        self.add_touch(&mut Mail::default());
        let index = self.touches.len() - 1;
        self.withheld.retain(|withheld| *withheld != index);
        let touch = &mut self.touches[index];
        (touch.by_webhook, touch.began) = (false, Some(touch.planned));
        touch.who = vec![phone(one), email(other)];
        mail.interactions.push(touch.item());
    }
}

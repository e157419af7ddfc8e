//! What the senders say, made from the seed alone: the server's fate changes when it is sent, not what.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::call::{Call, Event, Stage, moment};
use super::ledger::{Ledger, Report, Work};

/// When the first contact may be. Four days over the end of a month, so that runs are planned in two parts.
const FIRST_S: i64 = 1_761_782_400; // 2025-10-30T00:00:00Z
const DAYS: i64 = 4;
const HOUR_S: i64 = 3_600;

/// The days that hold everything the script tells of.
pub(super) const RANGE: (&str, &str) = ("2025-10-29", "2025-11-10");

/// The run's default window: a contact earns what is bought up to so long after it.
pub(super) const WINDOW_S: i64 = 72 * HOUR_S;

/// The last so many customers still call and buy, so that each has several contacts and none has hundreds.
const PRESENT: usize = 40;

const PROVIDERS: [&str; 2] = ["convin", "telephony"];
const CHANNELS: [&str; 4] = ["email", "chat", "sms", "store_visit"];
const OUTCOMES: [&str; 3] = ["purchase", "callback", "no_interest"];
const INTENTS: [&str; 3] = ["purchase_inquiry", "complaint", "pricing"];
pub(super) const EVENT_TYPES: [&str; 2] = ["purchase", "renewal"];
pub(super) const MODELS: [&str; 5] = ["LINEAR", "TIME_DECAY", "FIRST_TOUCH", "LAST_TOUCH", "POSITION_BASED"];

#[derive(Debug)]
pub(super) struct Script {
    rng: Rng,
    /// Part of every name, so that no two tenants or seeds tell of the same things.
    prefix: String,
    /// 415 numbers for one tenant, 628 for the other.
    area: &'static str,
    customers: usize,
    /// Events that were not sent yet, in no order.
    events: Vec<(usize, usize)>,
}

impl Script {
    pub(super) fn new(tenant: &'static str, seed: u64) -> Self {
        let area = if tenant == "demo" { "415" } else { "628" };
        let rng = Rng::with_seed(seed ^ u64::from(tenant.as_bytes().first().copied().unwrap_or_default()));
        Self { rng, prefix: format!("{tenant}-{seed}"), area, customers: 0, events: Vec::new() }
    }

    fn chance(&mut self, percent: u32) -> bool {
        self.rng.u32(0..100) < percent
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        self.rng.choice(of).copied()
    }

    fn customer(&mut self) -> usize {
        if self.customers < 10 || self.chance(15) {
            self.customers += 1;
        }
        self.rng.usize(self.customers.saturating_sub(PRESENT)..self.customers)
    }

    fn phone(&self, customer: usize) -> String {
        format!("+1{}{:07}", self.area, 2_000_000 + customer)
    }

    fn email(&self, customer: usize) -> String {
        format!("customer-{customer}@{}.example", self.prefix)
    }

    fn agent(&mut self) -> String {
        format!("agent-{:03}", self.rng.u32(1..12))
    }

    fn contact_s(&mut self) -> i64 {
        FIRST_S + self.rng.i64(0..DAYS * 24 * HOUR_S)
    }

    fn call(&mut self, number: usize) -> Call {
        let (customer, started_s) = (self.customer(), self.contact_s());
        let ended_s = started_s + self.rng.i64(30..HOUR_S);
        let mut events = vec![
            self.event(Stage::Started, started_s, self.phone(customer)),
            self.event(Stage::Ended, ended_s, String::new()),
            // Sometimes of the same moment as the end, which tells of a transcript too.
            self.event(Stage::Transcript, ended_s, String::new()),
            self.event(Stage::Intent, ended_s + 90, String::new()),
        ];
        events[0].facts.insert("started_at".to_owned(), json!(moment(started_s)));
        events[1].facts.insert("ended_at".to_owned(), json!(moment(ended_s)));
        if self.chance(70) {
            events[0].facts.insert("email".to_owned(), json!(self.email(customer)));
        }
        if self.chance(60) {
            events[1].facts.insert("duration_seconds".to_owned(), json!(ended_s - started_s - 3));
        }
        if self.chance(25) {
            events.push(self.correction(ended_s + 200));
        }
        let provider = self.pick(&PROVIDERS).unwrap_or("convin");
        Call { provider, id: format!("{}-call-{number}", self.prefix), customer, events }
    }

    /// An event with facts that any may tell. `phone` is told by the first only.
    fn event(&mut self, stage: Stage, at_s: i64, phone: String) -> Event {
        let number = self.rng.u32(..);
        let facts = match stage {
            Stage::Started => json!({
                "phone_number": phone, "direction": if number.is_multiple_of(3) { "outbound" } else { "inbound" },
                "language": "en", "vendor_code": format!("vendor-{}", number % 4),
                "agent_id": self.agent(), "team_id": format!("team-{}", number % 3),
            }),
            Stage::Ended => json!({
                "outcome": self.pick(&OUTCOMES), "transcript_url": format!("https://example.com/e/{number}"),
            }),
            Stage::Transcript => json!({ "transcript_url": format!("https://example.com/t/{number}") }),
            Stage::Intent => json!({
                "primary_intent": self.pick(&INTENTS), "secondary_intents": ["pricing"],
                "purchase_probability": f64::from(number % 98 + 1) / 100.0,
            }),
        };
        let facts = match facts {
            Value::Object(facts) => facts,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        Event { stage, at_s, facts, acknowledged: false }
    }

    /// A later event that changes some facts, or takes one back, and leaves the others as they were told.
    fn correction(&mut self, at_s: i64) -> Event {
        let stage = self.pick(&Stage::ALL).unwrap_or(Stage::Ended);
        let facts = match stage {
            Stage::Started => json!({ "agent_id": self.agent() }),
            Stage::Ended => json!({ "outcome": null }),
            Stage::Transcript => json!({ "transcript_url": "https://example.com/corrected" }),
            Stage::Intent => json!({ "primary_intent": "corrected", "purchase_probability": null }),
        };
        let facts = facts.as_object().cloned().unwrap_or_default();
        Event { stage, at_s, facts, acknowledged: false }
    }

    fn interaction(&mut self, number: usize) -> Report {
        let (customer, at_s) = (self.customer(), self.contact_s());
        let external_id = format!("{}-interaction-{number}", self.prefix);
        let (channel, agent) = (self.pick(&CHANNELS).unwrap_or("email"), self.agent());
        let intent = self.pick(&INTENTS);
        let shared = json!({
            "external_interaction_id": external_id, "channel": channel, "started_at": moment(at_s),
            "ended_at": moment(at_s + 60), "primary_intent": intent, "vendor_code": "web",
        });
        let mut body = shared.clone();
        body["customer_identifiers"] = json!([
            {"type": "phone", "value": self.phone(customer)}, {"type": "email", "value": self.email(customer)},
        ]);
        body["participants"] =
            json!([{"participant_type": "agent", "external_agent_id": agent, "role": "sales_rep"}]);
        let mut expected = shared;
        expected["agent_id"] = json!(agent);
        expected["duration_seconds"] = json!(60);
        expected["source"] = json!("api");
        report(external_id, Some(customer), at_s, (body, expected))
    }

    fn conversion(&mut self, number: usize) -> Report {
        let external_id = format!("{}-order-{number}", self.prefix);
        // One in five buys without ever having been in contact.
        let customer = if self.chance(20) { None } else { Some(self.customer()) };
        let at_s = self.contact_s() + self.rng.i64(0..48 * HOUR_S);
        let (minor, currency) = if self.chance(65) {
            (self.rng.i64(1..500_000), "USD")
        } else {
            (self.rng.i64(1..90_000), "JPY")
        };
        let expected = json!({
            "external_event_id": external_id, "event_type": self.pick(&EVENT_TYPES), "currency": currency,
            "amount_decimal": amount(minor, currency), "occurred_at": moment(at_s), "event_source": "billing",
            "metadata": {"order": number},
        });
        let identifier = match customer {
            None => json!({"type": "lead_id", "value": format!("{}-stranger-{number}", self.prefix)}),
            Some(customer) if number.is_multiple_of(2) => {
                json!({"type": "phone", "value": self.phone(customer)})
            }
            Some(customer) => json!({"type": "email", "value": self.email(customer)}),
        };
        let mut body = expected.clone();
        body["customer_identifiers"] = json!([identifier]);
        let report = report(external_id, customer, at_s, (body, expected));
        Report { amount: Some((minor, currency)), ..report }
    }
}

fn report(
    external_id: String,
    customer: Option<usize>,
    at_s: i64,
    (body, expected): (Value, Value),
) -> Report {
    Report {
        external_id,
        customer,
        at_s,
        body,
        expected,
        first_sent: None,
        acknowledged: None,
        id: None,
        amount: None,
    }
}

/// An amount as a JSON number, read from its text so that no cent is lost.
fn amount(minor: i64, currency: &str) -> Value {
    let text =
        if currency == "JPY" { minor.to_string() } else { format!("{}.{:02}", minor / 100, minor % 100) };
    serde_json::from_str(&text).unwrap_or_default()
}

impl Ledger {
    /// Something that was never sent, or in some cases again what was.
    pub(super) fn new_work(&mut self) -> Work {
        match self.script.rng.u32(0..100) {
            0..58 => self.next_delivery(),
            58..66 => self.repeated_delivery(),
            66..78 => Work::Interaction(self.new_interaction()),
            78..92 => Work::Conversion(self.new_conversion()),
            92..94 => self.repeated_conversion(),
            94..97 => {
                let count = self.batch_size();
                Work::Interactions((0..count).map(|_| self.new_interaction()).collect())
            }
            _ => {
                let count = self.batch_size();
                let mut entries: Vec<_> = (0..count).map(|_| self.new_conversion()).collect();
                if self.script.chance(30) {
                    entries.extend(entries.first().copied());
                }
                Work::Conversions { entries, spoiled: self.script.chance(30) }
            }
        }
    }

    /// Any event of any call that is under way, so that calls interleave and stages come out of order.
    pub(super) fn next_delivery(&mut self) -> Work {
        while self.script.events.len() < 24 {
            let number = self.calls.len();
            let call = self.script.call(number);
            self.script.events.extend((0..call.events.len()).map(|event| (number, event)));
            self.calls.push(call);
        }
        self.left_delivery().unwrap_or(Work::Delivery { call: 0, event: 0 })
    }

    /// An event of a call that was begun, without beginning another.
    pub(super) fn left_delivery(&mut self) -> Option<Work> {
        let left = self.script.events.len();
        let place = (left > 0).then(|| self.script.rng.usize(0..left))?;
        let (call, event) = self.script.events.swap_remove(place);
        Some(Work::Delivery { call, event })
    }

    fn repeated_delivery(&mut self) -> Work {
        let call = self.script.rng.usize(0..self.calls.len().max(1));
        let events = self.calls.get(call).map(|call| &call.events);
        let told = events.and_then(|events| events.iter().position(|event| event.acknowledged));
        match told {
            Some(event) => Work::Delivery { call, event },
            None => self.next_delivery(),
        }
    }

    fn repeated_conversion(&mut self) -> Work {
        match self.conversions.len() {
            0 => Work::Conversion(self.new_conversion()),
            count => Work::Conversion(self.script.rng.usize(0..count)),
        }
    }

    /// Mostly small; sometimes as large as they may be in a real sender's nightly job.
    fn batch_size(&mut self) -> usize {
        let most = if self.script.chance(8) { 90 } else { 14 };
        self.script.rng.usize(1..=most)
    }

    fn new_interaction(&mut self) -> usize {
        let number = self.interactions.len();
        let report = self.script.interaction(number);
        self.interactions.push(report);
        number
    }

    fn new_conversion(&mut self) -> usize {
        let number = self.conversions.len();
        let report = self.script.conversion(number);
        self.conversions.push(report);
        number
    }
}

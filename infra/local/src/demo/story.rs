//! What the demo tells: ninety days of a company with a call centre, made up by rule and always the same.

use domain::source::Source;
use domain::tenant::Settings;
use domain::time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use fastrand::Rng;
use serde_json::{Value, json};

use super::cast::{AGENTS, Agent, CHANNELS, INTENTS, Intent, Person};

pub(super) const DAYS: u64 = 90;
pub(super) const CALLS: usize = 1_500;
pub(super) const CONVERSIONS: usize = 400;

/// Of the conversions, those of people who never got in touch.
const STRANGERS: usize = 12;

/// Another seed tells another story.
const SEED: u64 = 0x0043_5241_4521;

/// Everything that happened, in the order in which it is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub first: Day,
    pub last: Day,
    /// The calls: several deliveries each, some of them late, twice, or in the wrong order.
    pub deliveries: Vec<Delivery>,
    /// What happened on other channels, as `POST /v1/interactions` takes it.
    pub touches: Vec<Value>,
    /// What was bought, as `POST /v1/conversions` takes it.
    pub conversions: Vec<Value>,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub provider: Source,
    pub body: Vec<u8>,
    at: Timestamp,
}

impl Story {
    /// What happened in the ninety days before `today`.
    pub fn before(today: Day) -> Self {
        let first = today.minus(DAYS);
        let mut teller =
            Teller { rng: Rng::with_seed(SEED), start: Settings::default().zone().start_of(first), calls: 0 };
        let mut episodes = Vec::new();
        while teller.calls < CALLS {
            episodes.push(teller.episode());
        }
        let deliveries = teller.deliveries(&episodes);
        let touches = episodes.iter().flat_map(|episode| episode.touches.clone()).collect();
        Self { first, last: today.minus(1), deliveries, touches, conversions: teller.conversions(episodes) }
    }
}

/// A person's few days from a first thought to a purchase, or to none.
struct Episode {
    person: Person,
    calls: Vec<Call>,
    touches: Vec<Value>,
    last: Timestamp,
    /// The higher, the more likely somebody buys.
    appeal: u32,
}

struct Call {
    id: String,
    provider: Source,
    agent: &'static Agent,
    intent: &'static Intent,
    /// In hundredths.
    probability: u32,
    started_at: Timestamp,
    seconds: i64,
}

struct Teller {
    rng: Rng,
    start: Timestamp,
    calls: usize,
}

impl Teller {
    fn one_of<T>(&mut self, choices: &'static [T]) -> &'static T {
        &choices[self.rng.usize(..choices.len())]
    }

    /// Whether something happens that happens so often in a hundred.
    fn happens(&mut self, percent: u32) -> bool {
        self.rng.u32(..100) < percent
    }

    /// Two to five contacts on up to three days, a call among them.
    fn episode(&mut self) -> Episode {
        let person = Person::number(self.rng.u32(..780));
        let contacts = 1 + self.rng.usize(..4).min(self.rng.usize(..4));
        let day = self.rng.i64(0..i64::try_from(DAYS).unwrap_or(0) - 4);
        let mut times: Vec<_> = (0..=contacts).map(|_| self.moment(day)).collect();
        times.sort();
        let called = self.rng.usize(..times.len());
        let mut episode =
            Episode { person, calls: Vec::new(), touches: Vec::new(), last: times[contacts], appeal: 0 };
        for (place, time) in times.into_iter().enumerate() {
            if place == called || (self.calls + 1 < CALLS && self.happens(35)) {
                let call = self.call(time);
                episode.appeal += call.agent.skill() + call.probability;
                episode.calls.push(call);
            } else {
                let touch = self.touch(&episode.person, time);
                episode.touches.push(touch);
            }
        }
        episode.appeal =
            episode.appeal / u32::try_from(episode.calls.len()).unwrap_or(1) + self.rng.u32(..60);
        episode
    }

    /// In office hours of this day or one of the next two.
    fn moment(&mut self, day: i64) -> Timestamp {
        let day = day + self.rng.i64(0..3);
        self.start.plus_ms(day * DAY_MS + 8 * HOUR_MS + self.rng.i64(0..11 * 3_600) * SECOND_MS)
    }

    fn call(&mut self, started_at: Timestamp) -> Call {
        self.calls += 1;
        let intent = self.one_of(&INTENTS);
        Call {
            id: format!("demo-call-{:04}", self.calls),
            provider: if self.happens(70) { Source::Convin } else { Source::Telephony },
            agent: self.one_of(&AGENTS),
            intent,
            probability: self.rng.u32(intent.probability.clone()),
            started_at,
            seconds: 20 + self.rng.i64(0..400) + self.rng.i64(0..400) * i64::from(self.happens(40)),
        }
    }

    fn touch(&mut self, person: &Person, started_at: Timestamp) -> Value {
        json!({
            "external_interaction_id": format!("demo-touch-{:016x}", self.rng.u64(..)),
            "channel": self.one_of(&CHANNELS), "started_at": started_at.to_string(),
            "customer_identifiers": [person.identifiers()[0]],
        })
    }

    /// What the telephony systems send of the calls, as the network brings it.
    fn deliveries(&mut self, episodes: &[Episode]) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for episode in episodes {
            for call in &episode.calls {
                for (event_type, at, data) in self.events(&episode.person, call) {
                    let event = json!({
                        "event_type": event_type, "call_id": call.id, "timestamp": at.to_string(), "data": data,
                    });
                    let body = event.to_string().into_bytes();
                    let delay = match self.rng.u32(..100) {
                        0..2 => 2 * DAY_MS,
                        2..12 => self.rng.i64(0..20 * MINUTE_MS),
                        _ => 0,
                    };
                    let delivery = Delivery { provider: call.provider, body, at: at.plus_ms(delay) };
                    if self.happens(4) {
                        let again = delivery.at.plus_ms(self.rng.i64(0..HOUR_MS));
                        deliveries.push(Delivery { at: again, ..delivery.clone() });
                    }
                    deliveries.push(delivery);
                }
            }
        }
        deliveries.sort_by_key(|delivery| delivery.at);
        deliveries
    }

    fn events(&mut self, person: &Person, call: &Call) -> Vec<(&'static str, Timestamp, Value)> {
        let Call { agent, intent, .. } = call;
        let ended_at = call.started_at.plus_ms(call.seconds * SECOND_MS);
        let transcript_url = format!("https://recordings.example.com/{}.json", call.id);
        let outcome = intent.outcome(call.probability);
        let mut started = json!({
            "phone_number": person.phone, "direction": "inbound", "language": "en-US",
            "started_at": call.started_at.to_string(), "agent_id": agent.name, "team_id": agent.team,
            "vendor_code": agent.vendor,
        });
        if self.happens(60)
            && let Some(email) = &person.email
        {
            started["email"] = json!(email);
        }
        let ended = json!({
            "ended_at": ended_at.to_string(), "duration_seconds": call.seconds, "outcome": outcome,
        });
        let mut events = vec![("call.started", call.started_at, started), ("call.ended", ended_at, ended)];
        if call.seconds > 60 {
            let sentiment = *self.one_of(&["positive", "neutral", "neutral", "negative"]);
            let transcript = json!({ "transcript_url": transcript_url, "sentiment": sentiment });
            events.push(("call.transcript.updated", ended_at.plus_ms(MINUTE_MS), transcript));
            let detected = json!({
                "primary_intent": intent.name,
                "purchase_probability": f64::from(call.probability) / 100.0,
            });
            events.push(("call.intent.detected", ended_at.plus_ms(2 * MINUTE_MS), detected));
        }
        events
    }

    /// Those whom most speaks for buy something, and a few of whom nothing is known.
    fn conversions(&mut self, mut episodes: Vec<Episode>) -> Vec<Value> {
        // By a stable sort, so that ties fall the same way each time.
        episodes.sort_by_key(|episode| std::cmp::Reverse(episode.appeal));
        let buyers = episodes.into_iter().take(CONVERSIONS - STRANGERS).map(|it| (it.person, it.last));
        let strangers = (0..STRANGERS).map(|number| {
            let person = Person::number(900 + u32::try_from(number).unwrap_or(0));
            (person, self.start.plus_ms(i64::try_from(7 * number).unwrap_or(0) * DAY_MS))
        });
        let mut purchases: Vec<_> = buyers.chain(strangers.collect::<Vec<_>>()).collect();
        purchases.sort_by_key(|(_, last)| *last);
        let numbered = purchases.into_iter().enumerate();
        numbered.map(|(number, (person, last))| self.conversion(number + 1, &person, last)).collect()
    }

    fn conversion(&mut self, number: usize, person: &Person, last: Timestamp) -> Value {
        let cents = 4_900 + self.rng.u64(..60_000) + self.rng.u64(..200_000) * u64::from(self.happens(30));
        let currency = if self.happens(15) { "EUR" } else { "USD" };
        let after = 10 * MINUTE_MS + self.rng.i64(0..20 * HOUR_MS);
        json!({
            "external_event_id": format!("demo-order-{number:04}"),
            "event_type": self.one_of(&["purchase", "purchase", "policy_bound", "renewal"]),
            "event_source": "shop",
            "amount_decimal": format!("{}.{:02}", cents / 100, cents % 100), "currency": currency,
            "occurred_at": last.plus_ms(after).to_string(),
            "customer_identifiers": person.identifiers(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn story() -> Story {
        Story::before(Day::parse("2026-11-21").unwrap())
    }

    fn events(story: &Story) -> Vec<Value> {
        story.deliveries.iter().map(|delivery| serde_json::from_slice(&delivery.body).unwrap()).collect()
    }

    fn all<'a>(values: impl IntoIterator<Item = &'a Value>, at: &str) -> BTreeSet<String> {
        let found = values.into_iter().filter_map(|value| value.pointer(at)?.as_str());
        found.map(str::to_owned).collect()
    }

    #[test]
    fn it_is_the_same_each_time() {
        assert_eq!(story(), story());
    }

    #[test]
    fn it_tells_of_so_many_calls_and_conversions_on_all_channels_of_all_agents_and_vendors() {
        let (story, events) = (story(), events(&story()));
        assert_eq!(all(&events, "/call_id").len(), CALLS);
        assert_eq!(all(&events, "/event_type").len(), 4);
        assert_eq!(all(&events, "/data/agent_id").len(), 40);
        assert_eq!(all(&events, "/data/vendor_code").len(), 3);
        assert_eq!(all(&story.touches, "/channel").len(), 5);
        assert_eq!(all(&story.touches, "/external_interaction_id").len(), story.touches.len());
        assert_eq!(all(&story.conversions, "/external_event_id").len(), CONVERSIONS);
        assert_eq!(all(&story.conversions, "/currency").len(), 2);
    }

    #[test]
    fn deliveries_come_late_twice_and_out_of_order() {
        let (story, events) = (story(), events(&story()));
        let bodies: BTreeSet<_> = story.deliveries.iter().map(|delivery| &delivery.body).collect();
        assert!(story.deliveries.len() > bodies.len() + 100, "some come twice");
        let mut ended_first = 0;
        let mut started = BTreeMap::new();
        for event in &events {
            let call = event["call_id"].as_str().unwrap();
            if event["event_type"] == "call.started" {
                started.insert(call, ());
            } else if event["event_type"] == "call.ended" && !started.contains_key(call) {
                ended_first += 1;
            }
        }
        assert!(ended_first > 20, "{ended_first} ended before they started");
    }

    #[test]
    fn everything_happens_within_its_days() {
        let (story, events) = (story(), events(&story()));
        let mut times: Vec<_> = events.iter().map(|event| &event["timestamp"]).collect();
        times.extend(story.touches.iter().map(|touch| &touch["started_at"]));
        times.extend(story.conversions.iter().map(|conversion| &conversion["occurred_at"]));
        for time in times {
            let time = Timestamp::parse(time.as_str().unwrap()).unwrap();
            let day = Settings::default().zone().day_of(time);
            assert!(story.first <= day && day <= story.last, "{time}");
        }
    }
}

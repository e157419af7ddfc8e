//! A call as its provider tells it, and what must be known of it in the end.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

/// RFC 3339 as the API writes it.
pub(super) fn moment(at_s: i64) -> String {
    DateTime::from_timestamp(at_s, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// One event of a call, told once or several times.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) stage: Stage,
    pub(super) at_s: i64,
    pub(super) facts: Map<String, Value>,
    pub(super) acknowledged: bool,
}

/// The kinds of events, in the order in which later ones win over earlier ones told for the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Started,
    Ended,
    Transcript,
    Intent,
}

impl Stage {
    pub(super) const ALL: [Stage; 4] = [Stage::Started, Stage::Ended, Stage::Transcript, Stage::Intent];

    const fn event_type(self) -> &'static str {
        match self {
            Stage::Started => "call.started",
            Stage::Ended => "call.ended",
            Stage::Transcript => "call.transcript.updated",
            Stage::Intent => "call.intent.detected",
        }
    }

    const fn section(self) -> &'static str {
        match self {
            Stage::Started => "started",
            Stage::Ended => "ended",
            Stage::Transcript => "transcript",
            Stage::Intent => "intent",
        }
    }
}

/// A call and everything that is told about it.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) provider: &'static str,
    pub(super) id: String,
    pub(super) customer: usize,
    pub(super) events: Vec<Event>,
}

impl Call {
    pub(super) fn is_acknowledged(&self) -> bool {
        self.events.iter().all(|event| event.acknowledged)
    }

    /// The same bytes however often it is told.
    pub(super) fn body(&self, event: usize) -> Option<String> {
        let event = self.events.get(event)?;
        let body = json!({
            "event_type": event.stage.event_type(), "call_id": self.id,
            "timestamp": moment(event.at_s), "data": event.facts,
        });
        Some(body.to_string())
    }

    /// What a reader must see once all events are in: of each fact what was told last, and when each section was.
    pub(super) fn expected(&self) -> Value {
        let mut told: BTreeMap<&str, (i64, Stage, &Value)> = BTreeMap::new();
        let mut sections: BTreeMap<&str, i64> = BTreeMap::new();
        for event in &self.events {
            let at = sections.entry(event.stage.section()).or_insert(event.at_s);
            *at = event.at_s.max(*at);
            for (name, value) in &event.facts {
                let version = (event.at_s, event.stage);
                let known = told.get(name.as_str()).is_some_and(|(at, stage, _)| (*at, *stage) > version);
                if !known {
                    told.insert(name, (event.at_s, event.stage, value));
                }
            }
        }
        let mut expected: Map<String, Value> =
            told.into_iter().map(|(name, (_, _, value))| (name.to_owned(), value.clone())).collect();
        // Of whom they tell is seen in the customer and not in the interaction.
        expected.retain(|name, _| !matches!(name.as_str(), "phone_number" | "email"));
        let section = |(name, at): (&str, i64)| (name.to_owned(), json!({"event_time": moment(at)}));
        expected.insert("sections".to_owned(), sections.into_iter().map(section).collect());
        expected.insert("status".to_owned(), json!("completed"));
        expected.insert("source".to_owned(), json!(self.provider));
        expected.insert("external_interaction_id".to_owned(), json!(self.id));
        Value::Object(expected)
    }
}

/// The fields in which an object differs from what was expected of it.
pub(super) fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let mut found = found.clone();
    // Which of several equal deliveries told a section is decided by who came first.
    for section in found["sections"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        section.as_object_mut().and_then(|section| section.remove("delivery_id"));
    }
    let fields = expected.as_object().into_iter().flatten();
    let differing = fields.filter(|(name, value)| found[name.as_str()] != **value);
    differing.map(|(name, value)| format!("{name} is {} and not {value}", found[name.as_str()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stage: Stage, at_s: i64, facts: Value) -> Event {
        Event { stage, at_s, facts: facts.as_object().cloned().unwrap(), acknowledged: false }
    }

    #[test]
    fn a_fact_is_what_was_told_last_and_a_later_stage_wins_the_same_moment() {
        let events = vec![
            event(Stage::Transcript, 100, json!({"transcript_url": "https://t"})),
            event(Stage::Ended, 100, json!({"transcript_url": "https://e", "outcome": "sale"})),
            event(Stage::Ended, 101, json!({"outcome": null})),
        ];
        let call = Call { provider: "convin", id: "c".to_owned(), customer: 0, events };
        let found = json!({
            "transcript_url": "https://t", "outcome": null, "status": "completed", "source": "convin",
            "external_interaction_id": "c", "sections": {
                "ended": {"event_time": "1970-01-01T00:01:41Z", "delivery_id": "dlv_1"},
                "transcript": {"event_time": "1970-01-01T00:01:40Z"},
            },
        });
        assert_eq!(differences(&call.expected(), &found), Vec::<String>::new());
        assert_eq!(differences(&call.expected(), &json!({})).len(), 5);
    }
}

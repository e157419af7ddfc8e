//! Every alarm has a page that says what to do, and watches something that is counted.

use std::collections::BTreeSet;
use std::fs;

use runtime::{Metric, NAMESPACE};
use serde_yaml_ng::{Mapping, Value};

const PAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/alarms");

/// The alarms of the template: their names, and what they say.
fn alarms() -> Vec<(String, Mapping)> {
    let template: Value = serde_yaml_ng::from_str(crae::template::EMBEDDED).unwrap();
    let resources = template["Resources"].as_mapping().unwrap().iter();
    let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let read = |(name, alarm): (&Value, &Value)| {
        (name.as_str().unwrap().to_owned(), alarm["Properties"].as_mapping().unwrap().clone())
    };
    alarms.map(read).collect()
}

/// `DeliveriesPutAside` has the page `deliveries-put-aside.md`.
fn page_of(alarm: &str) -> String {
    let dashed = alarm.char_indices().flat_map(|(at, letter)| {
        let dash = (at > 0 && letter.is_uppercase()).then_some('-');
        dash.into_iter().chain(letter.to_lowercase())
    });
    format!("{}.md", dashed.collect::<String>())
}

#[test]
fn every_alarm_has_its_page_and_every_page_its_alarm() {
    let mut pages = BTreeSet::new();
    for (name, alarm) in alarms() {
        let page = page_of(&name);
        let description = alarm["AlarmDescription"].as_str().unwrap();
        assert!(description.ends_with(&format!("; see infra/alarms/{page}")), "{name}: {description}");
        let text =
            fs::read_to_string(format!("{PAGES}/{page}")).unwrap_or_else(|error| panic!("{page}: {error}"));
        for part in ["**It means.**", "**What is at risk.**", "**Look.**", "**Do.**"] {
            assert!(text.contains(part), "{page} lacks {part}");
        }
        pages.insert(page);
    }
    let there: BTreeSet<_> =
        fs::read_dir(PAGES).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, pages);
}

#[test]
fn every_alarm_tells_somebody_and_is_quiet_while_nothing_happens() {
    for (name, alarm) in alarms() {
        assert!(alarm.get("AlarmActions").is_some(), "{name} tells nobody");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
    }
}

#[test]
fn the_alarms_watch_exactly_what_is_counted() {
    let mut watched = BTreeSet::new();
    for (_, alarm) in alarms() {
        let parts = alarm.get("Metrics").and_then(Value::as_sequence).into_iter().flatten();
        let metrics =
            parts.map(|part| &part["MetricStat"]["Metric"]).filter(|metric| !metric.is_null()).cloned();
        let all: Vec<_> = metrics.chain([Value::Mapping(alarm.clone())]).collect();
        let ours = all.iter().filter(|metric| metric["Namespace"] == NAMESPACE);
        watched.extend(ours.filter_map(|metric| metric["MetricName"].as_str().map(str::to_owned)));
    }
    let counted: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name().to_owned()).collect();
    assert_eq!(watched, counted);
}

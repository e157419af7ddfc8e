//! What comes of files that people have.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::io::Read;

use attribution_files::{
    Asked, AttributeError, Attributed, Choice, CreditsWriter, FileError, JourneyTable, Layout,
    write_channels, write_transitions,
};
use proptest::prelude::*;

mod parquet;
#[path = "../../../attribution/benches/synthetic/mod.rs"]
mod synthetic;

const MARKOV_1: &str = include_str!("../../../attribution/tests/fixtures/expected_markov1.csv");
const MARKOV_2: &str = include_str!("../../../attribution/tests/fixtures/expected_markov2.csv");
const SHAPLEY: &str = include_str!("../../../attribution/tests/fixtures/expected_shapley_simplified.csv");
const CREDITS: &str = include_str!("../../../attribution/tests/fixtures/credits_10k.csv");

fn asked(typed: &[&str]) -> Asked {
    Asked::of(typed.iter().map(|typed| typed.parse().unwrap()).collect())
}

fn names(journey: &synthetic::Journey) -> String {
    let names = journey.channels.iter().map(|channel| synthetic::CHANNELS[usize::from(*channel)]);
    names.collect::<Vec<_>>().join(" > ")
}

fn ages_text(journey: &synthetic::Journey) -> String {
    journey.ages_seconds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" > ")
}

/// The synthetic journeys, a line each.
fn journeys_csv() -> String {
    let mut csv = String::from("id,path,secs_till_conv,conv,value_cents\n");
    for number in 0..10_000 {
        let journey = synthetic::journey(number);
        let (path, ages) = (names(&journey), ages_text(&journey));
        csv += &format!("{number},{path},{ages},{},{}\n", u8::from(journey.converted), journey.value_cents);
    }
    csv
}

/// The same added up by path, with values in whole units.
fn paths_csv() -> String {
    let mut paths: BTreeMap<String, (u64, i64, u64)> = BTreeMap::new();
    for number in 0..10_000 {
        let journey = synthetic::journey(number);
        let path = paths.entry(names(&journey)).or_default();
        path.0 += u64::from(journey.converted);
        path.1 += journey.value_cents;
        path.2 += u64::from(!journey.converted);
    }
    let line = |(path, (conversions, cents, nulls)): (&String, &(u64, i64, u64))| {
        format!("{path},{conversions},{}.{:02},{nulls}\n", cents / 100, cents % 100)
    };
    "path,conversions,value,nulls\n".to_owned() + &paths.iter().map(line).collect::<String>()
}

fn paths(models: &[&str], csv: &str) -> Result<Attributed, AttributeError> {
    Attributed::of_paths(&asked(models), csv.as_bytes(), &Layout::default(), |_| {})
}

fn journeys(csv: &str) -> Result<JourneyTable, FileError> {
    JourneyTable::read(csv.as_bytes(), &Layout::default(), |_| {})
}

fn near(found: &str, expected: &str) -> bool {
    let (found, expected): (f64, f64) = (found.parse().unwrap(), expected.parse().unwrap());
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

/// Holds the rows of a model against those computed outside; `of` are the columns in which they stand there.
fn as_expected(channels: &str, model: &str, expected: &str, of: &[usize]) {
    let rows: BTreeMap<&str, Vec<&str>> = channels
        .lines()
        .filter(|line| line.split(',').next() == Some(model))
        .map(|line| line.split(',').skip(1).collect::<Vec<_>>())
        .map(|cells| (cells[0], cells[1..].to_vec()))
        .collect();
    assert_eq!(rows.len(), expected.lines().count() - 1, "{model}");
    for line in expected.lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        for (found, of) in rows[cells[0]].iter().zip(of) {
            assert!(near(found, cells[*of]), "{model}, {}: {found} is not {}", cells[0], cells[*of]);
        }
    }
}

#[test]
fn paths_and_journeys_come_to_what_was_computed_outside() {
    let models = ["markov:1", "markov:2", "SHAPLEY"];
    let of_paths = paths(&models, &paths_csv()).unwrap();
    let table = journeys(&journeys_csv()).unwrap();
    let of_journeys =
        Attributed::of_journeys(&asked(&models), &table, |_, _| Ok::<_, Box<dyn std::error::Error>>(()));
    for attributed in [of_paths, of_journeys.unwrap()] {
        let mut channels = Vec::new();
        write_channels(&attributed, &mut channels).unwrap();
        let channels = String::from_utf8(channels).unwrap();
        as_expected(&channels, "MARKOV:1", MARKOV_1, &[3, 4, 1, 2]);
        as_expected(&channels, "MARKOV:2", MARKOV_2, &[3, 4, 1, 2]);
        as_expected(&channels, "SHAPLEY", SHAPLEY, &[1, 2]);
        let mut transitions = Vec::new();
        write_transitions(&attributed, &mut transitions).unwrap();
        let transitions = String::from_utf8(transitions).unwrap();
        // From each place, what can follow is certain.
        let mut from: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for line in transitions.lines().skip(1).filter(|line| line.starts_with("MARKOV:1,")) {
            let cells: Vec<_> = line.split(',').collect();
            *from.entry((cells[0], cells[1])).or_default() += cells[3].parse::<f64>().unwrap();
        }
        assert_eq!(from.len(), synthetic::CHANNELS.len() + 1);
        assert!(from.values().all(|sum| (sum - 1.0).abs() < 1e-9), "{from:?}");
    }
}

#[test]
fn every_touch_is_credited_to_the_cent() {
    let table = journeys(&journeys_csv()).unwrap();
    let models = asked(&["FIRST_TOUCH", "LAST_TOUCH", "LINEAR", "TIME_DECAY", "MARKOV:2", "SHAPLEY"]);
    let mut writer = CreditsWriter::begin(Vec::new()).unwrap();
    let mut sums = BTreeMap::new();
    let attributed = Attributed::of_journeys(&models, &table, |choice, credits| {
        sums.insert(choice.name.clone(), credits.iter().sum::<i64>());
        writer.write(choice, &table, credits)?;
        Ok::<_, Box<dyn std::error::Error>>(())
    });
    let csv = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    let total: i64 = sums["LINEAR"];
    assert!(sums.values().all(|sum| *sum == total), "each cent is credited once by each model: {sums:?}");
    let mut expected = CREDITS.lines().skip(1);
    let of_linear = csv.lines().filter(|line| line.contains(",LINEAR,"));
    for line in of_linear {
        let (cells, wanted) = (line.split(',').collect::<Vec<_>>(), expected.next().unwrap());
        let wanted: Vec<_> = wanted.split(',').collect();
        assert_eq!((cells[0], cells[4]), (wanted[0], wanted[5]), "{line}");
    }
    assert_eq!(expected.next(), None);
    let attributed = attributed.unwrap();
    for model in ["FIRST_TOUCH", "TIME_DECAY", "MARKOV:2", "SHAPLEY"] {
        let of_model = || attributed.channels.iter().filter(|row| row.model == model);
        let (conversions, value): (f64, f64) =
            (of_model().map(|row| row.conversions).sum(), of_model().map(|row| row.value).sum());
        assert!((conversions - 875.0).abs() < 1e-6 && (value - total as f64 / 100.0).abs() < 1e-6, "{model}");
    }
}

#[test]
fn files_are_read_as_people_have_them() {
    let models = ["LINEAR", "LAST_TOUCH"];
    let expected = paths(&models, "path,conversions,value\na > b,2,10.5\nb,1,3\n").unwrap();
    let rows: Vec<_> =
        expected.channels.iter().map(|row| (row.channel.as_str(), row.conversions, row.value)).collect();
    assert_eq!(rows, [("a", 1.0, 5.25), ("b", 2.0, 8.25), ("a", 0.0, 0.0), ("b", 3.0, 13.5)]);
    let columns =
        [("path", "journey"), ("conversions", "n")].map(|(of, name)| (of.to_owned(), name.to_owned()));
    let other = Layout { separator: b';', path_separator: "|".to_owned(), columns: BTreeMap::from(columns) };
    for (csv, layout) in [
        ("\u{feff}path,conversions,value\r\n\r\n a > b ,2,10.5\r\nb,1.0,3", Layout::default()),
        ("id,value,\"path\",conversions\n1,10.5,\"a > b\",2\n2,\"3\",b,1\n", Layout::default()),
        ("journey;n;value\na|b;2;10.5\n\"b\";1;3\n", other),
    ] {
        let attributed = Attributed::of_paths(&asked(&models), csv.as_bytes(), &layout, |_| {});
        assert_eq!(attributed.unwrap(), expected, "{csv}");
    }
    let quoted = paths(&["LINEAR"], "path,conversions\n\"a, \"\"b\"\" > c\nd\",1\n").unwrap();
    let names: Vec<_> = quoted.channels.iter().map(|row| row.channel.as_str()).collect();
    assert_eq!(names, ["a, \"b\"", "c\nd"]);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_column() {
    let journey = |line: &str| {
        let csv = format!("id,path,secs_till_conv,conv,value_cents\n1,a,5,1,100\n{line}\n");
        journeys(&csv).unwrap_err().to_string()
    };
    let paths = |csv: &str| paths(&["LINEAR"], csv).unwrap_err().to_string();
    for (refused, told) in [
        (paths(""), "there is nothing in it"),
        (paths("way,conversions\n"), "line 1: there is no column path, only way, conversions"),
        (paths("path,conversions\na,1\nb,many\n"), "line 3: conversions must be a whole number"),
        (paths("path,conversions\na >  > b,1\n"), "line 2: path has a channel without a name"),
        (paths("path,conversions,value\n\na,1,dear\n"), "line 3: value must be a number"),
        (paths("path,conversions\na\n"), "line 2: conversions is missing"),
        (journey("2,a > b,5,1,100"), "line 3: secs_till_conv must have as many times as path has channels"),
        (journey("2,a > b,5 > 6,1,100"), "line 3: secs_till_conv must fall from touch to touch"),
        (journey("2,a,5,2,100"), "line 3: conv must be 0 or 1"),
        (journey("2,a,5,1,1.5"), "line 3: value_cents must be a whole number"),
    ] {
        assert!(refused.starts_with(told), "{refused}");
    }
    let of_paths = Attributed::of_paths(&asked(&["TIME_DECAY"]), &b""[..], &Layout::default(), |_| {});
    assert!(of_paths.unwrap_err().to_string().starts_with("TIME_DECAY asks how old touches are"));
}

#[test]
fn in_whatever_order_lines_stand_the_results_have_the_same_bits() {
    let models = ["LINEAR", "MARKOV", "MARKOV:2", "MARKOV:3", "MARKOV:4", "SHAPLEY", "SHAPLEY_RATE"];
    let reversed = |csv: String| {
        let (header, lines) = csv.split_once('\n').unwrap();
        let lines: Vec<_> = lines.lines().rev().collect();
        format!("{header}\n{}\n", lines.join("\n"))
    };
    let of_paths = paths(&models, &paths_csv()).unwrap();
    assert_eq!(paths(&models, &reversed(paths_csv())).unwrap(), of_paths);
    assert_eq!(paths(&models, &String::from_utf8(quoted(&paths_csv())).unwrap()).unwrap(), of_paths);
    let of_journeys = |csv: &str| {
        let none = |_: &Choice, _: &[i64]| Ok::<_, AttributeError>(());
        Attributed::of_journeys(&asked(&models), &journeys(csv).unwrap(), none).unwrap()
    };
    assert_eq!(of_journeys(&reversed(journeys_csv())), of_journeys(&journeys_csv()));
}

#[test]
fn channels_that_are_direct_or_paid_for_are_what_some_models_ask_for() {
    let csv =
        "path,conversions,value\npaid > mail > direct,2,10\ndirect,1,5\nmail > paid > mail > mail,1,7\n";
    let mut asked = asked(&["LAST_NON_DIRECT", "FIRST_PAID", "LAST_PAID", "U", "PARTICIPATION"]);
    let refused = Attributed::of_paths(&asked, csv.as_bytes(), &Layout::default(), |_| {}).unwrap_err();
    assert_eq!(refused.to_string(), "FIRST_PAID asks which channels were paid for, and none is named");
    asked.paid.insert("paid".to_owned());
    let attributed = Attributed::of_paths(&asked, csv.as_bytes(), &Layout::default(), |_| {}).unwrap();
    let row = |row: &attribution_files::ChannelRow| (row.channel.clone(), row.conversions, row.value);
    let of = |model: &str| -> Vec<_> {
        let rows = attributed.channels.iter().filter(|row| row.model == model).map(row);
        rows.map(|(channel, conversions, value)| format!("{channel} {conversions:.2} {value:.2}")).collect()
    };
    assert_eq!(of("LAST_NON_DIRECT"), ["direct 1.00 5.00", "mail 3.00 17.00", "paid 0.00 0.00"]);
    assert_eq!(of("FIRST_PAID"), ["direct 1.00 5.00", "mail 0.00 0.00", "paid 3.00 17.00"]);
    assert_eq!(of("LAST_PAID"), of("FIRST_PAID"));
    // 40 % to the first touch and to the last, the others 20 %.
    assert_eq!(of("U"), ["direct 1.80 9.00", "mail 1.30 8.30", "paid 0.90 4.70"]);
    assert_eq!(of("PARTICIPATION"), ["direct 3.00 15.00", "mail 3.00 17.00", "paid 3.00 17.00"]);
}

#[test]
fn journeys_are_credited_by_what_their_channels_are() {
    let csv = "id,path,secs_till_conv,conv,value_cents\n1,mail > paid > direct,9 > 5 > 0,1,1001\n";
    let mut asked = asked(&["LAST_NON_DIRECT", "FIRST_PAID", "PARTICIPATION", "W"]);
    asked.paid.insert("paid".to_owned());
    let mut credited = Vec::new();
    let attributed = Attributed::of_journeys(&asked, &journeys(csv).unwrap(), |choice, credits| {
        credited.push((choice.name.clone(), credits.to_vec()));
        Ok::<_, AttributeError>(())
    });
    let of = |model: &str, credits: [i64; 3]| (model.to_owned(), credits.to_vec());
    // Nobody is credited by participation, which adds up to more than there was.
    let expected =
        [of("LAST_NON_DIRECT", [0, 1_001, 0]), of("FIRST_PAID", [0, 1_001, 0]), of("W", [334, 334, 333])];
    assert_eq!(credited, expected);
    let values = attributed.unwrap().channels.iter().map(|row| row.value).sum::<f64>();
    assert!((values - 6.0 * 10.01).abs() < 1e-9, "{values}");
}

/// Hands out a few bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let most = self.1.min(to.len());
        self.0.read(&mut to[..most])
    }
}

/// The same records as another library reads them, each field in quotes.
fn quoted(csv: &str) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.as_bytes());
    let mut writer =
        csv::WriterBuilder::new().flexible(true).quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    reader.byte_records().for_each(|record| writer.write_byte_record(&record.unwrap()).unwrap());
    writer.into_inner().unwrap()
}

/// What comes of a file, or nothing if it is refused.
fn read(file: impl Read) -> Option<Attributed> {
    Attributed::of_paths(&asked(&["LINEAR"]), file, &Layout::default(), |_| {}).ok()
}

/// Lines that are paths more often than not.
fn lines() -> impl Strategy<Value = String> {
    let path =
        prop_oneof![Just("a > b"), Just("\"a\""), Just("\"a > b,c\""), Just("b\"a\""), Just("\"a\nb\" > c")];
    let line = (
        path,
        prop_oneof![Just("1"), Just("\"2\"")],
        prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\n\n")],
    )
        .prop_map(|(path, conversions, end)| format!("{path},{conversions}{end}"));
    proptest::collection::vec(line, 0..20).prop_map(|lines| lines.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_as_others_read_it_however_it_comes(
        text in prop_oneof![lines(), "[a-c\",\n\r >0-9.]{0,100}"], few in 1_usize..7
    ) {
        let csv = format!("path,conversions,value,nulls\n{text}").replace(",1\n", ",1,2,3\n");
        let whole = read(csv.as_bytes());
        prop_assert_eq!(&whole, &read(Slowly(csv.as_bytes(), few)));
        prop_assert_eq!(&whole, &read(&*quoted(&csv)));
        let csv = format!("id,path,secs_till_conv,conv,value_cents\n{text}");
        drop(JourneyTable::read(csv.as_bytes(), &Layout::default(), |_| {}));
    }

    #[test]
    fn lines_are_counted_as_editors_count_them(lines in lines()) {
        let csv = format!("path,conversions\n{lines}x,many\n");
        let before = csv.replace("\r\n", "\n").replace('\r', "\n").lines().count();
        let refused = paths(&["LINEAR"], &csv).unwrap_err().to_string();
        prop_assert!(refused.starts_with(&format!("line {before}: conversions must be")), "{}", refused);
    }
}

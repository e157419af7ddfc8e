//! Reading JSON that strangers wrote: nothing is guessed, and every refusal names the field.
//!
//! Numbers are read from their text, since a binary fraction cannot hold an amount; a field that stands twice is
//! refused, since two readers would take different ones.

mod values;

pub(crate) use values::in_billionths;
pub use values::{
    MOST_METADATA, NO_CURRENCY, billionths, currency, external_id, id, integer, metadata, moment, one_of,
    parsed, printable, probability, text, text_or_number, texts,
};

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::rule::{Refusal, Rule};

/// How deeply arrays and objects may stand in each other.
pub const MOST_DEPTH: usize = 32;

/// Why a body is not JSON that we read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotJson {
    #[error("the body is not UTF-8")]
    NotUtf8,
    #[error("the body nests more than {MOST_DEPTH} levels deep")]
    TooDeep,
    #[error("the body is not valid JSON at line {line}, column {column}")]
    Syntax { line: usize, column: usize },
    #[error("the body must be a JSON object")]
    NotAnObject,
}

/// A field and what is wrong with it, as a sentence that follows the field's name.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Problem {
    #[schemars(example = &"customer_identifiers[0].type")]
    pub field: String,
    #[schemars(example = &"is required")]
    pub problem: String,
    /// The rule that a value of the right form breaks; see `x-rules` of the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rule>,
}

impl Problem {
    pub fn of(field: impl Into<String>, refusal: impl Into<Refusal>) -> Self {
        let Refusal { problem, rule } = refusal.into();
        Self { field: field.into(), problem, rule }
    }
}

/// Reads the fields of one object and collects what is wrong with them.
#[derive(Debug)]
pub struct Reader<'a> {
    path: String,
    fields: BTreeMap<String, &'a RawValue>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Opens a body that must be one JSON object.
    pub fn open(body: &'a [u8]) -> Result<Self, NotJson> {
        let text = std::str::from_utf8(body).map_err(|_| NotJson::NotUtf8)?;
        if depth(text) > MOST_DEPTH {
            return Err(NotJson::TooDeep);
        }
        let raw: &RawValue = serde_json::from_str(text)
            .map_err(|error| NotJson::Syntax { line: error.line(), column: error.column() })?;
        Self::of(raw, String::new()).ok_or(NotJson::NotAnObject)
    }

    /// The fields of an object inside a body already opened; None when it is no object.
    fn of(raw: &'a RawValue, path: String) -> Option<Self> {
        let object: Object<'a> = serde_json::from_str(raw.get()).ok()?;
        let mut reader = Self { path, fields: BTreeMap::new(), problems: Vec::new() };
        for (name, value) in object.0 {
            if reader.fields.insert(name.clone(), value).is_some() {
                reader.refuse(&name, "stands more than once");
            }
        }
        Some(reader)
    }

    /// Notes a problem with a field of this object.
    pub fn refuse(&mut self, field: &str, refusal: impl Into<Refusal>) {
        let field = if field.is_empty() {
            self.path.trim_end_matches('.').to_owned()
        } else {
            format!("{}{field}", self.path)
        };
        self.problems.push(Problem::of(field, refusal));
    }

    /// Takes a field that must be there.
    pub fn required<T, E: Into<Refusal>>(
        &mut self,
        field: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, E>,
    ) -> Option<T> {
        if self.fields.get(field).is_none_or(|raw| raw.get() == "null") {
            self.fields.remove(field);
            self.refuse(field, "is required");
            return None;
        }
        self.optional(field, read)
    }

    /// Takes a field that may be absent or null.
    pub fn optional<T, E: Into<Refusal>>(
        &mut self,
        field: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, E>,
    ) -> Option<T> {
        self.clearable(field, read).flatten()
    }

    /// Takes a field of which null means something: `Some(None)`.
    pub fn clearable<T, E: Into<Refusal>>(
        &mut self,
        field: &str,
        read: impl FnOnce(&'a RawValue) -> Result<T, E>,
    ) -> Option<Option<T>> {
        let raw = self.fields.remove(field)?;
        if raw.get() == "null" {
            return Some(None);
        }
        match read(raw) {
            Ok(value) => Some(Some(value)),
            Err(problem) => {
                self.refuse(field, problem);
                None
            }
        }
    }

    /// Whether a field is there, and not null.
    pub fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|raw| raw.get() != "null")
    }

    /// Takes an object inside this one.
    pub fn object(&mut self, field: &str) -> Option<Reader<'a>> {
        let path = format!("{}{field}.", self.path);
        let raw = self.fields.remove(field).filter(|raw| raw.get() != "null")?;
        let reader = Self::of(raw, path);
        if reader.is_none() {
            self.refuse(field, "must be an object");
        }
        reader
    }

    /// Takes a list of objects; absent and null count as empty. An entry that is no object comes as its problem.
    pub fn entries(&mut self, field: &str, count: RangeInclusive<usize>) -> Vec<Result<Reader<'a>, Problem>> {
        let raw = self.fields.remove(field).filter(|raw| raw.get() != "null");
        let items: Vec<&'a RawValue> = match raw.map(|raw| serde_json::from_str(raw.get())) {
            None => Vec::new(),
            Some(Ok(items)) => items,
            Some(Err(_)) => {
                self.refuse(field, "must be a list");
                return Vec::new();
            }
        };
        if !count.contains(&items.len()) {
            self.refuse(field, format!("must have {} to {} entries", count.start(), count.end()));
            return Vec::new();
        }
        let entry = |(index, raw)| {
            let path = format!("{}{field}[{index}]", self.path);
            let problem = Problem::of(path.as_str(), "must be an object");
            Self::of(raw, format!("{path}.")).ok_or(problem)
        };
        items.into_iter().enumerate().map(entry).collect()
    }

    /// Takes a list of objects and reads each with `read`; fields that `read` does not take are refused.
    pub fn objects<T>(
        &mut self,
        field: &str,
        count: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Reader<'a>) -> Option<T>,
    ) -> Vec<T> {
        let mut values = Vec::new();
        for entry in self.entries(field, count) {
            match entry {
                Ok(mut item) => {
                    values.extend(read(&mut item));
                    item.refuse_unknown();
                    self.absorb(item.problems);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        values
    }

    /// Notes every field that nobody took.
    pub fn refuse_unknown(&mut self) {
        for field in std::mem::take(&mut self.fields).into_keys() {
            self.refuse(&field, "is not a known field");
        }
    }

    /// Adds problems that were found elsewhere, such as in an object taken from this one.
    pub fn absorb(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
    }

    /// Ends reading where unknown fields are tolerated.
    pub fn problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Ends reading where they are not: the value is whole, or every problem is named.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<Problem>> {
        self.refuse_unknown();
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(self.problems),
        }
    }
}

/// The fields of an object in order, duplicates kept.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Fields).map(Object)
    }
}

/// How deeply brackets stand in each other; found before parsing, so that depth costs no stack.
fn depth(text: &str) -> usize {
    let (mut depth, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                most = most.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(body: &str, read: impl FnOnce(&mut Reader<'_>)) -> Vec<(String, String)> {
        let mut reader = Reader::open(body.as_bytes()).unwrap();
        read(&mut reader);
        reader.refuse_unknown();
        reader.problems().into_iter().map(|p| (p.field, p.problem)).collect()
    }

    #[test]
    fn a_body_that_is_not_json_is_refused_as_a_whole() {
        assert_eq!(Reader::open(&[b'{', 0xff, b'}']).unwrap_err(), NotJson::NotUtf8);
        assert_eq!(Reader::open(b"[1]").unwrap_err(), NotJson::NotAnObject);
        assert!(matches!(Reader::open(b"{\"a\": NaN}").unwrap_err(), NotJson::Syntax { line: 1, .. }));
        assert!(matches!(Reader::open(b"").unwrap_err(), NotJson::Syntax { .. }));
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Reader::open(nested(MOST_DEPTH).as_bytes()).is_ok());
        assert_eq!(Reader::open(nested(MOST_DEPTH + 1).as_bytes()).unwrap_err(), NotJson::TooDeep);
        assert_eq!(Reader::open("[".repeat(200_000).as_bytes()).unwrap_err(), NotJson::TooDeep);
        assert!(Reader::open(br#"{"a":"[[[[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}"#).is_ok());
    }

    #[test]
    fn every_problem_names_its_field() {
        let body = r#"{"list":[{"type":"fax"},7],"n":"x","n2":1.5,"more":1,"twice":1,"twice":2}"#;
        let found = problems(body, |reader| {
            let _items = reader.objects("list", 1..=3, |item| {
                item.required("type", one_of(|text| (text == "phone").then_some(()), &["phone"]))
            });
            assert_eq!(reader.optional("n", integer(0..=9)), None);
            assert_eq!(reader.optional("n2", integer(0..=9)), None);
            assert_eq!(reader.required("gone", text), None);
            assert!(reader.optional("twice", text_or_number).is_some());
        });
        let fields: Vec<_> = found.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["twice", "list[0].type", "list[1]", "n", "n2", "gone", "more"]);
        assert_eq!(found[1].1, "must be one of phone");
    }

    #[test]
    fn numbers_are_taken_leniently_where_senders_differ() {
        let read = |text: &str| integer(0..=1000)(serde_json::from_str(text).unwrap());
        assert_eq!(read("180"), Ok(180));
        assert_eq!(read("\"180\""), Ok(180));
        assert_eq!(read("180.0"), Ok(180));
        assert_eq!(read("0.00"), Ok(0));
        assert_eq!(read("1.8e2"), Ok(180));
        assert!(read("\"1.8e2\"").is_err() && read("\"+1\"").is_err() && read("1e99").is_err());
        assert!(read("180.5").is_err() && read("true").is_err() && read("-1").is_err());
        let read = |text: &str| probability(serde_json::from_str(text).unwrap());
        assert_eq!(read("0.750"), Ok("0.75".to_owned()));
        assert_eq!(read("1"), Ok("1".to_owned()));
        assert_eq!(read("-0.0"), Ok("0".to_owned()));
        assert!(
            read("1.01").is_err()
                && read("\"NaN\"").is_err()
                && read("\".5\"").is_err()
                && read("[]").is_err()
        );
    }
}
